"""A country in which much has gone wrong: what a warehouse of some weeks would hold, faults planted."""

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from statloom import contracts

NOW = datetime.now(UTC).replace(microsecond=0)
OTHER = """
source: incomes
title: {en: "Incomes of <b>households", ne: "घरधुरीको आय"}
custodian: Bureau
owner: incomes@office.example
kind: survey
synthetic: true
licence: MIT
provenance: made for the tests
sensitivity: low
schedule: "@daily"
maximum_age_days: 10
connector: {type: file, url: incomes.csv}
format: {type: csv}
columns:
  code: {type: text, role: place_code}
  amount: {type: number, role: measure, unit: rupees, minimum: 0}
key: [code]
place: {scheme: TEST, date: 2020-01-01, level: district}
period: {type: year, value: "2021"}
series:
  - {series: NP_INCOME, value: {measure: amount}}
"""


def _returned(office, statement: str, values: dict) -> list:
    with office.engine.begin() as connection:
        return connection.execute(text(statement), values).all()


def days_ago(days: float) -> datetime:
    """Return a moment before now."""
    return NOW - timedelta(days=days)


def judged(office, gate: str, subject: str, days: float, results: list[tuple], **run) -> int:
    """Write a judgement; ``results``: description, dimension, severity, passed. Returns its number."""
    failed = sum(not ok and severity == "fail" for _, _, severity, ok in results)
    warned = sum(not ok and severity == "warn" for _, _, severity, ok in results)
    values = {
        "gate": gate,
        "subject": subject,
        "delivery_id": None,
        "at": days_ago(days),
        "passed": failed == 0,
        "expectations": len(results),
        "failed": failed,
        "warned": warned,
        "parts_held_back": 0,
    } | run
    [row] = _returned(
        office,
        "insert into quality.gate_run (gate, subject, delivery_id, run_id, started_at, finished_at, passed,"
        " expectations, failed, warned, parts_held_back)"
        " values (:gate, :subject, :delivery_id, 'r', :at, :at, :passed,"
        " :expectations, :failed, :warned, :parts_held_back) returning gate_run_id",
        values,
    )
    for position, (description, dimension, severity, ok) in enumerate(results, start=1):
        office.execute(
            "insert into quality.expectation_result (gate_run_id, position, suite, table_name,"
            " expectation_type, dimension, severity, owner, description, passed, rows_unexpected, examples,"
            " message) values (:run, :position, :suite, :table, 'x', :dimension, :severity, :owner,"
            " :description, :passed, :rows, cast(:examples as jsonb), :message)",
            run=row[0],
            position=position,
            suite=f"{gate}.{subject}",
            table=f"{gate}.{subject}",
            dimension=dimension,
            severity=severity,
            owner=f"{subject}@office.example",
            description=description,
            passed=ok,
            rows=0 if ok else 3,
            examples=json.dumps([] if ok else [{"_row_number": 17, "total": -1, "place": "<i>Ilam"}]),
            message=None if ok else f"{gate}.{subject}: {description}: 3 of 12 rows unexpected",
        )
    return row[0]


def results(negative: bool = True, peers: bool = True, kinds: bool = True) -> list[tuple]:
    """Return results of the births' gate; False is not met."""
    return [
        ("total is at least 0", "accuracy", "fail", negative),
        ("The delivery has rows", "structure", "fail", True),
        ("No district lies far from the others", "accuracy", "warn", peers),
        ("kind has only the categories that the contract lists", "comparability", "warn", kinds),
    ]


def delivered(office, source: str, status: str, days: float, reason: str | None = None) -> int:
    """Write a delivery; return its number."""
    [row] = _returned(
        office,
        "insert into landing.delivery (source_id, sha256, size_bytes, file_name, archive_key, fetched_from,"
        " fetched_by, fetched_at, status, reason, rows_read, rows_loaded, rows_quarantined, judged_at) values"
        " (:source, md5(random()::text), 2048, :file, 'x', 'x', 'x', :at, :status, :reason, 12, 10, 2, :at)"
        " returning delivery_id",
        {"source": source, "file": f"{source}.csv", "at": days_ago(days), "status": status, "reason": reason},
    )
    return row[0]


