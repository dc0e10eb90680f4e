"""Which rule protects each series of each source, as its contract declares."""

# ruff: noqa: S608  names in these statements are constants of this module

import json
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, text

from statloom.contracts.perturbation import method_of
from statloom.errors import StatloomError
from statloom.publication.sql import run

FREE = "free"
TABLE = "release.candidate_rule"
COLUMNS = {
    "source_id": "text",
    "series_code": "text",
    "method": "text",
    "minimum_respondents": "integer",
    "dominance_largest": "integer",
    "dominance_share": "double precision",
    "p_percent": "double precision",
    "group_rule": "boolean",
    "free_periods": "text[]",
}


@dataclass(frozen=True)
class Rule:
    """How one series of one source is protected: ``method`` is ``free`` or how cells are hidden.

    ``free_periods``: the series is free in these periods alone, and follows ``method`` in the others.
    """

    method: str
    minimum_respondents: int = 0
    dominance_largest: int | None = None
    dominance_share: float | None = None
    p_percent: float | None = None
    group_rule: bool = False
    free_periods: tuple[str, ...] = ()


def decide(disclosure: dict, series_code: str) -> Rule:
    """Return the rule of ``series_code`` under ``disclosure``, a contract's block as JSON.

    This alone says how a series is protected; what follows goes by ``release.candidate_cell.method``.
    """
    free = [given for given in disclosure.get("free") or () if given["series"] == series_code]
    dominance = disclosure.get("dominance") or {}
    ruled = {
        "minimum_respondents": disclosure.get("minimum_respondents") or 0,
        "dominance_largest": dominance.get("largest"),
        "dominance_share": dominance.get("share"),
        "p_percent": disclosure.get("p_percent"),
        "group_rule": bool(disclosure.get("group")),
    }
    if not any(ruled.values()) or any(not given.get("periods") for given in free):
        return Rule(FREE)
    periods = tuple(period for given in free for period in given["periods"])
    return Rule(method_of(disclosure, series_code)["method"], **ruled, free_periods=periods)


def read(connection: Connection) -> None:
    """Write the rule of every series of every source with published figures to ``release.candidate_rule``.

    Raises StatloomError when a source is free without a reason: its contract was never asked for rules.
    """
    rows = run(
        connection,
        "select o.source_id, o.series_code, s.contract -> 'disclosure' as disclosure, s.contract ->> 'path' "
        "as path from (select distinct source_id, series_code from marts.observation) o "
        "join landing.source s using (source_id) order by 1, 2",
    ).all()
    silent = {
        f"{source_id} ({path})" if path else source_id
        for source_id, _, disclosure, path in rows
        if not (disclosure or {}).get("reason") and decide(disclosure or {}, "").method == FREE
    }
    if silent:
        raise StatloomError(
            f"the contract of {', '.join(sorted(silent))} protects no cell and gives no reason; nothing is "
            "released. Declare its rules under 'disclosure', or the reason why its figures are public"
        )
    rules = [
        {"source_id": source_id, "series_code": series_code, **asdict(decide(disclosure, series_code))}
        for source_id, series_code, disclosure, _ in rows
    ]
    listed = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    run(connection, f"drop table if exists {TABLE} cascade")
    run(connection, f"create table {TABLE} ({listed}, primary key (source_id, series_code))")
    connection.execute(
        text(
            f"insert into {TABLE} select {', '.join(f'r.{name}' for name in COLUMNS)} "
            f"from jsonb_to_recordset(cast(:rules as jsonb)) r ({listed})"
        ),
        {"rules": json.dumps(rules)},
    )
