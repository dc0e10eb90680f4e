"""Excel workbooks for people: a profile of a place, and a goal over all places. Each in English and Nepali.

``workbooks/places/<level>/<code>.xlsx`` has a sheet for each goal, ``workbooks/goals/<n>.xlsx`` one for each
series; both a sheet of contents with links, notes, and sources. Numbers are numbers, a text is never a
formula, and the same figures give the same bytes.
"""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from statloom.exports.figures import DIMENSIONS, TOTAL, Figures, Place
from statloom.exports.model import About, Table, Text
from statloom.exports.words import WORDS
from statloom.exports.workbook import Book

FOLDER = "workbooks"
MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_NO_GOAL = "other"
_PROFILE = ("period", "value", "unit", "se", "cv", "ci_low", "ci_high", "obs_status", "source_id", "comment")


def write(folder: Path, about: About, figures: Figures, levels: Iterable[str]) -> list[Path]:
    """Write the workbooks of all goals, and of the places of ``levels``, into ``folder``/workbooks; return
    their paths.
    """
    return goals(folder / FOLDER / "goals", about, figures) + places(
        folder / FOLDER / "places", about, figures, levels
    )


def _goal_of(table: Table) -> str:
    return table.dataset.goal or _NO_GOAL


def _goal_title(about: About, code: str) -> Text:
    for indicator in about.metadata.indicators.values():
        if indicator.target.goal.code == code:
            title = indicator.target.goal.title
            goal = WORDS["goal"]
            return Text(f"{goal.en} {code}: {title.en}", f"{goal.ne} {code}: {title.in_('ne')}")
    return Text(f"{WORDS['goal'].en} {code}", f"{WORDS['goal'].ne} {code}")


def places(root: Path, about: About, figures: Figures, levels: Iterable[str]) -> list[Path]:
    """Write a workbook for each place of ``levels`` that has figures; return their paths."""
    wanted = set(levels)
    chosen = [place for place in figures.places.values() if place.level in wanted]
    rows = _by_place(figures, {place.place_id for place in chosen})
    written = []
    for place in chosen:
        if mine := rows.get(place.place_id):
            path = root / place.level / f"{place.code}.xlsx"
            path.parent.mkdir(parents=True, exist_ok=True)
            _place(path, about, figures, place, mine)
            written.append(path)
    return written


def _by_place(figures: Figures, wanted: set[str]) -> dict[str, list[tuple[Table, list[dict]]]]:
    """Return the figures of each place, by series: one pass over all figures."""
    found: dict[str, list[tuple[Table, list[dict]]]] = {}
    columns = ["place_id", *DIMENSIONS, *(part for part in _PROFILE if part != "unit")]
    ids = pa.array(sorted(wanted), pa.string())
    for table in sorted(figures.tables, key=_order):
        frame = figures.of(table).select(columns)
        if not wanted.issuperset(pc.unique(frame["place_id"]).to_pylist()):
            frame = frame.filter(pc.is_in(frame["place_id"], ids))
        for row in frame.to_pylist():
            series = found.setdefault(row["place_id"], [])
            if not series or series[-1][0] is not table:
                series.append((table, []))
            series[-1][1].append(row)
    return found


def _order(table: Table) -> tuple:
    goal, indicator = table.dataset.goal or "", table.dataset.indicator_code or ""
    return (not goal.isdigit(), goal.zfill(3), indicator, table.name)


def breakdown(about: About, row: dict, language: str = "en") -> str:
    """Return the categories of ``row`` in words; empty for the total."""
    parts = (about.metadata.label(name, row[name], language) for name in DIMENSIONS if row[name] != TOTAL)
    return ", ".join(parts)


