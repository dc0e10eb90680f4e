"""What the quality report says, collected from the warehouse as one dictionary."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from statloom import contracts
from statloom.quality.report.reading import Reader, Rows

_SOURCES = """
    with newest_fetch as (
        select distinct on (source_id) source_id, fetched_at, outcome, message
        from landing.fetch order by source_id, fetch_id desc
    ),
    newest_delivery as (
        select distinct on (source_id) * from landing.delivery order by source_id, delivery_id desc
    ),
    deliveries as (
        select source_id, count(*) as deliveries from landing.delivery group by source_id
    )
    select
        source.source_id,
        coalesce(deliveries.deliveries, 0) as deliveries,
        newest_fetch.fetched_at as looked_at,
        newest_fetch.outcome as look_outcome,
        newest_fetch.message as look_message,
        newest_delivery.delivery_id as newest_delivery_id,
        newest_delivery.status as newest_status,
        newest_delivery.reason as newest_reason,
        newest_delivery.fetched_at as newest_fetched_at,
        current_delivery.delivery_id,
        current_delivery.sha256,
        current_delivery.file_name,
        current_delivery.size_bytes,
        current_delivery.fetched_at,
        current_delivery.rows_read
    from landing.source
    left join newest_fetch using (source_id)
    left join newest_delivery using (source_id)
    left join deliveries using (source_id)
    left join landing.current_delivery using (source_id)
    order by source.source_id
"""

_GATE_RUNS = """
    select gate_run_id, gate, subject, delivery_id, run_id, started_at, finished_at, passed, expectations,
        failed, warned, page
    from (
        select *, row_number() over (partition by gate, subject order by gate_run_id desc) as age
        from quality.gate_run
    ) as recent
    where age <= 30
    order by gate, subject, gate_run_id
"""

_RESULTS = """
    select expectation_result.*
    from quality.expectation_result
    join (
        select max(gate_run_id) as gate_run_id from quality.gate_run group by gate, subject
    ) as newest using (gate_run_id)
    order by gate_run_id, severity, position
"""


def collect(engine: Engine) -> dict[str, Any]:
    """Return all that the report says.

    Keys: ``written_at, publication, publications, mart_changes, release, sources, gates, quarantine,
    agreement, place_method, data_gaps``. Parts not built yet (before the first warehouse run) are empty.
    """
    with engine.connect() as connection:
        read = Reader(connection)
        gates = _gates(read)
        sources = _sources(read, gates)
        return {
            "written_at": datetime.now(UTC).replace(tzinfo=None, microsecond=0),
            "publication": read.one(
                "select pointer.publication_id, publication.published_at, publication.code_version"
                " from publication.pointer left join publication.publication using (publication_id)"
            ),
            "publications": read.rows(
                "select * from publication.publication where status = 'published' order by 1 desc limit 50"
            ),
            "mart_changes": read.rows(
                "select * from publication.mart_change where publication_id in (select publication_id from"
                " publication.publication where status = 'published' order by 1 desc limit 50) order by 1, 2"
            ),
            "release": read.one(
                "select * from release.release where status = 'released' order by release_id desc limit 1",
                otherwise={"release_id": None},
            ),
            "sources": sources,
            "gates": gates,
            "quarantine": read.rows(
                "select * from quality.quarantine order by source_id, stage, rows desc", "quality.quarantine"
            ),
            "agreement": read.rows(
                "select *, difference / nullif(abs(reported), 0) as relative from quality.place_agreement"
                " order by abs(difference) desc limit 500",
                "quality.place_agreement",
            ),
            "place_method": read.rows(
                "select * from quality.place_method order by source_id, place_level, method",
                "quality.place_method",
            ),
            "data_gaps": _data_gaps(read),
        }


def _gates(read: Reader) -> Rows:
    """Return one entry a gate and subject: its newest run with results, and history (oldest first)."""
    results: dict[int, Rows] = {}
    for row in read.rows(_RESULTS):
        results.setdefault(row["gate_run_id"], []).append(row)
    entries: dict[tuple[str, str], dict[str, Any]] = {}
    for run in read.rows(_GATE_RUNS):
        entry = entries.setdefault((run["gate"], run["subject"]), {"history": []})
        entry["history"].append(run)
        entry.update(run)
    for entry in entries.values():
        entry["results"] = results.get(entry["gate_run_id"], [])
        entry["state"] = "bad" if not entry["passed"] else "warn" if entry["warned"] else "good"
    order = {"raw": 0, "marts": 1, "release": 2}
    return sorted(entries.values(), key=lambda entry: (order[entry["gate"]], entry["subject"]))


def _sources(read: Reader, gates: Rows) -> Rows:
    declared = contracts.load_all(broken=[])
    account = {
        row["source_id"]: row for row in read.rows("select * from quality.row_account", "quality.row_account")
    }
    raw_gates = {gate["subject"]: gate for gate in gates if gate["gate"] == "raw"}
    now = datetime.now(UTC)
    sources = []
    for row in read.rows(_SOURCES):
        contract = declared.get(row["source_id"])
        if contract is None:
            continue
        counted = account.get(row["source_id"], {})
        gate = raw_gates.get(row["source_id"])
        age = (now - row["fetched_at"]).days if row["fetched_at"] else None
        sources.append(
            row
            | {
                "title": contract.title["en"],
                "custodian": contract.custodian,
                "owner": contract.owner,
                "kind": contract.kind,
                "licence": contract.licence,
                "provenance": contract.provenance,
                "synthetic": contract.synthetic,
                "sensitivity": contract.sensitivity,
                "maximum_age_days": contract.maximum_age_days,
                "age_days": age,
                "rows_in": counted.get("rows_in"),
                "rows_placed": counted.get("rows_placed"),
                "rows_mapped": counted.get("rows_mapped"),
                "rows_published": counted.get("rows_published"),
                "rows_quarantined": counted.get("rows_quarantined"),
                "gate": gate,
                "state": _state(row, gate, age, contract.maximum_age_days),
            }
        )
    return sources


def _state(row: dict[str, Any], gate: dict[str, Any] | None, age: int | None, maximum_age: int) -> str:
    """Return the traffic light of a source: bad, warn, good, or none when it never delivered."""
    if row["newest_status"] in ("held_back", "rejected") or row["look_outcome"] == "failed":
        return "bad"
    if row["delivery_id"] is None:
        return "none"
    if age is not None and age > maximum_age:
        return "warn"
    return gate["state"] if gate else "good"


def _data_gaps(read: Reader) -> dict[str, Any]:
    """Return a row for each series and level, with a cell for each period: None where there is no figure."""
    found = read.rows(
        """
        select series_code, series_title as title, place_level, period, places, places_expected as expected,
            sources
        from marts.data_gap where breakdown = '_T'
        order by series_code, places_expected, period
        """,
        "marts.data_gap",
    )
    periods = sorted({row["period"] for row in found if row["places"]})
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for cell in found:
        row = rows.setdefault(
            (cell["series_code"], cell["place_level"]),
            {
                "series_code": cell["series_code"],
                "title": cell["title"],
                "place_level": cell["place_level"],
                "cells": [None] * len(periods),
            },
        )
        if cell["places"]:
            row["cells"][periods.index(cell["period"])] = cell
    return {"periods": periods, "rows": list(rows.values())}
