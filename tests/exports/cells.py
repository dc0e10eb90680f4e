"""Cells of a release with everything that SDMX finds hard, and the metadata that names their codes."""

import datetime

import pyarrow as pa

from statloom.exports.model import (
    About,
    Category,
    CodeList,
    Dataset,
    Goal,
    Indicator,
    Metadata,
    Source,
    Target,
    Text,
)
from statloom.release import frames
from statloom.release.columns import CELL, DIMENSIONS

CENSUS = Source("census", "The bureau's census, 2011", 'The "Bureau"', "CC-BY-4.0", "Tables & notes")
MADE = Source("made", "A survey", "Ministry", "Terms of the ministry", synthetic=True)
INDICATOR = Indicator(
    "6.2.1", Text("Sanitation"), Target("6.2", Text("End it"), Goal("6", Text("Water", "पानी")))
)
METADATA = Metadata(
    dimensions={
        name: CodeList(name.upper(), Text(name.title(), "नाम"), (Category("_T", Text("Total", "जम्मा")),))
        for name in DIMENSIONS
    }
    | {
        "sex": CodeList(
            "SEX",
            Text("Sex", "लिङ्ग"),
            tuple(
                Category(code, Text(name, ne))
                for code, name, ne in (("_T", "Total", "जम्मा"), ("F", "Female", "महिला"), ("M", "Male", None))
            ),
        ),
        "cust_breakdown": CodeList(
            "CUST_BREAKDOWN",
            Text("Breakdown of the country"),
            (Category("_T", Text("Total")), Category("REL_BON", Text('Bon, the elders\' "way"', "बोन"))),
        ),
    },
    units=CodeList("unit", Text("Unit"), (Category("PERSONS", Text("Persons", "जना"), "PS"),)),
    terms={
        "place": CodeList("place", Text("Place"), (Category("V:country:NP", Text("Nepal"), "524"),)),
        "concept": CodeList("concept", Text("Concept"), (Category("OBS_VALUE", Text("Value", "मान")),)),
        "obs_status": CodeList("obs_status", Text("Status"), (Category("A", Text("Normal", "सामान्य")),)),
    },
    indicators={"6.2.1": INDICATOR},
    columns={"value": Text("Value", "मान")},
)
ABOUT = About(
    7,
    3,
    datetime.date(2026, 11, 5),
    "Women's open data",
    "Figures.",
    "The people's office",
    "office@example.org",
    title_ne="खुला तथ्याङ्क",
    description_ne="तथ्याङ्क।",
    publisher_ne="तथ्याङ्क कार्यालय",
    country="https://www.geonames.org/1282988",
    metadata=METADATA,
)
PLACES = (("V:country:NP", "Nepal", None), ("V:district:01", "King's & Queen's", "V:country:NP"))


def dataset(code: str, **more) -> Dataset:
    """A series' metadata."""
    known = {
        "code": code,
        "title": f"Series' {code}",
        "title_ne": "शृङ्खला",
        "description": "What <it> is.",
        "definition": "What <it> is.",
        "unit": "Persons",
        "unit_code": "PERSONS",
        "sources": (CENSUS, MADE),
        "indicator_code": "6.2.1",
        "indicator": INDICATOR,
        "goal": "6",
        "period_start": "2011-01-01",
        "period_end": "2015-07-16",
    }
    return Dataset(**known | more)


def table(rows: list[dict]) -> pa.Table:
    """Return cells with ``rows``; what a row does not say is empty, or the total."""
    usual = dict.fromkeys(DIMENSIONS, "_T") | {
        "series_code": "S1",
        "place_id": "V:country:NP",
        "place_level": "country",
        "source_level": "country",
        "period": "2011",
        "unit": "PERSONS",
        "obs_status": "A",
        "source_id": "census",
        "geo_method": "observed",
        "preferred": True,
    }
    full = [
        dict.fromkeys(CELL) | usual | {"observation_key": str(number)} | row
        for number, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(full, schema=frames.empty(CELL).schema)


def hard() -> pa.Table:
    """Cells of one series, each with something that files get wrong."""
    day = datetime.date
    district = {"place_id": "V:district:01", "place_level": "district", "source_level": "district"}
    return table(
        [
            {"value": 29192480.0, "period_start": day(2011, 1, 1), "period_end": day(2011, 12, 31)},
            {
                "value": 0.1 + 0.2,
                "sex": "F",
                "se": 0.0125,
                "cv": 1e-7,
                "ci_low": -0.5,
                "ci_high": 1.5,
                "n": 412,
            },
            {"value": -1e-7, "sex": "M", "deff": 1.25, "comment": "a \"quote\", <b> & 'apostrophe'"},
            {"value": None, "sex": "O", "obs_status": "Q", "comment": "left out: fewer than 5"},
            {"value": 0.0, **district, "comment": "=1+1", "geo_method": "apportioned", "geo_se": 0.3},
            {
                "value": 1e300,
                **district,
                "period": "2014",
                "time_detail": "2071/72",
                "period_start": day(2014, 7, 17),
                "period_end": day(2015, 7, 16),
            },
            {"value": 7.0, **district, "period": "2014-Q3", "comment": "two\nlines\tand\u200dmore"},
            {"value": 8.0, **district, "period": "2014-07", "cust_breakdown": "REL_BON"},
            {"value": 9.0, **district, "period": "2014", "cust_breakdown": "NEW: code", "product": None},
            {"value": 10.0, **district, "source_id": "made", "comment": "-"},
            # The same key as others: one of them goes out.
            {"value": 1.0, "preferred": False, "source_id": "made"},
            {"value": 2.0, "period": "2013", "preferred": False, "geo_method": "apportioned"},
            {"value": 3.0, "period": "2013", "preferred": False, "geo_method": "exact_merge"},
            {
                "value": 4.0,
                "period": "2013",
                "preferred": False,
                "geo_method": "exact_merge",
                "source_level": "x",
            },
        ]
    ).filter(pa.array([True] * 9 + [False] + [True] * 4))
