"""The quality report as a short text, for the end of a run and for mail."""

from typing import Any

from statloom.quality.report.words import number, share


def text(report: dict[str, Any]) -> str:
    """Return the short text of ``report`` (as `data.collect` gives it): a line a source, then the gates."""
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
            f"{number(source['rows_quarantined']):>11}  {_words(source)}"
        )
    gates = report["gates"]
    failed = [gate for gate in gates if not gate["passed"]]
    warned = sum(gate["warned"] for gate in gates)
    checks = sum(gate["expectations"] for gate in gates)
    lines += [
        "",
        f"gates: {len(gates) - len(failed)} passed, {len(failed)} failed; "
        f"{checks} expectations, {warned} not met as warnings",
    ]
    for gate in failed:
        lines.append(f"  {gate['gate']} gate of {gate['subject']}:")
        for result in gate["results"]:
            if not result["passed"] and result["severity"] == "fail":
                lines.append(f"    {result['description']}: {result['message'] or 'not met'}")
    return "\n".join(lines) + "\n"


def _words(source: dict[str, Any]) -> str:
    if source["state"] == "bad":
        reason = source["newest_reason"] or source["look_message"] or "held back"
        return f"HELD BACK: {reason.splitlines()[0]}"
    return {"good": "good", "warn": "warnings", "none": "no data"}[source["state"]]
