"""The tables of a release: each series, each mart, places and series, in every statistical format."""

# ruff: noqa: S608  names in these statements are constants of this package or quoted

import os
from pathlib import Path

from sqlalchemy import Connection

from statloom.exports import checksums, csv, parquet, sdmx
from statloom.exports.figures import Kept
from statloom.exports.model import About, Dataset, Field, File, Source, Table, Text, fields_of
from statloom.publication import shapes
from statloom.publication.sql import names, run
from statloom.release import frames, marts
from statloom.release.columns import CELL, DATASET, DIMENSIONS, PLACE

GZIP_ABOVE = 20_000_000
# A series of more figures is not in SDMX-ML, which takes ten times the room of SDMX-CSV.
SDMX_ML_CELLS = 5_000

_ORDER = ("place_level", "place_vintage", "place_code", "period", *DIMENSIONS, "source_id", "source_level")
_REFERENCES = (("place_id", "places", "place_id"), ("series_code", "series", "series_code"))
_REQUIRED = ("observation_key", "series_code", "place_id", "period")
_IN_THE_UNIT = ("value", "se", "ci_low", "ci_high", "geo_se")


def write(
    connection: Connection, here: Path, about: About, sources: dict[str, Source], kept: Kept
) -> tuple[list[Table], list[File]]:
    """Write all tables to the release's folder ``here``; return them, and the SDMX files of the whole.

    ``kept`` gets the figures of each series, for other formats.
    """
    places, areas = _places(connection, here, about)
    series = _series(connection, here, about)
    shape = shapes.read(connection, "marts", "v")["observation"]
    said = {"preferred": "True for the figure to use where several sources give one."} | shape.column_comments
    datasets = _datasets(connection, about, sources)
    cells = sum(dataset.cells for dataset in datasets.values())
    large = marts.packed(cells, GZIP_ABOVE)
    titles = Text("Figures of all series", "सबै शृङ्खलाका तथ्याङ्क")
    preferred = Text("Preferred figures of all series", "सबै शृङ्खलाका रोजिएका तथ्याङ्क")
    wholes = {
        False: marts.Figures(here, "observation", titles, packed=large),
        True: marts.Figures(here, "indicator_series", preferred, packed=large),
    }
    empty = frames.empty(CELL)
    plain_fields = fields_of(empty.schema, said, _REQUIRED, about.metadata.columns)
    for whole in wholes.values():
        whole.begin(empty.schema, shape.comment or "", plain_fields)
    written: list[Table] = []
    # In the C collation, so that files do not depend on the server's language.
    order = ", ".join(f'{name} collate "C"' for name in ("series_code", *_ORDER))
    select = f"select {names(CELL)} from release.candidate_cell order by {order}, observation_key"
    limit = int(os.environ.get("STATLOOM_SDMX_ML_CELLS") or SDMX_ML_CELLS)
    with sdmx.Writer(here, about, cells=cells, gzip_above=GZIP_ABOVE) as statistical:
        for code, frame in frames.by_value(connection, select, CELL, "series_code"):
            dataset = datasets[code]
            kept.add(code, frame)
            text = csv.render(frame)
            wholes[False].add(frame)
            wholes[True].add(frame.filter(frame["preferred"]))
            others = statistical.add(frame, dataset, ml=dataset.cells <= limit)
            fields = fields_of(
                frame.schema,
                said,
                _REQUIRED,
                about.metadata.columns,
                dict.fromkeys(_IN_THE_UNIT, dataset.unit),
            )
            written.append(_dataset(here, dataset, frame, text, fields, others))
        whole = statistical.finish(areas)
    combined = [one.finish(_REFERENCES) for one in wholes.values()]
    return [places, series, *written, *combined, *marts.write(connection, here, about, GZIP_ABOVE)], whole


def _dataset(
    here: Path, dataset: Dataset, frame, text: memoryview, fields: tuple[Field, ...], others: list[File]
) -> Table:
    plain = here / "data" / f"{dataset.code}.csv"
    written = csv.save(text, plain, gzip_above=GZIP_ABOVE)
    columnar = parquet.write(frame, plain.with_suffix(".parquet"), dataset=dataset, fields=fields)
    return Table(
        name=dataset.code,
        title=dataset.title + (" (synthetic)" if dataset.synthetic else ""),
        description=_description(dataset),
        fields=fields,
        key=("observation_key",),
        file=checksums.describe(here, written, csv.MEDIA_TYPE, "gz" if written.suffix == ".gz" else None),
        references=_REFERENCES,
        dataset=dataset,
        parquet=checksums.describe(here, columnar, parquet.MEDIA_TYPE),
        title_ne=dataset.title_ne,
        others=tuple(others),
    )


