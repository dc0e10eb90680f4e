"""A small country in the office of the other tests: its places as seeds, faults planted."""

import csv
import json
from pathlib import Path

import pytest

from statloom import places
from statloom.places.gates import COLUMNS
from tests.quality.report import monitored as monitored_country

VINTAGES = [
    {"place_vintage": "OLD", "title": "Before", "valid_from": "2000-01-01", "valid_to": "2017-01-01"},
    {"place_vintage": "V", "title": "Today", "valid_from": "2017-01-01"},
]
PLACES = [
    ("OLD:country:NP", "Nepal", ""),
    ("OLD:district:11", "Ilam", "OLD:country:NP"),
    ("V:country:NP", "Nepal", ""),
    ("V:province:1", "East", "V:country:NP"),
    ("V:province:2", "West", "V:country:NP"),
    ("V:district:11", "Ilam", "V:province:1"),
    ("V:district:12", "Jhapa", "V:province:1"),
    ("V:district:21", "Kaski", "V:province:2"),
    ("V:district:99", "Park", "V:province:2"),
]
CODES = [
    ("TEST", "V:district:11", "11"),
    ("TEST", "V:district:12", "12"),
    ("TEST", "V:district:21", "21"),
    # The planted collision: 12 is Jhapa in the source's scheme.
    ("OTHER", "V:district:21", "012"),
    # Not a collision: the same district in the edition before.
    ("BEFORE", "OLD:district:11", "11"),
]
DECISIONS = [
    {"place_code": "12", "place_id": "V:district:12", "expect": "Jhapa"},
    {"place_code": "13", "place_id": "V:district:11", "expect": "Illam <i>"},
    {"place_code": "14", "place_id": "", "expect": ""},
]
REJECTED = [
    {"place_scheme": "TEST", "place_level": "district", "place_code": "21", "place_code_name": "Kaski <b>",
     "reason": "two units have it <script>"},
]  # fmt: skip


