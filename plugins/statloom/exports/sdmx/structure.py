"""The structure message: agency, code lists, concepts, data structure and dataflow.

Artefacts are made with ``pysdmx``, which knows one language and replaces apostrophes; so it is given marks in
place of names, and the names in all languages are put in their places afterwards.
"""

import datetime
from dataclasses import dataclass
from pathlib import Path

from lxml import etree
from pysdmx.io import write_sdmx
from pysdmx.model import (
    Agency,
    Code,
    Codelist,
    Concept,
    ConceptScheme,
    Dataflow,
    ItemReference,
    Organisation,
    Schema,
)
from pysdmx.model.dataflow import Component, Components, DataStructureDefinition, Role
from pysdmx.model.message import Header
from pysdmx.model.organisation import AgencyScheme

from statloom.exports.model import About, Category, Dataset, Text
from statloom.exports.sdmx.editions import CONCEPTS, FLOW, STRUCTURE, Edition
from statloom.exports.sdmx.figures import Used
from statloom.exports.sdmx.layout import ATTRIBUTES, DIMENSIONS, MEASURE, PARTS, Part, identifier

_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_MARK = "§"


@dataclass(frozen=True)
class Area:
    """A place as the code list of areas has it."""

    place_id: str
    title: Text
    parent_id: str | None = None


@dataclass(frozen=True)
class _Name:
    title: Text
    description: Text | None = None
    parent: str | None = None


def header(about: About) -> Header:
    """Return the head of every message of a release: it has the day of the release, not the clock."""
    return Header(
        id=f"RELEASE_{about.release_id}",
        prepared=datetime.datetime.combine(about.issued, datetime.time(), datetime.UTC),
        sender=Organisation(id=about.agency),
    )


def write(
    path: Path, about: About, edition: Edition, series: list[Dataset], areas: list[Area], used: Used
) -> Path:
    """Write the structure message of ``edition`` to ``path``.

    Code lists have what the framework lists and what figures use; of places those that figures are of, and
    the places above them.
    """
    names: list[_Name] = []
    version = edition.versioned(about.release_id)

    def mark(title: Text, description: Text | None = None, parent: str | None = None) -> str:
        names.append(_Name(title, description, parent))
        return f"{_MARK}{len(names) - 1}"

    concepts = about.metadata.terms.get("concept")
    said = {category.code: category.title for category in concepts.categories} if concepts else {}
    said |= {listed.name: listed.title for listed in about.metadata.dimensions.values()}

    def concept_title(part: Part) -> Text:
        return said.get(part.concept) or Text(part.concept.replace("_", " ").capitalize())

    lists = {
        part.concept: Codelist(
            id=part.code_list,
            agency=about.agency,
            version=version,
            name=mark(concept_title(part)),
            items=[
                Code(id=code, name=mark(name.title, name.description, name.parent))
                for code, name in _codes(about, part, series, areas, used).items()
            ],
        )
        for part in PARTS
        if part.code_list
    }
    scheme = ConceptScheme(
        id=CONCEPTS,
        agency=about.agency,
        version=version,
        name=mark(said.get(CONCEPTS) or Text("Concepts of the SDG data structure")),
        items=[Concept(id=part.concept, name=mark(concept_title(part)), dtype=part.kind) for part in PARTS],
    )
    structure = DataStructureDefinition(
        id=STRUCTURE,
        agency=about.agency,
        version=version,
        name=mark(said.get(STRUCTURE) or Text("SDG data structure")),
        components=_components(about.agency, version, lists),
    )
    agencies = AgencyScheme(agency="SDMX", items=[Agency(id=about.agency, name=mark(about.publishers))])
    flow = Dataflow(
        id=FLOW,
        agency=about.agency,
        version=version,
        name=mark(about.titles, about.descriptions),
        structure=structure,
    )
    message = write_sdmx(
        [agencies, *lists.values(), scheme, structure, flow], edition.structure, header=header(about)
    )
    path.write_bytes(_named(message.encode(), names))
    return path