def _datasets(connection: Connection, about: About, sources: dict[str, Source]) -> dict[str, Dataset]:
    """Return the metadata of all series, by code."""
    rows = run(
        connection, f"select {names(DATASET)} from release.candidate_dataset order by series_code"
    ).mappings()
    return {
        row["series_code"]: Dataset(
            code=row["series_code"],
            title=row["title"],
            description=_definition(row),
            unit=row["unit_title"] or row["unit"] or "",
            sources=tuple(sources[name] for name in row["sources"].split(", ")),
            title_ne=row["title_ne"],
            indicator_code=row["indicator_code"],
            goal=str(row["goal"]) if row["goal"] is not None else None,
            period_start=row["period_start"],
            period_end=row["period_end"],
            place_levels=tuple(row["place_levels"].split(", ")),
            cells=row["cells"],
            cells_suppressed=row["cells_suppressed"],
            definition=row["definition"] or "",
            definition_ne=row["definition_ne"],
            approximation=row["approximation"] or "",
            unit_code=row["unit"] or "",
            unit_ne=row["unit_title_ne"],
            unit_multiplier=row["unit_multiplier"] or 0,
            measure_type=row["measure_type"] or "",
            numerator=row["numerator_definition"] or "",
            denominator=row["denominator_definition"] or "",
            direction=row["direction"] or "",
            custodian=row["custodian"] or "",
            breakdowns=tuple((row["breakdowns"] or "").lower().split()),
            frequencies=tuple(row["frequencies"].split(", ")),
            indicator=about.metadata.indicators.get(row["indicator_code"]),
        )
        for row in rows
    }


def _definition(row) -> str:
    parts = (row["definition"], row["approximation"] and f"Approximation: {row['approximation']}")
    return " ".join(part for part in parts if part)


def _description(dataset: Dataset) -> str:
    parts = [dataset.description, f"Unit: {dataset.unit}." if dataset.unit else ""]
    if dataset.synthetic:
        parts.append("Synthetic: made by a generator for demonstration, not collected from anyone.")
    if dataset.cells_suppressed:
        parts.append(
            f"{dataset.cells_suppressed:,} of {dataset.cells:,} cells are left out to protect respondents."
        )
    return " ".join(part for part in parts if part)


def _places(connection: Connection, here: Path, about: About) -> tuple[Table, list[sdmx.Area]]:
    mart = shapes.read(connection, "marts", "v")["place"]
    columns = {name: kind for name, kind in PLACE.items() if name in mart.columns or name == "parent_code"}
    selected = ", ".join("u.place_code" if name == "parent_code" else f"p.{name}" for name in columns)
    frame = frames.read(
        connection,
        f"select {selected} from marts.place p left join marts.place u on u.place_id = p.parent_id "
        'order by p.place_id collate "C"',
        columns,
    )
    said = {"parent_code": "Code of the place that this one is part of."} | mart.column_comments
    table = Table(
        name="places",
        title="Places",
        description="Every place that figures stand for: code, level, vintage, and the place it is part of.",
        fields=fields_of(frame.schema, said, ("place_id", "place_level"), about.metadata.columns),
        key=("place_id",),
        file=checksums.describe(here, csv.write(frame, here / "places.csv"), csv.MEDIA_TYPE),
        references=(("parent_id", "", "place_id"),),
        title_ne="ठाउँहरू",
    )
    areas = [
        sdmx.Area(
            place["place_id"], Text(place["place_name"], place.get("place_name_ne")), place["parent_id"]
        )
        for place in frame.to_pylist()
    ]
    return table, areas


def _series(connection: Connection, here: Path, about: About) -> Table:
    columns = {name: kind for name, kind in DATASET.items() if name != "cells_recoverable"}
    frame = frames.read(
        connection,
        f'select {names(columns)} from release.candidate_dataset order by series_code collate "C"',
        columns,
    )
    said = {
        "sources": "Identifiers of the sources, separated by commas.",
        "cells_suppressed": "Cells left out to protect respondents.",
        "synthetic": "True when a source is made by a generator.",
        "perturbation": "How counts are changed to protect respondents: method, and base of a rounding.",
    }
    mart = shapes.read(connection, "marts", "v")["indicator"]
    return Table(
        name="series",
        title="Series",
        description="The series of this release, one file each.",
        fields=fields_of(frame.schema, mart.column_comments | said, ("series_code",), about.metadata.columns),
        key=("series_code",),
        file=checksums.describe(here, csv.write(frame, here / "series.csv"), csv.MEDIA_TYPE),
        title_ne="शृङ्खलाहरू",
    )
