"""What the page of a dataset says: facts, figures, quality and downloads, in one language."""

import json
from dataclasses import dataclass
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from statloom.exports.figures import Figures
from statloom.exports.geo import newest
from statloom.exports.licences import address
from statloom.exports.model import About, Dataset, Table, Text
from statloom.exports.page_drawing import Drawn, chart, classes
from statloom.exports.shapes import Shapes
from statloom.exports.words import WORDS, say

_SHOWN_LEVELS = 2  # of which places a page has a table: the country, and what it is divided into first


@dataclass(frozen=True)
class Read:
    """Figures of one dataset, read once for both languages: its totals, the last of each place, the level
    that is drawn, and counts over all its figures.
    """

    totals: list[dict]
    latest: list[dict]
    mapped: str | None
    methods: dict[str, int]
    statuses: dict[str, int]
    errors: int
    median_cv: float | None


def read(figures: Figures, table: Table, drawn: Drawn | None) -> Read:
    """Return what the page of ``table`` needs of its figures."""
    frame = figures.of(table)
    totals = figures.totals(table)
    last = newest(totals)
    levels = [level for level in reversed(figures.levels) if drawn and level in drawn.ids]
    valued = {
        pair["values"]: pair["counts"]
        for pair in pc.value_counts(last["place_level"].filter(pc.is_valid(last["value"]))).to_pylist()
    }
    mapped = next((level for level in levels if valued.get(level, 0) > 1), None)
    wide = {place.place_id for place in figures.places.values() if place.depth < _SHOWN_LEVELS}
    shown = totals.filter(pc.is_in(totals["place_id"], pa.array(sorted(wide), pa.string())))
    cvs = frame["cv"].drop_null()
    return Read(
        shown.to_pylist(),
        last.select(["place_id", "place_level", "period", "value"]).to_pylist(),
        mapped,
        _counts(frame["geo_method"]),
        _counts(frame["obs_status"]),
        len(frame) - frame["se"].null_count,
        pc.approximate_median(cvs).as_py() if len(cvs) else None,
    )


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    found = {pair["values"]: pair["counts"] for pair in pc.value_counts(column).to_pylist()}
    return {name: found[name] for name in sorted(found, key=lambda name: (-found[name], name or "")) if name}


def content(
    about: About,
    figures: Figures,
    table: Table,
    read_: Read,
    drawn: Drawn | None,
    shapes: Shapes | None,
    language: str,
) -> dict:
    """Return the values of the page's template that depend on the dataset."""
    dataset = table.dataset
    unit = dataset.units.in_(language)
    latest: dict[str, dict] = {}
    for row in read_.totals:
        kept = latest.setdefault(row["place_id"], row)
        if row["period"] > kept["period"]:
            latest[row["place_id"]] = row
    ordered = [latest[place_id] for place_id in figures.places if place_id in latest]
    # The country's count would leave no room for those of its parts.
    whole = figures.nation if dataset.measure_type == "count" else None
    bars = [row for row in ordered if row["place_id"] != whole]
    drawing, caption = chart(figures, read_.totals, bars, unit, language)
    shown = _map(about, read_, drawn, shapes, language)
    count = f"{read_.errors:,}"
    parts = ["what", "chart" if drawing else "", "map" if shown else "", "figures" if ordered else ""]
    parts += ["made", "quality", "rights", "cite", "downloads"]
    return {
        "dataset": dataset,
        "title": _title(dataset, language),
        "unit": unit,
        "parts": [part for part in parts if part],
        "facts": _facts(about, table, figures, language),
        "chart": Markup(drawing) if drawing else None,  # noqa: S704  made and escaped by page_drawing
        "chart_caption": caption,
        "map": shown,
        "rows": [_row(about, figures, row, language) for row in ordered],
        "with_errors": any(row["se"] is not None for row in ordered),
        "sources": _sources(about, dataset, language),
        "methods": _named(about, "geo_method", read_.methods, language),
        "statuses": _named(about, "obs_status", read_.statuses, language),
        "left_out": (
            say(language, "left_out_cells", count=f"{dataset.cells_suppressed:,}", all=f"{dataset.cells:,}")
            if dataset.cells_suppressed
            else say(language, "nothing_left_out")
        ),
        "errors": (
            say(language, "errors", count=count, all=f"{dataset.cells:,}", median=_share(read_.median_cv))
            if read_.errors
            else say(language, "no_errors")
        ),
        "licences": [(name, address(name)) for name in dataset.licences],
        "citation": citation(about, table, language),
        "files": _files(table, language),
    }


