"""What is wrong today, who must act, and since when: the first thing that the report shows."""

from datetime import datetime
from typing import Any

from statloom.quality.report.reading import Rows

SEVERE, NOTED = "bad", "warn"

SENTENCES = {
    "delivery_held_back": "The newest delivery is held back; the marts keep the one before",
    "delivery_rejected": "The newest delivery could not be read; the marts keep the one before",
    "not_fetched": "The source cannot be fetched",
    "too_old": "The delivery is {age} days old; the contract allows {most}",
    "parts_held_back": "Held back: {parts} (series × period); the rest is published",
    "gate_of_marts": "The gate of the marts failed: nothing new is published",
    "gate_of_release": "The gate of the release failed: no new release",
    "over_budget": "{warned} warnings: more than the budget allows, so the gate failed",
    "warnings": "Expectations not met, as warnings: {warned}",
    "never_drilled": "No restore drill was ever made: nobody knows whether the backups can be brought back",
    "drill_failed": "The last restore drill failed",
    "drill_old": "The last restore drill is {age} days old; {most} are allowed",
    "rows_unaccounted": "Rows in are not rows published and rows quarantined",
    "places_wait": "References to places that wait for a decision: {references}",
}
"""What is said of each kind; in the catalogue of `words` too."""


def attention(report: dict[str, Any]) -> Rows:
    """Return what needs a person, the gravest and oldest first.

    Columns: ``state`` (bad or warn), ``kind`` (a key of ``SENTENCES``), ``subject`` (a source,
    marts, release, backup, or None), ``numbers`` (that the sentence names), ``reason`` (as it was written
    down, in English, or None), ``owner`` (or None), ``since`` (or None) and ``page``, where to look.
    """
    rows = [
        *_sources(report["sources"]),
        *_parts(report["held_back"]["by_source"]),
        *_gates(report["gates"]),
        *_drill(report["drill"]),
        *_account(report["account"]),
        *_waiting(report["waiting"], report["sources"]),
    ]
    latest = datetime.max.replace(tzinfo=None)
    return sorted(
        rows,
        key=lambda row: (
            row["state"] != SEVERE,
            row["since"].replace(tzinfo=None) if row["since"] else latest,
            row["kind"],
            row["subject"] or "",
        ),
    )


def _row(state: str, kind: str, subject: str | None, page: str, **said: Any) -> dict[str, Any]:
    return {
        "state": state,
        "kind": kind,
        "subject": subject,
        "page": page,
        "numbers": said.get("numbers", {}),
        "reason": said.get("reason"),
        "owner": said.get("owner"),
        "since": said.get("since"),
    }


def _sources(sources: Rows) -> Rows:
    rows = []
    for source in sources:
        name, page = source["source_id"], f"sources/{source['source_id']}.html"
        who = {"owner": source["owner"]}
        if source["newest_status"] in ("held_back", "rejected"):
            kind = "delivery_rejected" if source["newest_status"] == "rejected" else "delivery_held_back"
            since = source["newest_judged_at"] or source["newest_fetched_at"]
            rows.append(_row(SEVERE, kind, name, page, reason=source["newest_reason"], since=since, **who))
        elif source["look_outcome"] == "failed":
            rows.append(
                _row(
                    SEVERE,
                    "not_fetched",
                    name,
                    page,
                    reason=source["look_message"],
                    since=source["failing_since"],
                    **who,
                )
            )
        if source["too_old"]:
            numbers = {"age": source["age_days"], "most": source["maximum_age_days"]}
            rows.append(
                _row(NOTED, "too_old", name, page, numbers=numbers, since=source["fetched_at"], **who)
            )
    return rows


def _parts(by_source: Rows) -> Rows:
    return [
        _row(
            SEVERE,
            "parts_held_back",
            row["source_id"],
            f"held_back.html#{row['source_id']}",
            numbers={"parts": row["parts"]},
            owner=row["owner"],
            since=row["since"],
        )
        for row in by_source
    ]


def _gates(gates: Rows) -> Rows:
    rows = []
    for gate in gates:
        page = f"gate/{gate['gate']}_{gate['subject']}.html"
        subject = gate["subject"] if gate["gate"] == "raw" else None
        if gate["gate"] != "raw" and not gate["passed"]:
            kind = f"gate_of_{gate['gate']}"
            owners = _owners(gate, "bad") or _owners(gate, "warn")
            rows.append(_row(SEVERE, kind, gate["gate"], page, owner=owners, since=gate["since"]))
        if gate["over_budget"]:
            rows.append(
                _row(
                    SEVERE,
                    "over_budget",
                    subject,
                    page,
                    numbers={"warned": gate["warned"]},
                    owner=_owners(gate, "warn"),
                    since=gate["since"],
                )
            )
        elif gate["warned"]:
            warned = [result for result in gate["results"] if result["state"] == "warn"]
            since = min((result["since"] for result in warned if result["since"]), default=gate["since"])
            rows.append(
                _row(
                    NOTED,
                    "warnings",
                    subject or gate["gate"],
                    page,
                    numbers={"warned": gate["warned"]},
                    owner=_owners(gate, "warn"),
                    since=since,
                )
            )
    return rows


def _owners(gate: dict[str, Any], state: str) -> str:
    return ", ".join(
        sorted(
            {result["owner"] for result in gate["results"] if result["state"] == state and result["owner"]}
        )
    )


def _drill(drill: dict[str, Any]) -> Rows:
    last = drill["last"]
    if drill["state"] == "none":
        return [_row(NOTED, "never_drilled", "backup", "backup.html")]
    if drill["state"] == "bad":
        return [
            _row(
                SEVERE,
                "drill_failed",
                "backup",
                "backup.html",
                reason=last["message"],
                since=last["finished_at"],
            )
        ]
    if drill["state"] == "warn":
        numbers = {"age": drill["age_days"], "most": drill["maximum_age_days"]}
        return [
            _row(SEVERE, "drill_old", "backup", "backup.html", numbers=numbers, since=last["finished_at"])
        ]
    return []


def _account(account: dict[str, Any]) -> Rows:
    return [
        _row(SEVERE, "rows_unaccounted", name, f"held_back.html#quarantine-{name}")
        for name in account["differing"]
    ]


def _waiting(waiting: dict[str, int], sources: Rows) -> Rows:
    owners = {source["source_id"]: source["owner"] for source in sources}
    return [
        _row(
            NOTED,
            "places_wait",
            name,
            f"places/{name}.html#queue",
            numbers={"references": count},
            owner=owners.get(name),
        )
        for name, count in sorted(waiting.items())
        if count
    ]
