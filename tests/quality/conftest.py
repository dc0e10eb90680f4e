"""A small office: a few places, one source, and a mart, each with a suite of its own."""

import csv
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from sqlalchemy import text

from statloom import contracts, settings
from statloom.quality import gates
from statloom.settings import Settings

SOURCE = "births"

# Two districts in one province, one in the other; a national park has nothing to report.
PLACES = [
    ("V:country:NP", "country", "Nepal", "", True),
    ("V:province:1", "province", "East", "V:country:NP", True),
    ("V:province:2", "province", "West", "V:country:NP", True),
    ("V:district:11", "district", "Ilam", "V:province:1", True),
    ("V:district:12", "district", "Jhapa", "V:province:1", True),
    ("V:district:21", "district", "Kaski", "V:province:2", True),
    ("V:district:99", "district", "Park", "V:province:2", False),
]
DISTRICTS = {"11": (100, 40), "12": (200, 90), "21": (300, 150)}

CONTRACT = """
source: births
title: {en: "Births by place and kind"}
custodian: Ministry of Health
owner: births@office.example
kind: administrative
licence: MIT
provenance: made for the tests
sensitivity: low
schedule: "@daily"
maximum_age_days: 30
connector: {type: file, url: births.csv}
format: {type: csv}
columns:
  geo_level: {type: text, role: place_level, values: {nation: country, district: district}}
  geo_code: {type: text, role: place_code}
  kind: {type: text, role: dimension, categories: [all, home, ward, clinic]}
  total: {type: integer, role: measure, unit: births, minimum: 0}
  skilled: {type: integer, role: measure, unit: births, minimum: 0}
  informant: {type: text, role: personal_identifier}
key: [geo_level, geo_code, kind]
place: {scheme: TEST, date: 2020-01-01}
period: {type: year, value: "2020"}
series:
  - {series: NP_BIRTHS, value: {measure: total}}
"""


@dataclass
class Office:
    """The office's project folder and warehouse."""

    project: Path
    database: object

    @property
    def engine(self):
        """The engineer's engine."""
        return self.database.engine

    def suite(self, gate: str, name: str, expectations: list[dict], **keys) -> Path:
        """Declare a suite; missing dimension, severity and description are filled in."""
        folder = self.project / "expectations" / gate
        folder.mkdir(parents=True, exist_ok=True)
        filled = [
            {"dimension": "accuracy", "severity": "fail", "description": e["type"], **e} for e in expectations
        ]
        path = folder / f"{name}.yml"
        path.write_text(yaml.safe_dump({"suite": f"{gate}.{name}", **keys, "expectations": filled}))
        return path

    def execute(self, statement: str, **values) -> None:
        """Run a statement as the engineer."""
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    def rows(self, statement: str, **values) -> list[dict]:
        """Return the rows of a query."""
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(statement), values).mappings()]

    def deliver(self, fault: str | None = None, *, status: str = "loaded") -> int:
        """Load the source's clean rows as a new delivery, then plant ``fault`` (SQL on raw.births)."""
        with self.engine.begin() as connection:
            delivery_id = connection.scalar(
                text(
                    "insert into landing.delivery (source_id, sha256, size_bytes, file_name, archive_key,"
                    " fetched_from, fetched_by, status) select 'births', md5(random()::text), 1,"
                    " 'births.csv', 'x', 'x', 'x', :status returning delivery_id"
                ),
                {"status": status},
            )
            # The nation has the sum of the births, and an average of the skilled ones.
            rows = [("nation", "NP", "all", 600, 100)]
            for code, (total, skilled) in DISTRICTS.items():
                rows.append(("district", code, "all", total, skilled))
            connection.execute(
                text(
                    "insert into raw.births (geo_level, geo_code, kind, total, skilled, _row_number,"
                    " _delivery_id) values (:level, :code, :kind, :total, :skilled, :number, :delivery_id)"
                ),
                [
                    {
                        "level": level,
                        "code": code,
                        "kind": kind,
                        "total": total * share // 10,
                        "skilled": skilled * share // 10,
                        "number": 4 * number + position + 2,
                        "delivery_id": delivery_id,
                    }
                    for number, (level, code, _, total, skilled) in enumerate(rows)
                    for position, (kind, share) in enumerate(
                        (("all", 10), ("home", 4), ("ward", 3), ("clinic", 3))
                    )
                ],
            )
            if fault:
                connection.execute(text(fault.replace(":d", str(delivery_id))))
        return delivery_id

    def judge(self, delivery_id: int) -> gates.GateResult:
        """Judge a delivery at the raw gate."""
        return gates.judge("raw", SOURCE, engine=self.engine, delivery_id=delivery_id, run_id="test")

    def results(self, gate_run_id: int) -> list[dict]:
        """Return the rows of quality.expectation_result of a gate run."""
        return self.rows(
            "select * from quality.expectation_result where gate_run_id = :id order by position",
            id=gate_run_id,
        )


