"""One Excel workbook in the look that all workbooks of a release share."""

import datetime
from functools import lru_cache
from pathlib import Path

import xlsxwriter

from statloom.exports.formulas import neutralised_text
from statloom.exports.licences import address
from statloom.exports.model import About, Dataset, Table, Text
from statloom.exports.words import NOTES, WORDS

_WIDTHS = {
    "place_name": 24, "place_name_ne": 24, "series_code": 46, "title": 46, "title_ne": 40, "breakdown": 34,
    "breakdown_ne": 34, "source_id": 30, "comment": 44, "unit": 16, "obs_status": 20, "place_level": 14,
}  # fmt: skip
_COMMENTED = {"E": "estimated", "U": "unreliable", "Q": "left_out", "M": "missing"}


class Book:
    """A workbook that is being written. Call ``contents`` first, then sheets, then ``close``."""

    def __init__(self, path: Path, about: About, title: Text) -> None:
        self.about, self.title = about, title
        self.book = xlsxwriter.Workbook(
            str(path), {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        )
        self.book.set_properties(
            {
                "title": title.en,
                "author": about.publisher,
                "company": about.publisher,
                "comments": f"Release {about.release_id} of {about.issued.isoformat()}",
                "created": datetime.datetime.combine(about.issued, datetime.time()),
            }
        )
        make = self.book.add_format
        self.formats = {
            "title": make({"bold": True, "font_size": 15}),
            "plain": make({"valign": "top"}),
            "wrapped": make({"text_wrap": True, "valign": "top"}),
            "head": make(
                {"bold": True, "text_wrap": True, "valign": "top", "bottom": 1, "bg_color": "#E8EEF4"}
            ),
            "link": make({"font_color": "#0B5394", "underline": 1}),
            "section": make({"bold": True, "font_size": 12}),
            "left_out": make({"font_color": "#666666", "align": "right"}),
        }
        for shade, look in {
            "": {},
            "estimated": {"italic": True},
            "unreliable": {"font_color": "#9C5700", "bg_color": "#FFEB9C"},
        }.items():
            for digits, code in {
                "whole": "#,##0",
                "one": "#,##0.0",
                "fine": "#,##0.000",
                "share": "0.0%",
            }.items():
                self.formats[f"{shade}{digits}"] = make({"num_format": code, "valign": "top", **look})

    def contents(self, sheets: list[tuple[str, Text]], facts: dict[str, str]) -> None:
        """Write the first sheet: what the workbook is, and links to its sheets (name and title)."""
        page = self.book.add_worksheet(WORDS["contents"].en)
        page.set_column(0, 0, 26)
        page.set_column(1, 2, 62)
        write = page.write_string
        write(0, 0, _safe(self.title.en), self.formats["title"])
        write(1, 0, _safe(self.title.in_("ne")), self.formats["title"])
        said = {
            "release": f"{self.about.release_id}, {self.about.issued.isoformat()}",
            "publisher": self.about.publisher,
        }
        line = 3
        for name, value in (said | facts).items():
            write(line, 0, _both(name, self.about))
            write(line, 1, _safe(value))
            line += 1
        line += 1
        extra = [(WORDS[name].en, WORDS[name]) for name in ("notes", "sources")]
        for name, title in [*sheets, *extra]:
            page.write_url(line, 0, f"internal:'{name}'!A1", self.formats["link"], name)
            write(line, 1, _safe(title.en))
            write(line, 2, _safe(title.in_("ne")))
            line += 1
        page.hide_gridlines(2)

    def sheet(self, name: str, title: Text, dataset: Dataset | None = None) -> "Sheet":
        """Begin the sheet ``name``; with a dataset its unit and definition stand above the table."""
        return Sheet(self, name, title, dataset)

    def close(self, tables: list[Table]) -> None:
        """Write the notes and the sources of ``tables``, and the file."""
        page = self.book.add_worksheet(WORDS["notes"].en)
        page.set_column(0, 1, 80, self.formats["wrapped"])
        for line, note in enumerate(NOTES):
            page.write_string(line, 0, _safe(note.en), self.formats["wrapped"])
            page.write_string(line, 1, _safe(note.in_("ne")), self.formats["wrapped"])
        self._sources(tables)
        self.book.close()

    def _sources(self, tables: list[Table]) -> None:
        page = self.book.add_worksheet(WORDS["sources"].en)
        heads = ("source_id", "title", "title_ne", "custodian", "licence", "provenance", "synthetic")
        for column, (head, width) in enumerate(zip(heads, (30, 50, 40, 30, 20, 70, 12), strict=True)):
            page.set_column(column, column, width)
            page.write_string(0, column, _both(head, self.about), self.formats["head"])
        page.freeze_panes(1, 0)
        sources = {source.source_id: source for table in tables for source in table.dataset.sources}
        for line, source in enumerate(sources.values(), 1):
            said = (
                source.source_id,
                source.title,
                source.title_ne,
                source.custodian,
                source.licence + (f" {page_of}" if (page_of := address(source.licence)) else ""),
                source.provenance,
                WORDS["yes"].en if source.synthetic else "",
            )
            for column, text in enumerate(said):
                if text:
                    page.write_string(line, column, _safe(text), self.formats["wrapped"])


class Sheet:
    """A sheet with a title, and tables under one another."""

    def __init__(self, book: Book, name: str, title: Text, dataset: Dataset | None) -> None:
        self.book, self.page = book, book.book.add_worksheet(name)
        self.formats, self.line, self._frozen = book.formats, 0, False
        self.page.write_string(0, 0, _safe(title.en), self.formats["title"])
        self.page.write_string(1, 0, _safe(title.in_("ne")), self.formats["title"])
        self.page.write_url(
            2, 0, f"internal:'{WORDS['contents'].en}'!A1", self.formats["link"], WORDS["contents"].en
        )
        self.line = 3
        if dataset:
            said = f"{_both('unit', book.about)}: {dataset.unit}"
            said += f" / {dataset.unit_ne}" if dataset.unit_ne else ""
            for text in (said, dataset.definition or dataset.description, dataset.approximation):
                if text:
                    self.page.write_string(self.line, 0, _safe(text))
                    self.line += 1
        self.line += 1
        self._first, self._heads = self.line, 0

    def header(self, names: list[str], periods: list[tuple[str, str]] = ()) -> None:
        """Write the heads of a table: columns by name, then a column for each period and part."""
        heads = [_both(name, self.book.about) for name in names]
        for period, part in periods:
            heads.append(period if part == "value" else f"{period} {_both(part, self.book.about)}")
        for column, head in enumerate(heads):
            self.page.write_string(self.line, column, _safe(head), self.formats["head"])
        if not self._frozen:
            for column in range(len(heads)):
                width = _WIDTHS.get(names[column], 12) if column < len(names) else 12
                self.page.set_column(column, column, width)
            self.page.freeze_panes(self.line + 1, min(2, len(names)))
            self._first, self._heads, self._frozen = self.line, len(heads), True
            self._names = names
        self.line += 1

    def row(self, values: list, status: str | None) -> None:
        """Write one row under the heads, numbers in the look of their status."""
        shade = _COMMENTED.get(status or "", "")
        for column, value in enumerate(values):
            if value is None or value == "":
                continue
            name = self._names[column]
            if isinstance(value, (int, float)):
                self.page.write_number(self.line, column, value, self._number(value, name, shade))
            else:
                if name == "obs_status":
                    value = f"{value}: {self.book.about.metadata.label('obs_status', value)}"
                self.page.write_string(self.line, column, _safe(value))
        if shade == "left_out":
            at = self._names.index("value")
            self.page.write_string(self.line, at, WORDS["left_out_mark"].en, self.formats["left_out"])
        self.line += 1

    def wide(self, labels: list, cells: list[tuple[dict | None, str]]) -> None:
        """Write one row: labels, then the parts of figures; a left-out figure shows its mark."""
        for column, label in enumerate(labels):
            if label:
                self.page.write_string(self.line, column, _safe(label))
        for column, (row, part) in enumerate(cells, len(labels)):
            if row is None:
                continue
            shade = _COMMENTED.get(row["obs_status"] or "", "")
            if row[part] is not None:
                self.page.write_number(self.line, column, row[part], self._number(row[part], part, shade))
            elif part == "value" and shade == "left_out":
                self.page.write_string(self.line, column, WORDS["left_out_mark"].en, self.formats["left_out"])
        self.line += 1

    def skip(self, heading: Text) -> None:
        """Leave a line and write a heading for the next table."""
        self.line += 1
        self.page.write_string(self.line, 0, f"{heading.en} / {heading.in_('ne')}", self.formats["section"])
        self.line += 1

    def done(self) -> None:
        """Make the sheet ready to be printed, and the first table ready to be filtered."""
        self.page.set_landscape()
        self.page.fit_to_pages(1, 0)
        self.page.repeat_rows(self._first)

    def _number(self, value: float, name: str, shade: str):
        shade = shade if shade in ("estimated", "unreliable") else ""
        if name == "cv":
            return self.formats[f"{shade}share"]
        digits = "whole" if float(value).is_integer() else "one" if abs(value) >= 1 else "fine"
        return self.formats[shade + digits]


@lru_cache(maxsize=50_000)  # the same names stand in thousands of rows
def _safe(text: str) -> str:
    return neutralised_text(text)


def _both(name: str, about: About) -> str:
    """Return the title of a column in both languages."""
    title = WORDS.get(name) or about.metadata.columns.get(name)
    if title is None:
        return name
    return f"{title.en} / {title.ne}" if title.ne else title.en
