"""The ``sdmx`` folder of a release: structures, all figures as SDMX-CSV, and each series as SDMX-ML."""

import re
from pathlib import Path
from typing import Self

import pandas as pd
import pyarrow as pa
from pysdmx.io import write_sdmx
from pysdmx.io.pd import PandasDataset

from statloom.exports import checksums, packing
from statloom.exports.formulas import in_duckdb, is_formula, neutralised_text
from statloom.exports.model import About, Dataset, File, Text
from statloom.exports.sdmx import structure
from statloom.exports.sdmx.editions import EDITIONS, FLOW, Edition
from statloom.exports.sdmx.figures import Figures, Value, text
from statloom.exports.sdmx.layout import DIMENSIONS, PARTS
from statloom.exports.sdmx.structure import Area

CSV_MEDIA_TYPE = "application/vnd.sdmx.data+csv"
ML_MEDIA_TYPE = "application/vnd.sdmx.structurespecificdata+xml"
STRUCTURE_MEDIA_TYPE = "application/vnd.sdmx.structure+xml"
FOLDER = "sdmx"
# Taken for a figure's line, to decide beforehand whether the file of all figures is packed.
_BYTES_A_LINE = 300
# SDMX-ML repeats every concept's name for every figure: it is packed much earlier than CSV.
_ML_GZIP_ABOVE = 1_000_000
_START = "\x01"  # where a line begins, until the edition's own first columns stand there
_KEY = [part.concept for part in DIMENSIONS]
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f]"  # XML has no way to write these
_ESCAPES = (
    ("&", "&amp;"),
    ("<", "&lt;"),
    (">", "&gt;"),
    ('"', "&quot;"),
    ("\n", "&#10;"),
    ("\r", "&#13;"),
    ("\t", "&#9;"),
)


class Writer:
    """Writes the SDMX files of a release to ``folder/sdmx``: ``add`` series by series, ``finish`` at the end.

    ``cells``: how many figures there are in all, which decides with ``gzip_above`` (bytes) whether the files
    of all figures are packed.
    """

    def __init__(self, folder: Path, about: About, *, cells: int, gzip_above: int | None = None) -> None:
        self.folder, self.about = folder, about
        self.figures = Figures(about)
        self.series: list[Dataset] = []
        packed = gzip_above is not None and cells * _BYTES_A_LINE > gzip_above
        self._csv: dict[Edition, packing.File] = {}
        for edition in EDITIONS:
            here = folder / FOLDER / edition.number
            (here / "data").mkdir(parents=True, exist_ok=True)
            file = packing.File(here / ("data.csv.gz" if packed else "data.csv"), packed=packed)
            file.write(f"{self._first(edition)},{','.join(part.concept for part in PARTS)}\n".encode())
            self._csv[edition] = file
        self._frames = {edition: self._frame(edition) for edition in EDITIONS}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for file in self._csv.values():
            file.close()
        self.figures.connection.close()

    def add(self, cells: pa.Table, dataset: Dataset, *, ml: bool = True) -> list[File]:
        """Write the figures of a series, with the columns of released cells; return its SDMX-ML files.

        ``ml``: whether it is written as SDMX-ML too.
        """
        self.series.append(dataset)
        cells = self.figures.one_a_key(cells)
        if not len(cells):
            return []
        values = self.figures.values(cells, dataset)
        lines = [_csv_line(values), _ml_line(values)] if ml else [_csv_line(values)]
        observations = []
        for figures, *elements in self.figures.lines(cells, lines):
            for edition, file in self._csv.items():
                file.write(bytes(figures).replace(_START.encode(), self._prefix(edition)))
            observations += elements
        return self._write_ml(dataset, observations) if ml else []

    def _write_ml(self, dataset: Dataset, parts: list[memoryview]) -> list[File]:
        packed = sum(part.nbytes for part in parts) > _ML_GZIP_ABOVE
        written = []
        for edition, (head, tail) in self._frames.items():
            name = f"{dataset.code}.xml.gz" if packed else f"{dataset.code}.xml"
            path = self.folder / FOLDER / edition.number / "data" / name
            with packing.File(path, packed=packed) as file:
                for part in (head, *parts, tail):
                    file.write(part)
            written.append(
                checksums.describe(
                    self.folder,
                    path,
                    f"{ML_MEDIA_TYPE};version={edition.number}",
                    "gz" if packed else None,
                    Text(f"SDMX-ML {edition.number}"),
                    edition.conforms_to,
                )
            )
        return written

    def finish(self, areas: list[Area]) -> list[File]:
        """Write the structures and return the files of the whole: structure and figures of each edition."""
        written = []
        for edition in EDITIONS:
            here = self.folder / FOLDER / edition.number
            path = structure.write(
                here / "structure.xml", self.about, edition, self.series, areas, self.figures.used
            )
            written.append(
                checksums.describe(
                    self.folder,
                    path,
                    f"{STRUCTURE_MEDIA_TYPE};version={edition.number}",
                    title=Text(f"SDMX {edition.number}: structure", f"SDMX {edition.number}: संरचना"),
                    conforms_to=edition.conforms_to,
                )
            )
            file = self._csv[edition]
            file.close()
            written.append(
                checksums.describe(
                    self.folder,
                    file.path,
                    f"{CSV_MEDIA_TYPE};version={edition.csv}",
                    "gz" if file.packed else None,
                    Text(f"SDMX-CSV {edition.csv}: all figures", f"SDMX-CSV {edition.csv}: सबै तथ्याङ्क"),
                    edition.conforms_to,
                )
            )
        return written

    def _reference(self, edition: Edition) -> str:
        return f"{self.about.agency}:{FLOW}({edition.versioned(self.about.release_id)})"

    def _first(self, edition: Edition) -> str:
        return "STRUCTURE,STRUCTURE_ID,ACTION" if edition.number == "3.0" else "DATAFLOW"

    def _prefix(self, edition: Edition) -> bytes:
        flow = self._reference(edition)
        return (f"dataflow,{flow},I," if edition.number == "3.0" else f"{flow},").encode()

    def _frame(self, edition: Edition) -> tuple[bytes, bytes]:
        """Return what stands before and after the observations of an SDMX-ML message, as pysdmx writes it."""
        data = pd.DataFrame({concept: ["x"] for concept in _KEY})
        dataset = PandasDataset(structure=structure.schema(self.about, edition), data=data)
        message = write_sdmx(dataset, edition.figures, header=structure.header(self.about))
        start = message.index("\t\t<Obs ")
        end = message.index("/>\n", start) + len("/>\n")
        return message[:start].encode(), message[end:].encode()


