"""A small country for the formats of portals: a nation, two provinces, four units that are squares, three
series of which one has standard errors and a left-out figure, and an indicator without figures.
"""

import datetime

import numpy as np
import pyarrow as pa

from statloom.exports import checksums, csv, parquet
from statloom.exports.figures import DIMENSIONS, Figures
from statloom.exports.model import (
    About,
    Category,
    CodeList,
    Dataset,
    Goal,
    Indicator,
    Metadata,
    Source,
    Table,
    Target,
    Text,
    fields_of,
)
from statloom.exports.shapes import Shapes, read

UNITS = {"V:unit:11": (0, 0), "V:unit:12": (0, 1), "V:unit:21": (1, 0), "V:unit:22": (1, 1)}
_PROVINCES = {"V:province:1": "First", "V:province:2": "=Second"}
WATER, TOILET, NATIONAL, EMPTY = "6.1.1", "6.2.1", "XX-6.1a", "6.3.1"
CENSUS = Source("census", "A census", "Bureau", "CC-BY-4.0", "The bureau's tables", kind="census")
SURVEY = Source("survey", "=cmd|' /C calc'!A0", "Ministry", "Terms", synthetic=True, kind="survey")


def _indicator(code: str, target: Target, title: str, title_ne: str | None = None, scope="global"):
    return Indicator(code, Text(title, title_ne), target, code, scope, "WHO")


def metadata() -> Metadata:
    """The names of everything."""
    goal = Goal("6", Text("Clean water", "स्वच्छ पानी"))
    water, toilet, waste = (Target(code, Text(f"Target {code}"), goal) for code in ("6.1", "6.2", "6.3"))
    indicators = [
        _indicator(WATER, water, "Safe water", "सुरक्षित पानी"),
        _indicator(TOILET, toilet, "Safe toilets"),
        _indicator(EMPTY, waste, "Waste water treated"),
        _indicator(NATIONAL, water, "Wells", scope="national"),
    ]
    sexes = (
        Category("_T", Text("Total", "जम्मा")),
        Category("F", Text("Female", "महिला")),
        Category("M", Text("Male")),
    )
    other = (Category("_T", Text("Total")), Category("A", Text("Other ")), Category("B", Text("Other")))
    return Metadata(
        dimensions={
            "sex": CodeList("SEX", Text("Sex", "लिङ्ग"), sexes),
            "cust_breakdown": CodeList("CUST_BREAKDOWN", Text("Group"), other),
        },
        units=CodeList("unit", Text("Unit"), (Category("PERCENT", Text("Per cent", "प्रतिशत")),)),
        terms={
            "place_level": CodeList(
                "place_level", Text("Level"), (Category("unit", Text("Local unit", "स्थानीय तह")),)
            )
        },
        indicators={indicator.code: indicator for indicator in indicators},
    )


ABOUT = About(
    4,
    9,
    datetime.date(2026, 11, 5),
    "Open data",
    "Figures.",
    "Office",
    "office@example.org",
    title_ne="खुला तथ्याङ्क",
    metadata=metadata(),
)


def _rows(values: dict, **more) -> list[dict]:
    rows = []
    for (place, period, sex, group), value in values.items():
        se = more.get("se")
        rows.append(
            {
                "observation_key": f"{place}{period}{sex}{group}{more.get('source_id')}",
                "place_id": place,
                "place_level": place.split(":")[1],
                "period": period,
                "time_detail": period,
                **dict.fromkeys(DIMENSIONS, "_T"),
                "sex": sex,
                "cust_breakdown": group,
                "value": value,
                "se": se if value is not None else None,
                "cv": se / value if se and value else None,
                "ci_low": None,
                "ci_high": None,
                "n": None,
                "obs_status": "Q" if value is None else "A",
                "quality_band": None,
                "comment": "left out" if value is None else None,
                "source_id": more.get("source_id", "census"),
                "geo_method": "observed",
                "preferred": more.get("preferred", True),
            }
        )
    return rows


def places() -> pa.Table:
    """The places of the release, with those of a former vintage."""
    rows = [
        ("V:country:XX", "XX", "Xland", "क्षल्याण्ड", "country", "V", None, "country"),
        *(
            (f, f[-1], name, None, "province", "V", "V:country:XX", "province")
            for f, name in _PROVINCES.items()
        ),
        *((u, u[-2:], f"Unit {u[-2:]}", None, "unit", "V", f"V:province:{u[-2]}", "town") for u in UNITS),
        ("OLD:unit:1", "1", "Old", None, "unit", "OLD", None, "town"),
    ]
    names = (
        "place_id", "place_code", "place_name", "place_name_ne", "place_level", "place_vintage", "parent_id",
        "place_type",
    )  # fmt: skip
    return pa.table({name: [row[n] for row in rows] for n, name in enumerate(names)})


