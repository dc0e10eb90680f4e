"""The description of a public-use file by DDI Codebook 2.5, which archives and survey tools read."""

from pathlib import Path
from xml.etree import ElementTree as xml

from statloom.exports.microdata import Microdata, Variable
from statloom.exports.model import About, Text

NAME = "ddi.xml"
MEDIA_TYPE = "application/xml"
STANDARD = "https://ddialliance.org/Specification/DDI-Codebook/2.5/"
_NAMESPACE = "ddi:codebook:2_5"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_INTERVALS = {"number": "contin", "integer": "contin"}


def write(folder: Path, about: About, described: Microdata) -> Path:
    """Write ``ddi.xml`` into ``folder``, the release's, beside the file's tables; return its path."""
    xml.register_namespace("", _NAMESPACE)
    book = xml.Element(f"{{{_NAMESPACE}}}codeBook", {"version": "2.5", _LANGUAGE: "en"})
    _study(book, about, described)
    numbers = {}
    for i, table in enumerate(described.tables, 1):
        record = table.name.removeprefix(f"{described.source.source_id}_")
        numbers[record] = f"F{i}"
        text = _add(_add(book, "fileDscr", ID=f"F{i}", URI=table.file.path.rpartition("/")[2]), "fileTxt")
        _add(text, "fileName", table.file.path.rpartition("/")[2])
        _add(text, "fileCont", table.description)
        size = _add(text, "dimensns")
        _add(size, "caseQnty", str(described.rows[record]))
        _add(size, "varQnty", str(len(table.fields)))
    data = _add(book, "dataDscr")
    weights = [v.name for v in described.variables if v.role == "weight"]
    for variable in described.variables:
        _variable(data, variable, numbers[variable.record], weights)
    path = folder / described.path / NAME
    xml.indent(book)
    xml.ElementTree(book).write(path, encoding="utf-8", xml_declaration=True)
    return path


def _study(book: xml.Element, about: About, described: Microdata) -> None:
    source, study = described.source, _add(book, "stdyDscr")
    citation = _add(study, "citation")
    titles = _add(citation, "titlStmt")
    _add(titles, "titl", described.title.en)
    if described.title.ne:
        _add(titles, "parTitl", described.title.ne, language="ne")
    _add(titles, "IDNo", f"{source.source_id}_public_use_{described.edition}")
    _add(_add(citation, "rspStmt"), "AuthEnty", source.custodian)
    producer = _add(citation, "prodStmt")
    _add(producer, "producer", about.publisher)
    version = _add(citation, "verStmt")
    _add(version, "version", f"Edition {described.edition}")
    information = _add(study, "stdyInfo")
    _add(information, "abstract", source.provenance)
    summary = _add(information, "sumDscr")
    _add(summary, "timePrd", described.period)
    _add(summary, "anlyUnit", ", ".join(described.rows))
    _add(summary, "dataKind", f"{source.kind}, public-use file" if source.kind else "public-use file")
    method = _add(study, "method")
    for note in described.notes:
        _texts(method, "notes", note)
    for what, how_much in described.facts:
        _add(method, "notes", f"{what.en}: {how_much}")
    use = _add(_add(study, "dataAccs"), "useStmt")
    _texts(use, "conditions", described.terms)
    _add(use, "restrctn", source.licence)


def _variable(data: xml.Element, variable: Variable, file: str, weights: list[str]) -> None:
    marks = {"ID": f"{file}_{variable.name}", "name": variable.name, "files": file}
    marks["intrvl"] = _INTERVALS.get(variable.type, "discrete")
    if variable.role == "weight":
        marks["wgt"] = "wgt"
    elif weights:
        marks["wgt"] = "not-wgt"
    made = _add(data, "var", **marks)
    _texts(made, "labl", variable.title)
    known = variable.before - variable.suppressed if variable.before else sum(variable.counts.values())
    _add(made, "sumStat", str(known), type="vald")
    _add(made, "sumStat", str(variable.missing), type="invd")
    for category, rows in variable.counts.items():
        entry = _add(made, "catgry")
        _add(entry, "catValu", category)
        _add(entry, "catStat", str(rows), type="freq")
    _add(made, "varFormat", type="numeric" if variable.type in _INTERVALS else "character")
    if variable.made:
        _texts(made, "notes", variable.made)
    if variable.suppressed:
        _add(made, "notes", f"{variable.suppressed} of {variable.before} values are left out of single rows")


def _texts(parent: xml.Element, name: str, text: Text) -> None:
    for language, said in text.each().items():
        _add(parent, name, said, language=language)


def _add(
    parent: xml.Element, element: str, text: str | None = None, *, language: str | None = None, **marks: str
) -> xml.Element:
    """Add an element; return it."""
    if language:
        marks = {_LANGUAGE: language, **marks}
    made = xml.SubElement(parent, f"{{{_NAMESPACE}}}{element}", marks)
    made.text = text
    return made