def _csv_line(values: dict[str, Value]) -> str:
    """Return SQL for the line of a figure: quoted where it must be and, as in other CSV files, no formula."""
    pieces = [_START]
    for position, part in enumerate(PARTS):
        pieces.append("," if position else "")
        value = values.get(part.concept)
        if value is None:
            continue
        if value.constant is not None:
            safe = neutralised_text(value.constant) if value.texts else value.constant
            pieces.append('"' + safe.replace('"', '""') + '"' if re.search(r'[",\r\n]', safe) else safe)
            continue
        sql = value.sql
        if any(map(is_formula, value.texts)):
            sql = in_duckdb(f"({sql})")
        if any(re.search(r'[",\r\n]', said) for said in value.texts):
            quoted = f"'\"' || replace({sql}, '\"', '\"\"') || '\"'"
            sql = f"case when regexp_matches({sql}, '[\",\\r\\n]') then {quoted} else {sql} end"
        pieces.append(_Sql(sql))
    return _joined([*pieces, "\n"])


def _ml_line(values: dict[str, Value]) -> str:
    """Return SQL for the element of a figure; what a figure does not have is left out."""
    pieces = ["\t\t<Obs "]
    for part in PARTS:
        value = values.get(part.concept)
        if value is None:
            continue
        if value.constant is not None:
            constant = re.sub(_CONTROL, "", value.constant)
            for character, escaped in _ESCAPES:
                constant = constant.replace(character, escaped)
            pieces.append(f'{part.concept}="{constant}" ')
            continue
        sql = value.sql
        # Only what is there is escaped: most columns have nothing that must be.
        if any(re.search(_CONTROL, said) for said in value.texts):
            sql = f"regexp_replace({sql}, '{_CONTROL}', '', 'g')"
        for character, escaped in _ESCAPES:
            if any(character in said for said in value.texts):
                sql = f"replace({sql}, chr({ord(character)}), '{escaped}')"
        if value.nullable:
            pieces.append(_Sql(f"'{part.concept}=\"' || ({sql}) || '\" '"))
        else:
            pieces += [f'{part.concept}="', _Sql(sql), '" ']
    return _joined([*pieces, "/>\n"])


class _Sql(str):
    """A piece of a line that is SQL; the others are constants."""

    __slots__ = ()


def _joined(pieces: list[str]) -> str:
    """Return SQL for all ``pieces`` in a row; a null is left out."""
    joined, constant = [], ""
    for piece in [*pieces, _Sql()]:
        if not isinstance(piece, _Sql):
            constant += piece
            continue
        joined += [text(constant)] if constant else []
        joined += [piece] if piece else []
        constant = ""
    return f"concat({', '.join(joined)})"
