"""The quality report as a short text, for the end of a run and for mail; and the list of sources."""

from typing import Any

from statloom.quality.report.attention import SENTENCES
from statloom.quality.report.words import Words, number, share

_LONGEST = 160  # characters of a line
_NAMED = 6  # things that need somebody


def text(report: dict[str, Any]) -> str:
    """Return the short text of ``report`` (as `data.collect` gives it), of at most 15 lines.

    What is held back, what has more warnings than its budget, and what the last restore drill found are
    always said.
    """
    sources, gates, account = report["sources"], report["gates"], report["account"]
    states = [source["state"] for source in sources]
    held, drill = report["held_back"], report["drill"]
    whole = [source["source_id"] for source in sources if source["state"] == "bad"]
    over = [gate["subject"] for gate in gates if gate["over_budget"]]
    failed = [gate for gate in gates if not gate["passed"]]
    checks = sum(gate["expectations"] for gate in gates)
    warned = sum(gate["warned"] for gate in gates)
    lines = [
        f"sources      {len(sources)}: {states.count('good')} good, {states.count('warn')} with warnings,"
        f" {states.count('part')} held back in part, {len(whole)} held back,"
        f" {states.count('none')} without data",
        f"rows         {number(account['rows_in'])} in = {number(account['rows_published'])} published"
        f" + {number(account['rows_quarantined'])} quarantined"
        f" ({share(account['rows_quarantined'], account['rows_in'])})",
        f"gates        {len(gates) - len(failed)} passed, {len(failed)} failed;"
        f" {number(checks)} expectations, {number(warned)} not met as warnings",
        f"held back    {_named(whole, 'deliveries')}; {_parts(held)}",
        f"over budget  {_named(over, 'gates')}",
        f"drill        {_drill(drill)}",
    ]
    severe = [row for row in report["attention"] if row["state"] == "bad"]
    words = Words()
    for row in severe[:_NAMED]:
        since = f", since {words.day(row['since'])}" if row["since"] else ""
        owner = (
            f" ({row['owner']}{since})" if row["owner"] else since.replace(", ", " (", 1) + ")" * bool(since)
        )
        reason = f": {row['reason'].splitlines()[0]}" if row["reason"] else ""
        said = words.text(SENTENCES[row["kind"]], **row["numbers"])
        subject = f"{row['subject']}: " if row["subject"] else ""
        lines.append(f"  !  {_cut(f'{subject}{said}{reason}', _LONGEST - len(owner))}{owner}")
    if len(severe) > _NAMED:
        lines.append(f"  !  and {len(severe) - _NAMED} more: see the report")
    return "\n".join(lines) + "\n"


def by_source(report: dict[str, Any]) -> str:
    """Return a line a source: deliveries, rows, shares placed and mapped, rows quarantined, state."""
    sources = report["sources"]
    width = max((len(source["source_id"]) for source in sources), default=6)
    lines = [
        f"{'source':<{width}} {'deliveries':>10} {'rows':>9} {'placed':>8} {'mapped':>8} "
        f"{'quarantined':>11}  state"
    ]
    for source in sources:
        rows = source["rows_in"]
        lines.append(
            f"{source['source_id']:<{width}} {source['deliveries']:>10} {number(rows):>9} "
            f"{share(source['rows_placed'], rows):>8} {share(source['rows_mapped'], rows):>8} "
            f"{number(source['rows_quarantined']):>11}  {_state(source)}"
        )
    return "\n".join(lines) + "\n"


def _state(source: dict[str, Any]) -> str:
    if source["state"] == "bad":
        reason = source["newest_reason"] or source["look_message"] or "held back"
        return _cut(f"HELD BACK: {reason.splitlines()[0]}", _LONGEST)
    if source["state"] == "part":
        return f"HELD BACK IN PART: {number(source['parts_held_back'])} (series × period)"
    return {"good": "good", "warn": "warnings", "none": "no data"}[source["state"]]


def _parts(held: dict[str, Any]) -> str:
    if not held["count"]:
        return "no parts"
    of = ", ".join(f"{row['source_id']} {row['parts']}" for row in held["by_source"][:4])
    more = len(held["by_source"]) - 4
    return f"{number(held['count'])} parts (series × period): {of}{f' and {more} more' if more > 0 else ''}"


def _drill(drill: dict[str, Any]) -> str:
    last = drill["last"]
    if last is None:
        return "none was ever made: nobody knows whether the backups can be brought back"
    result = "passed" if last["passed"] else "FAILED"
    old = f", TOO OLD: {drill['maximum_age_days']} days are allowed" if drill["state"] == "warn" else ""
    message = f": {last['message'].splitlines()[0]}" if last["message"] else ""
    said = (
        f"{result} {last['finished_at']:%Y-%m-%d %H:%M} UTC, {len(last['compared'])} compared{old}{message}"
    )
    return _cut(said, _LONGEST)


def _named(names: list[str], what: str) -> str:
    if not names:
        return f"no {what}"
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return f"{', '.join(names[:4])}{more}"


def _cut(text_: str, length: int) -> str:
    return text_ if len(text_) <= length else f"{text_[: length - 1]}…"