@pytest.fixture
def office(database, tmp_path, monkeypatch) -> Office:
    """The office with its contract registered, its places known, and no suites but those a test declares."""
    project = tmp_path / "office"
    seeds = project / "dbt_project" / "seeds" / "places"
    seeds.mkdir(parents=True)
    columns = ["place_id", "place_vintage", "place_level", "place_name", "parent_id", "is_statistical"]
    with (seeds / "place.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows((i, "V", level, name, parent, flag) for i, level, name, parent, flag in PLACES)
    sources = project / "dags" / "sources"
    sources.mkdir(parents=True)
    (sources / f"{SOURCE}.yml").write_text(textwrap.dedent(CONTRACT))
    here = Settings(project=project, home=database.home)
    monkeypatch.setattr(settings, "load", lambda: here)
    contracts.register(database.engine)
    made = Office(project, database)
    made.execute(
        "insert into places.place_reference (source_id, place_scheme, place_level, place_code, place_name,"
        " place_parent, place_id, method) select 'births', 'TEST', level, code, '', '',"
        " concat_ws(':', 'V', level, code), 'exact_code' from (values ('country', 'NP'), ('district', '11'),"
        " ('district', '12'), ('district', '21')) as known (level, code)"
    )
    return made


SERIES = """
  - {series: NP_HOME, value: {measure: total, where: {kind: [home]}}}
  - series: NP_HOME_SHARE
    numerator: {measure: total, where: {kind: [home]}}
    denominator: {measure: total, where: {kind: [home, ward, clinic]}}
  - {series: NP_WARD, value: {measure: total, where: {kind: [ward]}}}
  - {series: NP_SKILLED, value: {measure: skilled, where: {kind: [home, ward, clinic]}}}
"""


class Clinics(Office):
    """The office with four series and two years; category `all` feeds none of them."""

    def deliver(self, fault: str | None = None, *, status: str = "loaded") -> int:
        """Load clean rows for 2020 and 2021 as a new delivery, then plant ``fault`` (SQL on raw.births)."""
        years = (
            "update raw.births set year = '2020' where _delivery_id = :d; insert into raw.births"
            " (geo_level, geo_code, kind, total, skilled, year, _delivery_id, _row_number)"
            " select geo_level, geo_code, kind, total, skilled, '2021', _delivery_id, _row_number + 100"
            " from raw.births where _delivery_id = :d"
        )
        return super().deliver(f"{years}; {fault}" if fault else years, status=status)


@pytest.fixture
def clinics(office) -> Clinics:
    """The office of `Clinics`, with its contract and its years."""
    path = office.project / "dags" / "sources" / f"{SOURCE}.yml"
    contract = path.read_text()
    contract = contract.replace('period: {type: year, value: "2020"}', "period: {type: year, column: year}")
    contract = contract.replace("  total: {type", "  year: {type: text, role: period}\n  total: {type")
    contract = contract.replace("key: [geo_level, geo_code, kind]", "key: [geo_level, geo_code, kind, year]")
    path.write_text(contract[: contract.index("series:")] + f"series:{SERIES}")
    contracts.register(office.engine)
    office.execute(
        "insert into landing.period select 'births', y, 'year', y, (y || '-01-01')::date,"
        " (y || '-12-31')::date, y from (values ('2020'), ('2021')) as years (y)"
    )
    return Clinics(office.project, office.database)