def schema(about: About, edition: Edition) -> Schema:
    """Return the data structure without the codes of its lists: what the frame of a message needs."""
    version = edition.versioned(about.release_id)
    return Schema(
        context="datastructure",
        agency=about.agency,
        id=STRUCTURE,
        version=version,
        components=_components(about.agency, version, {}),
    )


def _components(agency: str, version: str, lists: dict[str, Codelist]) -> Components:
    everything = ",".join(part.concept for part in DIMENSIONS if part.concept != "TIME_PERIOD")

    def component(part: Part, role: Role) -> Component:
        return Component(
            id=part.concept,
            required=role == Role.DIMENSION,
            role=role,
            concept=ItemReference(
                sdmx_type="Concept", agency=agency, id=CONCEPTS, version=version, item_id=part.concept
            ),
            local_codes=lists.get(part.concept),
            local_dtype=None if part.code_list else part.kind,
            attachment_level=(everything if part.series else "O") if role == Role.ATTRIBUTE else None,
        )

    return Components(
        [
            *(component(part, Role.DIMENSION) for part in DIMENSIONS),
            component(MEASURE, Role.MEASURE),
            *(component(part, Role.ATTRIBUTE) for part in ATTRIBUTES),
        ]
    )


def _codes(
    about: About, part: Part, series: list[Dataset], areas: list[Area], used: Used
) -> dict[str, _Name]:
    """Return the codes of a component's list with their names, in order."""
    if part.concept == "SERIES":
        return {identifier(dataset.code): _Name(dataset.titles, dataset.definitions) for dataset in series}
    codes = used.codes.get(part.concept, set())
    if part.concept == "REF_AREA":
        return _areas(about, areas, codes)
    said = about.metadata
    listed = (
        said.units
        if part.column == "unit"
        else said.dimensions.get(part.column) or said.terms.get(part.terms)
    )
    categories: tuple[Category, ...] = listed.categories if listed else ()
    known = {category.sdmx or identifier(category.code): _Name(category.title) for category in categories}
    return known | {code: _Name(Text(code)) for code in sorted(codes - known.keys())}


def _areas(about: About, areas: list[Area], used: set[str]) -> dict[str, _Name]:
    places = {area.place_id: area for area in areas}
    special = about.metadata.terms.get("place")
    codes = {c.code: c.sdmx for c in special.categories if c.sdmx} if special else {}
    wanted: set[str] = set()
    for place_id in used:
        while place_id and place_id not in wanted:
            wanted.add(place_id)
            place_id = places[place_id].parent_id if place_id in places else None
    code = {place_id: codes.get(place_id) or identifier(place_id) for place_id in wanted}
    unknown = [Area(place_id, Text(place_id)) for place_id in sorted(wanted - places.keys())]
    return {
        code[area.place_id]: _Name(area.title, Text(area.place_id), code.get(area.parent_id))
        for area in (*areas, *unknown)
        if area.place_id in wanted
    }


def _named(message: bytes, names: list[_Name]) -> bytes:
    """Put the names in the places of their marks, and what stands above an area below its name."""
    root = etree.fromstring(message, etree.XMLParser(remove_blank_text=True))
    common, structures = root.nsmap["com"], root.nsmap["str"]
    three = "v3_0" in common
    for element in list(root.iter(f"{{{common}}}Name")):
        if not (element.text or "").startswith(_MARK):
            continue
        name = names[int(element.text[len(_MARK) :])]
        last = element
        for tag, said in (("Name", name.title), ("Description", name.description)):
            for language, words in (said.each() if said else {}).items():
                if last is element and tag == "Name" and language == "en":
                    element.text = words
                    continue
                more = etree.Element(f"{{{common}}}{tag}", {_LANGUAGE: language})
                more.text = words
                last.addnext(more)
                last = more
        # The schema of 3.0 wants letters first in what stands above: the country's number is not allowed.
        if name.parent and not (three and name.parent[0].isdigit()):
            parent = etree.Element(f"{{{structures}}}Parent")
            if three:
                parent.text = name.parent
            else:
                etree.SubElement(parent, "Ref", id=name.parent)
            last.addnext(parent)
    # Optional, and more than some readers know: with one measure it says nothing.
    for element in list(root.iter(f"{{{structures}}}MeasureRelationship")):
        element.getparent().remove(element)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