def plant(office) -> dict[str, int]:
    """Fill the country's warehouse; return the numbers of its deliveries."""
    (office.project / "dags" / "sources" / "incomes.yml").write_text(OTHER)
    contracts.register(office.engine)
    numbers = {"first": delivered(office, "births", "accepted", 20)}
    judged(office, "raw", "births", 20, results(), delivery_id=numbers["first"])
    judged(office, "marts", "marts", 20, [("There are figures", "completeness", "fail", True)])
    judged(office, "release", "release", 20, [("There are cells to release", "completeness", "fail", True)])
    # Since 8 days a warning, since 4 a failure: the marts keep the first delivery.
    numbers["second"] = delivered(office, "births", "accepted", 8)
    judged(office, "raw", "births", 8, results(peers=False), delivery_id=numbers["second"])
    judged(office, "marts", "marts", 8, [("There are figures", "completeness", "fail", True)])
    numbers["third"] = delivered(office, "births", "held_back", 4, "gate raw: births: 1 failed\n<script>")
    judged(office, "raw", "births", 4, results(negative=False, peers=False), delivery_id=numbers["third"])
    # The other source: too old, over its budget of warnings, and a part of it is held back by the marts.
    numbers["incomes"] = delivered(office, "incomes", "accepted", 12)
    rows = [(f"code {n} is never empty", "completeness", "warn", False) for n in range(7)]
    judged(office, "raw", "incomes", 3, rows, passed=False)
    marts = [
        ("There are figures", "completeness", "fail", True),
        ("No rate is over 100", "coherence", "fail", False),
    ]
    judged(office, "marts", "marts", 2, marts, passed=True, parts_held_back=1)
    for source, outcome in (("births", "new"), ("incomes", "unchanged")):
        office.execute(
            "insert into landing.fetch (source_id, fetched_by, fetched_from, outcome)"
            " values (:s, 'x', 'x', :o)",
            s=source,
            o=outcome,
        )
    office.execute(
        "insert into quality.held_back (extent, source_id, series_code, period, delivery_id, gate,"
        " expectation, dimension, reason, owner, rows, places, since, held_back_at) values"
        " ('part', 'incomes', 'NP_INCOME', '2021', :d, 'marts', 'No rate is over 100', 'coherence',"
        " '7 of 77 rows <b>unexpected', 'incomes@office.example', 7, 7, :at, :at)",
        d=numbers["incomes"],
        at=days_ago(2),
    )
    _quarantined(office, numbers["second"])
    _published(office)
    _figures(office)
    return numbers


def _quarantined(office, delivery: int) -> None:
    office.execute(
        "insert into quality.quarantined_row values (:s, :d, 5, 'read', 'total', 'not a number', '{}'),"
        " (:s, :d, 9, 'read', 'total', 'not a number', '{}')",
        s="births",
        d=delivery,
    )
    office.execute(
        "create table quality.quarantine as select 'births' as source_id, cast(:d as bigint) as delivery_id,"
        " 'read' as stage, 'not a number' as reason, cast(2 as bigint) as rows,"
        """ '{"row": 5, "column": "total"}'::jsonb as example""",
        d=delivery,
    )
    office.execute(
        "create table quality.row_account as select 'births' as source_id, cast(:d as bigint) as delivery_id,"
        " cast(12 as bigint) as rows_in, cast(10 as bigint) as rows_published,"
        " cast(2 as bigint) as rows_quarantined, cast(10 as bigint) as rows_placed,"
        " cast(10 as bigint) as rows_mapped",
        d=delivery,
    )


