"""A data repository for the Open SDG platform, ready for its build tool.

``open_sdg/`` has what `sdg-build` reads: ``data/indicator_1-2-1.csv``, ``indicator-config/1-2-1.yml``,
``meta/1-2-1.yml``, ``map_layers/<level>.geojson``, ``translations/<language>/``, a schema of the metadata and
the configuration. Every indicator of the framework is there; those without figures are ``notstarted``.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import yaml

from statloom.exports import open_sdg_metadata as said
from statloom.exports.figures import DIMENSIONS, TOTAL, Figures
from statloom.exports.formulas import neutralised
from statloom.exports.model import About, CodeList, Indicator, Table
from statloom.exports.shapes import Shapes, collection, feature

FOLDER = "open_sdg"
_ATTRIBUTES = {
    "SE": "se",
    "CV": "cv",
    "OBS_STATUS": "obs_status",
    "COMMENT_OBS": "comment",
    "SOURCE_DETAIL": "source_id",
    "TIME_DETAIL": "time_detail",
}
"""Columns that say something about a figure, and divide nothing."""

FINEST_DIVIDED = 2  # the depth of the smallest places whose figures are given by breakdown too
_YEAR = r"^[0-9]{4}$"


def write(folder: Path, about: About, figures: Figures, shapes: Shapes | None) -> None:
    """Write ``open_sdg/`` into ``folder``.

    ``shapes``: simplified boundaries of today's places; without them there are no map layers.
    """
    root = folder / FOLDER
    for part in ("data", "indicator-config", "meta", "map_layers", "translations"):
        (root / part).mkdir(parents=True)
    tables: dict[str, list[Table]] = {}
    # What was collected goes before what was generated: the platform shows the first series first.
    for table in sorted(figures.tables, key=lambda table: table.dataset.synthetic):
        if table.dataset.indicator:
            tables.setdefault(table.dataset.indicator.code, []).append(table)
    drawn = shapes.by_place if shapes else {}
    layers = [level for level in figures.levels if _has_shapes(level, figures, drawn)]
    coverage = figures.places[figures.nation].name.en if figures.nation else "National"
    for indicator in _indicators(about, figures):
        mine = tables.get(indicator.code, [])
        frame = _data(mine, figures, about)
        name = identifier(indicator)
        if len(frame):
            _csv(frame, root / "data" / f"indicator_{name}.csv")
        mapped = bool(drawn) and "GeoCode" in frame.column_names
        config = said.configuration(indicator, mine, frame, mapped=mapped, coverage=coverage)
        _yaml(root / "indicator-config" / f"{name}.yml", config)
        _yaml(root / "meta" / f"{name}.yml", said.metadata(about, indicator, mine, figures.levels, coverage))
    for level in layers:
        _layer(root / "map_layers" / f"{level}.geojson", level, figures, shapes)
    _yaml(root / "config_data.yml", _configuration(layers))
    _yaml(root / "_prose.yml", said.schema(max((_sources(mine) for mine in tables.values()), default=1)))
    for language, groups in said.translations(
        about, _indicators(about, figures), figures, identifier
    ).items():
        (root / "translations" / language).mkdir()
        for group, texts in groups.items():
            _yaml(root / "translations" / language / f"{group}.yml", texts)


def identifier(indicator: Indicator) -> str:
    """Return the name that Open SDG's files have for ``indicator``: ``1-2-1``; for a national addition its
    target and its code (``NP-1.4a`` of target 1.4 is ``1-4-np-a``), so that it stands under its goal.
    """
    code, target = indicator.code, indicator.target.code
    if code.startswith(f"{target}."):
        return _dashed(code)
    short = re.fullmatch(rf"([A-Za-z]+)-{re.escape(target)}(\w+)", code)
    return _dashed(f"{target}-{short[1]}-{short[2]}" if short else f"{target}-{code}")


def _has_shapes(level: str, figures: Figures, drawn: dict) -> bool:
    """Say whether places of ``level``, other than the nation, have a shape."""
    return any(
        place.level == level and place.place_id != figures.nation and place.place_id in drawn
        for place in figures.places.values()
    )


def _dashed(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _indicators(about: About, figures: Figures) -> list[Indicator]:
    known = dict(about.metadata.indicators)
    known |= {t.dataset.indicator.code: t.dataset.indicator for t in figures.tables if t.dataset.indicator}
    return [known[code] for code in sorted(known)]


def _sources(tables: Iterable[Table]) -> int:
    return len({source.source_id for table in tables for source in table.dataset.sources})


def _data(tables: list[Table], figures: Figures, about: About) -> pa.Table:
    """Return the figures of one indicator as Open SDG has them: ``Year`` first, ``GeoCode`` (place_id; blank
    for the nation) and ``Value`` last, a blank for the total of a breakdown. A figure without a value, of a
    part of a year, or of a part of the smallest places' people is left out.
    """
    parts, sources = [], _sources(tables)
    for table in tables:
        frame = figures.of(table)
        frame = frame.filter(
            pc.and_(pc.is_valid(frame["value"]), pc.match_substring_regex(frame["period"], _YEAR))
        )
        frame = _not_too_fine(frame, figures)
        rows = len(frame)
        titles = {
            "Year": pc.cast(frame["period"], pa.int64()),
            "Series": pa.repeat(table.title, rows),
            "Units": pa.repeat(table.dataset.unit, rows),
        }
        titles |= {name: frame[name] for name in DIMENSIONS}
        titles |= {name: frame[column] for name, column in _ATTRIBUTES.items()}
        # What is so of nearly every figure is said by silence, or files would be three times as large.
        usual = {"OBS_STATUS": "A", "TIME_DETAIL": frame["period"]}
        if sources == 1:
            usual["SOURCE_DETAIL"] = frame["source_id"]
        for name, value in usual.items():
            titles[name] = pc.if_else(
                pc.equal(titles[name], value), pa.scalar(None, pa.string()), titles[name]
            )
        place = frame["place_id"]
        nation = pc.equal(place, figures.nation or "")
        titles["GeoCode"] = pc.if_else(nation, pa.scalar(None, pa.string()), place)
        titles["Value"] = frame["value"]
        parts.append(pa.table(titles))
    if not parts:
        return pa.table({"Year": [], "Value": []})
    return _named(pa.concat_tables(parts, promote_options="permissive").combine_chunks(), about)


def _not_too_fine(frame: pa.Table, figures: Figures) -> pa.Table:
    """Leave out the breakdowns of the smallest places, which the platform would load in every chart."""
    fine = pa.array(
        [level for level in figures.levels if _depth(level, figures) > FINEST_DIVIDED], pa.string()
    )
    keep = pc.invert(pc.is_in(frame["place_level"], fine))
    if pc.all(keep).as_py():
        return frame
    total = pa.scalar(True)
    for name in DIMENSIONS:
        total = pc.and_(total, pc.equal(frame[name], TOTAL))
    return frame.filter(pc.or_(keep, total))


def _depth(level: str, figures: Figures) -> int:
    return min(place.depth for place in figures.places.values() if place.level == level)


def _named(frame: pa.Table, about: About) -> pa.Table:
    """Put names for codes, and drop columns that say nothing."""
    columns = {}
    for name in frame.column_names:
        column, title = frame[name], name
        if name in DIMENSIONS:
            listed = about.metadata.dimensions.get(name)
            title = listed.title.en if listed else name
            column = _labelled(column, listed)
        if name in ("Year", "Value", "Series", "Units") or column.null_count < len(frame):
            columns[title] = column
    return pa.table(columns)


def labels(codes: Iterable[str], listed: CodeList | None) -> dict[str, str]:
    """Return a name for each of ``codes``; codes of the same name have the code behind it."""
    named = {code: (listed.label(code) if listed else code).strip() for code in sorted(codes)}
    twice = {name for name in named.values() if list(named.values()).count(name) > 1}
    return {code: f"{name} ({code})" if name in twice else name for code, name in named.items()}


def _labelled(column: pa.ChunkedArray, listed: CodeList | None) -> pa.ChunkedArray:
    encoded = column.combine_chunks().dictionary_encode()
    codes = encoded.dictionary.to_pylist()
    names = labels((code for code in codes if code not in (None, TOTAL)), listed)
    return pc.take(pa.array([names.get(code) for code in codes], pa.string()), encoded.indices)


def _csv(frame: pa.Table, path: Path) -> None:
    for position, field in enumerate(frame.schema):
        if pa.types.is_string(field.type):  # the build tool refuses blanks at either end
            trimmed = pc.utf8_trim_whitespace(frame.column(position))
            frame = frame.set_column(position, field, trimmed)
    options = pa_csv.WriteOptions(include_header=True, quoting_style="needed", quoting_header="needed")
    pa_csv.write_csv(neutralised(frame), str(path), options)


def _layer(path: Path, level: str, figures: Figures, shapes: Shapes) -> None:
    features = [
        feature(
            {
                "properties": {
                    "place_id": place.place_id,
                    "place_name": place.name.en,
                    "place_name_ne": place.name.ne,
                    "place_code": place.code,
                }
            },
            shapes.by_place[place.place_id],
        )
        for place in figures.places.values()
        if place.level == level and place.place_id in shapes.by_place
    ]
    members = {"source": shapes.source, "licence": shapes.licence}
    path.write_text(collection(members, features), encoding="utf-8")


def _configuration(layers: list[str]) -> dict:
    """Return what the build tool is told. Folders are left to its caller."""
    return {
        "languages": ["en", "ne"],
        "schema_file": "_prose.yml",
        "inputs": [
            {"class": "InputCsvData", "path_pattern": "data/*-*.csv"},
            {"class": "InputYamlMeta", "path_pattern": "indicator-config/*-*.yml", "git": False},
            {"class": "InputYamlMeta", "path_pattern": "meta/*-*.yml", "git": False},
        ],
        "translations": [{"class": "TranslationInputYaml", "source": "translations"}],
        "indicator_options": {
            "non_disaggregation_columns": ["Year", "Units", "Series", "Value", "GeoCode", *_ATTRIBUTES],
            "observation_attributes": list(_ATTRIBUTES),
            "series_column": "Series",
            "unit_column": "Units",
        },
        "map_layers": [
            {
                "geojson_file": f"map_layers/{level}.geojson",
                "name_property": "place_name",
                "id_property": "place_id",
                "id_column": "GeoCode",
                "output_subfolder": level,
                "filename_prefix": "indicator_",
                "exclude_columns": list(_ATTRIBUTES),
            }
            for level in layers
        ],
        "reporting_status_extra_fields": [],
        "docs_branding": "Open data",
    }


def _yaml(path: Path, content: dict) -> None:
    text = yaml.dump(content, Dumper=said.Dumper, allow_unicode=True, sort_keys=False, width=10**6)
    path.write_text(text, encoding="utf-8")