def _title(dataset: Dataset, language: str) -> str:
    return dataset.titles.in_(language)


def citation(about: About, table: Table, language: str = "en") -> str:
    """Return how the dataset is to be cited."""
    dataset = table.dataset
    custodians = ", ".join(dict.fromkeys(source.custodian for source in dataset.sources))
    where = about.address(f"datasets/{table.name}.html") if about.base_url else ""
    title = f"{_title(dataset, language)} ({dataset.code})"
    parts = [
        f"{about.publishers.in_(language)} ({about.issued.year}): {title}.",
        f"{say(language, 'release')} {about.release_id}, {about.issued.isoformat()}.",
        f"{say(language, 'sources')}: {custodians}.",
        where,
    ]
    return " ".join(part for part in parts if part)


def periods(dataset: Dataset) -> str:
    """Return the years that the figures cover, or the dates where they are no whole years."""
    first, last = (dataset.period_start or "")[:4], (dataset.period_end or "")[:4]
    return first if first == last else f"{first}–{last}"


def _levels(about: About, dataset: Dataset, figures: Figures, language: str) -> str:
    mine = dataset.place_levels
    ordered = [name for name in figures.levels if name in mine]
    ordered += [name for name in mine if name not in figures.levels]
    return ", ".join(about.metadata.label("place_level", name, language) for name in ordered)


def _facts(about: About, table: Table, figures: Figures, language: str) -> list[tuple[str, str]]:
    dataset, said = table.dataset, about.metadata
    indicator = dataset.indicator
    facts = [(said.column("series_code").in_(language), dataset.code)]
    if indicator:
        facts.append(
            (said.column("indicator_code").in_(language), f"{indicator.code} {indicator.title.in_(language)}")
        )
        goal = indicator.target.goal
        facts.append((say(language, "goal"), f"{goal.code} {goal.title.in_(language)}"))
    facts += [
        (said.column("unit").in_(language), dataset.units.in_(language)),
        (said.column("numerator").in_(language), dataset.numerator),
        (said.column("denominator").in_(language), dataset.denominator),
        (say(language, "periods"), periods(dataset)),
        (say(language, "levels"), _levels(about, dataset, figures, language)),
        (
            say(language, "breakdown"),
            ", ".join(said.column(name).in_(language) for name in dataset.breakdowns),
        ),
        (say(language, "cells"), f"{dataset.cells:,}"),
    ]
    return [(name, text) for name, text in facts if text]


def _sources(about: About, dataset: Dataset, language: str) -> list[list[tuple[str, str]]]:
    said, found = about.metadata, []
    for source in dataset.sources:
        title = Text(source.title, source.title_ne).in_(language)
        facts = [
            (said.column("source_id").in_(language), f"{title} ({source.source_id})"),
            (said.column("kind").in_(language), said.label("source_kind", source.kind or None, language)),
            (said.column("custodian").in_(language), source.custodian),
            (said.column("provenance").in_(language), source.provenance),
            (said.column("licence").in_(language), source.licence),
            (said.column("synthetic").in_(language), say(language, "yes") if source.synthetic else ""),
        ]
        found.append([(name, text) for name, text in facts if text])
    return found


def _named(about: About, kind: str, counts: dict[str, int], language: str) -> list[tuple[str, str]]:
    return [(about.metadata.label(kind, name, language), f"{count:,}") for name, count in counts.items()]