def _place(
    path: Path, about: About, figures: Figures, place: Place, series: list[tuple[Table, list[dict]]]
) -> None:
    level = about.metadata.terms.get("place_level")
    kind = Text(level.label(place.level), level.label(place.level, "ne")) if level else Text(place.level)
    above = figures.places.get(place.parent_id or "")
    titles = [place.name, kind] + ([above.name] if above else [])
    title = Text(", ".join(t.en for t in titles), ", ".join(t.in_("ne") for t in titles))
    book = Book(path, about, title)
    groups: dict[str, list[tuple[Table, list[dict]]]] = {}
    for table, rows in series:
        groups.setdefault(_goal_of(table), []).append((table, rows))
    listed = [(f"{WORDS['goal'].en} {code}", _goal_title(about, code)) for code in groups]
    book.contents(listed, {"place_code": place.code, "place_id": place.place_id})
    for (name, heading), members in zip(listed, groups.values(), strict=True):
        sheet = book.sheet(name, heading)
        sheet.header(["indicator_code", "series_code", "title_ne", "breakdown", *_PROFILE])
        for table, rows in members:
            for row in rows:
                sheet.row(
                    [
                        table.dataset.indicator_code,
                        table.title,
                        table.title_ne,
                        breakdown(about, row),
                        *(row[part] if part != "unit" else table.dataset.unit for part in _PROFILE),
                    ],
                    row["obs_status"],
                )
        sheet.done()
    book.close([table for table, _ in series])


def goals(root: Path, about: About, figures: Figures) -> list[Path]:
    """Write a workbook for each goal that has figures; return their paths."""
    groups: dict[str, list[Table]] = {}
    for table in sorted(figures.tables, key=_order):
        groups.setdefault(_goal_of(table), []).append(table)
    root.mkdir(parents=True, exist_ok=True)
    written = []
    for code, tables in groups.items():
        path = root / f"{code}.xlsx"
        book = Book(path, about, _goal_title(about, code))
        book.contents([(sheet_name(table.name), table.titles) for table in tables], {})
        for table in tables:
            _series(book, about, figures, table)
        book.close(tables)
        written.append(path)
    return written


def sheet_name(series: str) -> str:
    """Return the name of a series' sheet: its code, as far as Excel allows (31 characters)."""
    return series if len(series) <= 31 else series[:22] + "~" + series[-8:]


def _series(book: Book, about: About, figures: Figures, table: Table) -> None:
    """Write the sheet of a series: places by period, then the nation's breakdowns by period."""
    sheet = book.sheet(sheet_name(table.name), table.titles, table.dataset)
    totals = figures.totals(table).select(["place_id", "period", "value", "se", "cv", "obs_status"])
    wide = [place for place in figures.places.values() if place.depth <= 2]
    shown = {place.place_id: place for place in wide}
    totals = totals.filter(pc.is_in(totals["place_id"], pa.array(list(shown), pa.string())))
    _wide(
        sheet,
        totals.to_pylist(),
        ["place_code", "place_name", "place_name_ne", "place_level"],
        lambda row: (row["place_id"],),
        {
            (place.place_id,): [
                place.code,
                place.name.en,
                place.name.ne,
                about.metadata.label("place_level", place.level),
            ]
            for place in wide
        },
    )
    whole = figures.of(table)
    rows = whole.filter(pc.equal(whole["place_id"], figures.nation or "")).to_pylist()
    divided = {tuple(row[name] for name in DIMENSIONS): row for row in rows}
    if len(divided) > 1:
        sheet.skip(WORDS["by_breakdown"])
        _wide(
            sheet,
            rows,
            ["breakdown", "breakdown_ne"],
            lambda row: tuple(row[name] for name in DIMENSIONS),
            {
                key: [
                    breakdown(about, row) or WORDS["total"].en,
                    breakdown(about, row, "ne") or WORDS["total"].in_("ne"),
                ]
                for key, row in divided.items()
            },
        )
    sheet.done()


def _wide(sheet, rows: list[dict], heads: list[str], key, labels: dict[tuple, list]) -> None:
    periods = sorted({row["period"] for row in rows})
    parts = ["value"] + [part for part in ("se", "cv") if any(row[part] is not None for row in rows)]
    sheet.header(heads, [(period, part) for period in periods for part in parts])
    at: dict[tuple, dict[str, dict]] = {}
    for row in rows:
        at.setdefault(key(row), {})[row["period"]] = row
    for name, label in labels.items():
        if mine := at.get(name):
            sheet.wide(label, [(mine.get(period), part) for period in periods for part in parts])
