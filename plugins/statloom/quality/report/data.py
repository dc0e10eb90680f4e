"""What the quality report says, collected from the warehouse as one dictionary."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from statloom import contracts
from statloom.contracts import Contract
from statloom.quality.report import (
    attention,
    changes,
    gaps,
    held,
    judged,
    public_use,
    reliability,
    safety,
    trend,
)
from statloom.quality.report.reading import Reader, Rows

SCHEMA_VERSION = "1.0"
"""Of ``report.json``. What a reader of an earlier version can still read raises the second number."""

_SOURCES = """
    with newest_fetch as (
        select distinct on (source_id) source_id, fetched_at, outcome, message
        from landing.fetch order by source_id, fetch_id desc
    ),
    -- The first of the failed looks since the last one that did not fail.
    failing as (
        select source_id, min(fetched_at) as failing_since
        from landing.fetch as look
        where outcome = 'failed' and not exists (
            select from landing.fetch as later
            where later.source_id = look.source_id and later.fetch_id > look.fetch_id
                and later.outcome <> 'failed'
        )
        group by source_id
    ),
    -- Of a source that went back to an earlier delivery, that one is the newest.
    newest_delivery as (
        select distinct on (source_id) * from landing.delivery
        order by source_id, coalesce(judged_at, fetched_at) desc, delivery_id desc
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
        failing.failing_since,
        newest_delivery.delivery_id as newest_delivery_id,
        newest_delivery.status as newest_status,
        newest_delivery.reason as newest_reason,
        newest_delivery.fetched_at as newest_fetched_at,
        newest_delivery.judged_at as newest_judged_at,
        current_delivery.delivery_id,
        current_delivery.sha256,
        current_delivery.file_name,
        current_delivery.size_bytes,
        current_delivery.fetched_at,
        current_delivery.rows_read
    from landing.source
    left join newest_fetch using (source_id)
    left join failing using (source_id)
    left join newest_delivery using (source_id)
    left join deliveries using (source_id)
    left join landing.current_delivery using (source_id)
    order by source.source_id
"""

_DELIVERIES = """
    select * from (
        select source_id, delivery_id, file_name, size_bytes, fetched_at, status, reason, rows_read,
            rows_loaded, rows_quarantined,
            row_number() over (partition by source_id order by delivery_id desc) as position
        from landing.delivery
    ) as ordered
    where position <= 15
    order by source_id, position
"""

_SERIES = "select series_code, title, title_ne, synthetic from reference.series"
_GOALS = "select goal::text, title, title_ne from reference.goal"
_WAITING = """
    select source_id, count(*) from places.place_reference
    where place_id is null and method <> 'decision' group by source_id
"""
_PLACES = """
    select place_id, place_name, place_name_ne from places.place where place_id = any(:wanted)
"""


def collect(engine: Engine) -> dict[str, Any]:
    """Return all that the report says, places aside.

    Keys: ``schema_version, written_at, publication, release`` (the newest, None before there is one),
    ``attention`` (what needs a person), ``sources, gates, trend, held_back, quarantine, account,
    publications, releases, data_gaps, reliability, public_use, drill``; ``series, goals, place_names``
    (titles in both languages), ``waiting`` (source → references without a place). Parts not built yet,
    before the first warehouse run, are empty.
    """
    declared = contracts.load_all(broken=[])
    now = datetime.now(UTC)
    with engine.connect() as connection:
        read = Reader(connection)
        gates = judged.gates(read)
        parts = held.held_back(read)
        trend.note(read)
        sources = _sources(read, declared, gates, parts, now)
        quarantined = held.quarantine(read, declared)
        publications = changes.publications(read)
        releases = changes.releases(read)
        report = {
            "schema_version": SCHEMA_VERSION,
            "written_at": now.replace(tzinfo=None, microsecond=0),
            "publication": read.one(
                "select nullif(pointer.publication_id, 0) as publication_id, publication.published_at,"
                " publication.code_version"
                " from publication.pointer left join publication.publication using (publication_id)"
            ),
            "release": next((row for row in releases if row["status"] == "released"), {"release_id": None}),
            "sources": sources,
            "gates": gates,
            "trend": trend.trend(read),
            "held_back": parts,
            "quarantine": quarantined,
            "account": held.account(sources, quarantined),
            "publications": publications,
            "releases": releases,
            "data_gaps": gaps.gaps(read),
            "reliability": reliability.reliability(read),
            "public_use": public_use.public_use(read),
            "drill": safety.drills(read, now),
            "waiting": dict(read.pairs(_WAITING)),
            "series": _titles(read.rows(_SERIES, "reference.series"), "series_code"),
            "goals": _titles(read.rows(_GOALS, "reference.goal"), "goal"),
            "place_names": _place_names(read, publications),
        }
    report["attention"] = attention.attention(report)
    return report


def _sources(
    read: Reader, declared: dict[str, Contract], gates: Rows, parts: dict[str, Any], now: datetime
) -> Rows:
    account = {
        row["source_id"]: row for row in read.rows("select * from quality.row_account", "quality.row_account")
    }
    deliveries: dict[str, Rows] = {}
    for row in read.rows(_DELIVERIES):
        deliveries.setdefault(row["source_id"], []).append(row)
    raw_gates = {gate["subject"]: gate for gate in gates if gate["gate"] == "raw"}
    held_back = {row["source_id"]: row for row in parts["by_source"]}
    sources = []
    for row in read.rows(_SOURCES):
        contract = declared.get(row["source_id"])
        if contract is None:
            continue
        counted = account.get(row["source_id"], {})
        gate = raw_gates.get(row["source_id"])
        age = (now - row["fetched_at"]).days if row["fetched_at"] else None
        of_source = held_back.get(row["source_id"])
        source = row | {
            "title": contract.title["en"],
            "title_ne": contract.title.get("ne"),
            "custodian": contract.custodian,
            "owner": contract.owner,
            "kind": contract.kind,
            "licence": contract.licence,
            "provenance": contract.provenance,
            "synthetic": contract.synthetic,
            "sensitivity": contract.sensitivity,
            "maximum_age_days": contract.maximum_age_days,
            "age_days": age,
            "too_old": age is not None and age > contract.maximum_age_days,
            "rows_in": counted.get("rows_in"),
            "rows_placed": counted.get("rows_placed"),
            "rows_mapped": counted.get("rows_mapped"),
            "rows_published": counted.get("rows_published"),
            "rows_quarantined": counted.get("rows_quarantined"),
            "parts_held_back": of_source["parts"] if of_source else 0,
            "history": deliveries.get(row["source_id"], []),
            "gate": gate,
        }
        source["state"] = _state(source)
        source["lights"] = _lights(source, of_source)
        sources.append(source)
    return sources


def _state(source: dict[str, Any]) -> str:
    """Return the traffic light of a source.

    bad: nothing of its newest delivery is in the marts; part: some of it is not; warn; good; none: it never
    delivered.
    """
    if source["newest_status"] in ("held_back", "rejected") or source["look_outcome"] == "failed":
        return "bad"
    if source["delivery_id"] is None:
        return "none"
    gate = source["gate"]
    if source["parts_held_back"]:
        return "part"
    if gate and gate["state"] in ("bad", "part"):
        return gate["state"]
    return "warn" if source["too_old"] or (gate and gate["state"] == "warn") else "good"


def _lights(source: dict[str, Any], held_back: dict[str, Any] | None) -> dict[str, str]:
    """Return the light of each dimension: as the raw gate judged, with what the marts' gate held back."""
    gate = source["gate"]
    said = dict(gate["lights"]) if gate else dict.fromkeys(judged.DIMENSIONS, "none")
    # A delivery grows old without being judged again.
    if source["too_old"] and said["timeliness"] in ("good", "none"):
        said["timeliness"] = "warn"
    for dimension in (held_back["dimensions"] or "").split(", ") if held_back else ():
        if dimension in said:
            said[dimension] = "bad"
    return said


def _titles(rows: Rows, key: str) -> dict[str, dict[str, Any]]:
    return {row[key]: row for row in rows}


def _place_names(read: Reader, publications: Rows) -> dict[str, dict[str, Any]]:
    wanted = {
        row.get("place_id") or row.get("example_place_id")
        for publication in publications
        for part in ("largest", "series")
        for row in publication[part]
    }
    return _titles(
        read.rows(_PLACES, "places.place", wanted=sorted(filter(None, wanted))) if wanted else [], "place_id"
    )