def _row(about: About, figures: Figures, row: dict, language: str) -> dict[str, str]:
    status = row["obs_status"]
    return {
        "name": figures.places[row["place_id"]].name.in_(language),
        "period": row["period"] if row["time_detail"] in (None, row["period"]) else _as_given(row),
        "value": number(row["value"]) if row["value"] is not None else WORDS["left_out_mark"].en,
        "se": number(row["se"]),
        "cv": _share(row["cv"]),
        "status": about.metadata.label("obs_status", status, language),
    }


def _as_given(row: dict) -> str:
    return f"{row['period']} ({row['time_detail']})"


def number(value: float | None) -> str:
    """Return ``value`` as a person reads it; empty when there is none."""
    if value is None:
        return ""
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _map(about: About, read_: Read, drawn: Drawn | None, shapes: Shapes | None, language: str) -> dict | None:
    if not drawn or not read_.mapped:
        return None
    here = {row["place_id"]: row for row in read_.latest if row["place_level"] == read_.mapped}
    values = [
        None if (row := here.get(place_id)) is None or row["value"] is None else float(f"{row['value']:.6g}")
        for place_id in drawn.ids[read_.mapped]
    ]
    limits = classes([value for value in values if value is not None])
    known = sorted(value for value in values if value is not None)
    edges = [known[0], *limits, known[-1]]
    legend = [(f"c{n}", f"{number(low)} – {number(high)}") for n, (low, high) in enumerate(pairwise(edges))]
    if None in values:
        legend.append(("none", say(language, "no_figure")))
    shown = sorted({row["period"] for row in here.values()})
    figures = {"level": read_.mapped, "values": values, "limits": limits, "none": say(language, "no_figure")}
    text = json.dumps(figures, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return {
        "level_title": about.metadata.label("place_level", read_.mapped, language),
        "periods": shown[0] if len(shown) == 1 else f"{shown[0]}–{shown[-1]}",
        "legend": legend,
        "figures": Markup(text),  # noqa: S704  JSON without "<"
        "source": shapes.source,
        "licence": shapes.licence,
    }


def _files(table: Table, language: str) -> list[dict[str, str]]:
    return [
        {
            "path": file.path,
            "name": file.title.in_(language) if file.title else file.path.rpartition("/")[2],
            "size": size(file.bytes),
            "sha256": file.sha256,
        }
        for file in (table.file, table.parquet, *table.others)
        if file
    ]


def size(count: int) -> str:
    """Return a number of bytes as a person reads it."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def goals(about: About, tables: list[Table]) -> list[tuple[str, Text]]:
    """Return the goals that datasets serve, in their order."""
    found = {}
    for table in tables:
        indicator = table.dataset.indicator
        if indicator:
            found[indicator.target.goal.code] = indicator.target.goal.title
    return sorted(found.items(), key=lambda goal: goal[0].zfill(3))


def entry(about: About, table: Table, figures: Figures, language: str, end: str) -> dict[str, str]:
    """Return the line of a dataset in the index; ``words`` is what the search looks at, in both languages."""
    dataset = table.dataset
    indicator = dataset.indicator
    words = [dataset.code, dataset.title, dataset.title_ne, dataset.indicator_code, dataset.unit]
    words += [source.title for source in dataset.sources] + [source.custodian for source in dataset.sources]
    if indicator:
        goal = indicator.target.goal.title
        words += [indicator.title.en, indicator.title.ne, goal.en, goal.ne]
    return {
        "page": f"{table.name}{end}",
        "title": _title(dataset, language),
        "code": dataset.code,
        "synthetic": dataset.synthetic,
        "goal": indicator.target.goal.code if indicator else "",
        "unit": dataset.units.in_(language),
        "periods": periods(dataset),
        "levels": _levels(about, dataset, figures, language),
        "indicator": f"{indicator.code} {indicator.title.in_(language)}" if indicator else "",
        "words": " ".join(word for word in words if word),
    }