def _published(office) -> None:
    for number, days in ((1, 20), (2, 8)):
        office.execute(
            "insert into publication.publication (publication_id, status, published_at, code_version)"
            " values (:n, 'published', :at, 'abc')",
            n=number,
            at=days_ago(days),
        )
    office.execute("update publication.pointer set publication_id = 2")
    office.execute(
        "insert into publication.mart_change values (1, 'observation', 8, 0, 0), (2, 'observation', 0, 3, 0)"
    )
    office.execute(
        "insert into publication.revision_cell (publication_id, mart, change, reason, reasons, why,"
        " series_code, place_id, period, source_id, key, value_before, value_after) values"
        " (2, 'observation', 'changed', 'corrected delivery', '{corrected delivery}', 'births: <b>again',"
        " 'NP_BIRTHS', 'V:district:11', '2020', 'births', '{}', 100, 150),"
        " (2, 'observation', 'changed', 'corrected delivery', '{corrected delivery}', 'births: <b>again',"
        " 'NP_BIRTHS', 'V:district:12', '2020', 'births', '{}', 200, 210)"
    )
    office.execute(
        "insert into quality.revision_summary values"
        " (2, 'observation', 'NP_BIRTHS', 'births', 'changed', 'corrected delivery', 'births: <b>again',"
        " 3, 50, 0.5, 'V:district:11', '2020')"
    )
    folder = office.project / "open_data" / "1"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "NP_BIRTHS.csv").write_text("a,b\n" * 700)
    (folder / "datapackage.json").write_text("{}")
    office.execute(
        "insert into release.release (release_id, publication_id, status, released_at, folder, datasets,"
        " cells, cells_suppressed) values (1, 2, 'released', :at, :folder, 1, 12, 3)",
        at=days_ago(8),
        folder=str(folder),
    )


def _figures(office) -> None:
    office.execute("create schema if not exists reference")
    office.execute(
        "create table reference.series (series_code text, title text, title_ne text, synthetic boolean)"
    )
    office.execute(
        "insert into reference.series values ('NP_BIRTHS', 'Births', 'जन्म', false),"
        " ('NP_INCOME', 'Income', null, true)"
    )
    office.execute("create table reference.goal (goal integer, title text, title_ne text)")
    office.execute("insert into reference.goal values (3, 'Health', 'स्वास्थ्य'), (8, 'Work', null)")
    office.execute(
        "create table reference.quality_band (framework text, band text, maximum_cv numeric,"
        " minimum_respondents integer, rule text, title text, source text)"
    )
    office.execute(
        "insert into reference.quality_band values ('global', 'reliable', 0.165, 30, 'publish', '', 'x'),"
        " ('global', 'unreliable', null, null, 'withhold', '', 'x')"
    )
    office.execute(
        "alter table marts.observation add series_code text, add cv numeric, add quality_band text,"
        " add quality_rule text"
    )
    office.execute(
        "insert into marts.observation (source_id, series_code, place_vintage, place_level, place_id,"
        " geo_method, value, cv, quality_band, quality_rule) values"
        " ('incomes', 'NP_INCOME', 'V', 'district', 'V:district:11', 'observed', 5, 0.1, 'reliable',"
        " 'publish'),"
        " ('incomes', 'NP_INCOME', 'V', 'district', 'V:district:12', 'observed', 5, 0.5, 'unreliable',"
        " 'withhold')"
    )
    office.execute(
        "create table marts.data_gap (goal integer, series_code text, place_level text, breakdown text,"
        " period text, places integer, places_observed integer, places_expected integer, sources text)"
    )
    for year in range(1990, 2022):
        births = 3 if year in (1990, 2020) else 1 if year == 2019 else 0
        office.execute(
            "insert into marts.data_gap values (3, 'NP_BIRTHS', 'district', '_T', :y, :b, 0, 3, :s),"
            " (3, 'NP_BIRTHS', 'country', '_T', :y, 1, 1, 1, 'births'),"
            " (8, 'NP_INCOME', 'district', '_T', :y, :i, 0, 3, :t)",
            y=str(year),
            b=births,
            s="births" if births else "",
            i=2 if year == 2021 else 0,
            t="incomes" if year == 2021 else "",
        )