def write_seeds(folder: Path) -> None:
    """Write the seeds of the small country to ``folder``."""
    common = {"source_id": "births", "place_scheme": "TEST", "place_level": "district"}
    who = {"decided_by": "A. Person", "decided_on": "2026-01-05", "reason": "asked the body"}
    seeds = {
        "place_scheme": [
            {"place_scheme": scheme, "title": f"Scheme {scheme}", "custodian": "Bureau",
             "valid_from": "2000-01-01"}
            for scheme in ("TEST", "OTHER", "BEFORE", "EMPTY")
        ],
        "place_vintage": [{**one, "is_current": one["place_vintage"] == "V"} for one in VINTAGES],
        "place": [
            {
                "place_id": place_id,
                "place_vintage": place_id.split(":")[0],
                "place_level": place_id.split(":")[1],
                "place_name": name,
                "place_type": "district",
                "parent_id": parent,
                "valid_from": "2000-01-01" if place_id.startswith("OLD") else "2017-01-01",
                "valid_to": "2017-01-01" if place_id.startswith("OLD") else "",
                "is_statistical": name != "Park",
            }
            for place_id, name, parent in PLACES
        ],
        "place_code": [
            {
                "place_scheme": scheme,
                "place_level": "district",
                "place_code": code,
                "place_id": place_id,
                "place_vintage": place_id.split(":")[0],
            }
            for scheme, place_id, code in CODES
        ],
        "place_change": [
            {"from_place_id": "OLD:district:11", "to_place_id": "V:district:11", "change_type": "continued",
             "changed_on": "2017-01-01"},
            {"to_place_id": "V:province:1", "change_type": "created", "changed_on": "2017-01-01"},
        ],
        "place_decision": [{**common, **who, **one} for one in DECISIONS],
        "place_rejected": REJECTED,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    for name in {**COLUMNS, "place_rejected": ()}:
        rows = seeds.get(name, [])
        columns = COLUMNS.get(name) or list(REJECTED[0])
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def write_boundaries(folder: Path) -> None:
    """Write three districts and a park as adjoining squares, two by two; Kaski has two parts."""

    def square(x: int, y: int) -> list[list[int]]:
        return [[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1], [x, y]]

    squares = {
        "11": [(84, 27)],
        "12": [(85, 27)],
        "21": [(84, 28), (86, 28)],
        "99": [(85, 28)],
        "??": [(87, 27)],
    }
    arcs, geometries = [], []
    for code, corners in squares.items():
        rings = []
        for corner in corners:
            rings.append([[len(arcs)]])
            arcs.append(square(*corner))
        geometries.append({"type": "MultiPolygon", "id": f"V:district:{code}", "arcs": rings})
    topology = {
        "type": "Topology",
        "source": "drawn for <em>tests</em>",
        "licence": "MIT",
        "objects": {"places": {"type": "GeometryCollection", "geometries": geometries}},
        "arcs": arcs,
    }
    (folder / "boundaries").mkdir(exist_ok=True)
    (folder / "boundaries" / "V.topojson").write_text(json.dumps(topology), encoding="utf-8")


@pytest.fixture
def country(office):
    """The office with its places as a whole registry, and what a warehouse run would leave, faults planted.

    Of the source's references 12 was decided, 11 is exact, 21 uses a rejected code, and one is left open.
    """
    folder = office.project / "dbt_project" / "seeds" / "places"
    write_seeds(folder)
    assert places.load(folder)
    office.execute("delete from places.place_reference")
    office.execute(
        "insert into places.place_reference (source_id, place_scheme, place_level, place_code, place_name,"
        " place_parent, place_id, method, score, margin, candidates) values"
        " ('births', 'TEST', 'district', '11', '', '', 'V:district:11', 'exact_code', null, null, '[]'),"
        " ('births', 'TEST', 'district', '12', '', '', 'V:district:12', 'decision', null, null, '[]'),"
        " ('births', 'TEST', 'district', '21', '', '', 'V:district:21', 'exact_code', null, null, '[]'),"
        " ('births', 'TEST', 'district', '', 'Illaam <b>', '', null, 'unresolved', 83.5, 2.25,"
        """ '[{"place_id": "V:district:11", "place_name": "Ilam", "score": 83.5, "why": "alike"}]')"""
    )
    office.execute("create schema if not exists marts")
    office.execute(
        "create table marts.observation (source_id text, place_vintage text, place_level text, place_id text,"
        " geo_method text, value numeric, split_share numeric, geo_se double precision)"
    )
    office.execute(
        "insert into marts.observation values"
        " ('births', 'V', 'country', 'V:country:NP', 'observed', 600, 0, 0),"
        " ('births', 'V', 'district', 'V:district:11', 'observed', 100, 0, 0),"
        " ('births', 'V', 'district', 'V:district:11', 'exact_merge', 90, 0, 0),"
        " ('births', 'V', 'district', 'V:district:12', 'apportioned', 200, 0.25, 4),"
        " ('births', 'V', 'district', 'V:district:12', 'exact_merge', 200, 0, 0)"
    )
    # Not a figure: a row that says why there is none.
    office.execute(
        "insert into marts.observation values ('births', 'V', 'district', 'V:district:21', 'apportioned')"
    )
    office.execute(
        "create table quality.not_carried as select 'births' as source_id, 'NP_RATE' as series_code,"
        " 'district' as place_level, 'OLD' as place_vintage, 'V' as to_vintage,"
        " 'no link leads from the place <to> V' as reason, 12 as figures, 3 as places,"
        " 'OLD:district:11' as example_place_id"
    )
    office.execute(
        "create table quality.place_agreement (series_code text, source_id text, place_id text,"
        " place_name text, place_level text, period text, breakdown text, part text, rolled_up_from text,"
        " reported numeric, rolled_up numeric, difference numeric)"
    )
    office.execute(
        "insert into quality.place_agreement"
        " select series, 'births', place, name, 'province', '2020', '_T', 'value', 'district', reported,"
        " rolled_up, rolled_up - reported"
        " from (values ('NP_SMALL', 'V:province:1', 'East', 300, 299),"
        " ('NP_LARGE', 'V:province:2', 'West', 0, 47)) as given (series, place, name, reported, rolled_up)"
    )
    return office


@pytest.fixture
def monitored(country):
    """The country after weeks of judgements, with much that has gone wrong (see monitored.py)."""
    monitored_country.plant(country)
    return country