def _values(start: float, periods: tuple[str, ...], breakdowns: tuple = (("_T", "_T"),)) -> dict:
    everywhere = ["V:country:XX", *_PROVINCES, *UNITS]
    keys = [(place, period, *cut) for period in periods for cut in breakdowns for place in everywhere]
    return {key: start + number / 4 for number, key in enumerate(keys)}


def series() -> dict[str, tuple[Dataset, list[dict]]]:
    """The datasets with their rows."""
    by_sex = (("_T", "_T"), ("F", "_T"), ("M", "_T"), ("_T", "A"), ("_T", "B"))
    water = _values(40.0, ("2011", "2021"), by_sex)
    water["V:unit:22", "2021", "_T", "_T"] = None
    said = metadata()
    common = {"unit": "Per cent", "unit_ne": "प्रतिशत", "unit_code": "PERCENT", "goal": "6"}

    def dataset(code, title, indicator, source, rows, **more):
        return Dataset(
            code=code,
            title=title,
            description=f"{title}, defined.",
            sources=(source,),
            indicator_code=indicator,
            indicator=said.indicators[indicator],
            period_start="2011-01-01",
            period_end="2021-12-31",
            place_levels=("country", "province", "unit"),
            cells=len(rows),
            cells_suppressed=sum(row["value"] is None for row in rows),
            definition=f"{title}, defined.",
            **common | more,
        )

    water_rows = _rows(water, se=2.0)
    wells = _rows(_values(7.0, ("2011",)), source_id="census")
    other = _rows(dict.fromkeys(_values(0, ("2011",)), -1.0), source_id="other", preferred=False)
    toilet = _rows(_values(60.0, ("2021",)), source_id="survey")
    monthly = _rows({("V:country:XX", "2021-05", "_T", "_T"): 3.0}, source_id="census")
    return {
        "X_WATER": (dataset("X_WATER", "Water", WATER, CENSUS, water_rows, title_ne="पानी"), water_rows),
        "X_WELLS": (
            dataset(
                "X_WELLS", "Wells", NATIONAL, CENSUS, wells, measure_type="count", approximation="By eye."
            ),
            wells + other,
        ),
        "X_TOILET": (dataset("X_TOILET", "Toilets <b>", TOILET, SURVEY, toilet), toilet + monthly),
    }


def write(folder) -> list[Table]:
    """Write the tables of the release into ``folder`` and return them."""
    (folder / "data").mkdir(parents=True)
    csv.write(places(), folder / "places.csv")
    for name in ("series.csv", "SHA256SUMS"):
        (folder / name).write_text("")
    tables = []
    for code, (dataset, rows) in sorted(series().items()):
        frame = pa.Table.from_pylist(rows)
        frame = frame.set_column(frame.schema.get_field_index("n"), "n", pa.nulls(len(frame), pa.int64()))
        for name in ("value", "se", "cv", "ci_low", "ci_high"):
            frame = frame.set_column(
                frame.schema.get_field_index(name), name, pa.array(frame[name].to_pylist(), pa.float64())
            )
        fields = fields_of(frame.schema, {})
        plain = csv.write(frame, folder / "data" / f"{code}.csv")
        columnar = parquet.write(frame, folder / "data" / f"{code}.parquet", dataset=dataset, fields=fields)
        tables.append(
            Table(
                code,
                dataset.title + (" (synthetic)" if dataset.synthetic else ""),
                dataset.description,
                fields,
                ("observation_key",),
                checksums.describe(folder, plain, csv.MEDIA_TYPE),
                dataset=dataset,
                parquet=checksums.describe(folder, columnar, parquet.MEDIA_TYPE),
                title_ne=dataset.title_ne,
            )
        )
    return tables


def shapes(figures: Figures) -> Shapes:
    """The squares of the units, written clockwise, and what they make up."""
    features = [
        {"id": unit, "geometry": {"type": "Polygon", "coordinates": [_square(*corner)]}}
        for unit, corner in UNITS.items()
    ]
    return read(features, figures.places, "Drawn for tests", "CC0-1.0")


def _square(x: float, y: float) -> list:
    ring = np.array([(x, y), (x, y + 1), (x + 1, y + 1), (x + 1, y), (x, y)], float)
    return (ring * 0.5 + [80, 27]).tolist()


def release(folder) -> tuple[Figures, Shapes, list[Table]]:
    """Write the tables and return what the portal formats are made from."""
    tables = write(folder)
    figures = Figures(folder, tables)
    return figures, shapes(figures), tables
