"""Sums of record keys for the counts of a tabulation: who is counted decides the noise.

They are made where the unit records lie, from the vault, each time a release is prepared; they are written
nowhere.
"""

import json
from dataclasses import replace

import pandas as pd
from sqlalchemy import Connection, text
from sqlglot import exp

from statloom.contracts.conditions import quoted
from statloom.contracts.expressions import Expression, Scope
from statloom.contracts.loading import load
from statloom.contracts.model import TOTAL, Contract, subject
from statloom.contracts.series import mapping
from statloom.contracts.tabulation import Figure, Plan, plans
from statloom.disclosure.perturbation import record_key_sql
from statloom.errors import StatloomError
from statloom.microdata import vault
from statloom.microdata.tabulation.cells import long, tabulate
from statloom.microdata.tabulation.engines import DuckDB
from statloom.microdata.tabulation.source import of_vault
from statloom.release.columns import DIMENSIONS

RECORD_KEY = "statloom_record_key"
COLUMNS = ("series_code", "role", "place_id", *DIMENSIONS, "units", "key_sum")


def of_source(
    connection: Connection, source_id: str, series: list[str], *, key: bytes
) -> pd.DataFrame | None:
    """Return for each count of the ``series`` of ``source_id`` its units and the sum of their record keys.

    One row (``COLUMNS``) for each series, role (value, numerator, denominator), place and breakdown. None
    for a source that tabulates no unit records. Raises StatloomError when the vault has not the delivery in
    use: without it the noise would be another one than in the releases before.
    """
    found = connection.execute(
        text(
            "select s.contract -> 'tabulation' is not null "
            "and jsonb_typeof(s.contract -> 'tabulation') = 'object' as tabulated, d.sha256 "
            "from landing.source s left join landing.current_delivery d using (source_id) "
            "where source_id = :source"
        ),
        {"source": source_id},
    ).one()
    if not found.tabulated:
        return None
    if found.sha256 is None:
        raise StatloomError(f"{source_id}: no delivery is in use; its counts cannot be perturbed")
    contract = load(source_id)
    rows = [row for row in mapping(contract) if row["series_code"] in series]
    measures = {json.loads(row["categories"])[subject(contract)] for row in rows}
    try:
        stored = vault.stored(contract, found.sha256)
    except StatloomError as error:
        raise StatloomError(
            f"{error}. Its counts are perturbed by their respondents' keys, which come from there: "
            f"'statloom source rebuild {source_id}' and a run bring them back from the archive"
        ) from None
    summed = sums(contract, stored, measures, key=key)
    return _placed(connection, contract, _of_series(rows, summed))


def sums(contract: Contract, stored, measures: set[str], *, key: bytes) -> pd.DataFrame:
    """Return the cells of ``measures`` of the contract over ``stored`` (`statloom.microdata.vault.Stored`).

    Columns: ``place_level``, ``place_code``, the subject (the measure's name), the breakdowns, ``units`` and
    ``key_sum``. The identity of a record is its whole key, so that it has the same record key in every
    delivery. Raises StatloomError where the vault lacks a column of the key.
    """
    tables = []
    for whole_plan in plans(contract):
        plan = replace(whole_plan, figures=tuple(f for f in whole_plan.figures if f.name in measures))
        if not plan.figures:
            continue
        names = contract.whole_key(plan.record)
        lacking = [name for name in names if name not in contract.visible(plan.record)]
        if lacking or not names:
            raise StatloomError(
                f"{contract.source}: rows of {plan.record} are known by {', '.join(lacking) or 'nothing'}, "
                "which the vault has not: without it there is no record key; pseudonymise it, or choose "
                "another method under 'disclosure'"
            )
        keyed = _with_key(plan)
        source = of_vault(contract, stored, [_reading(plan, names)])
        identity = " || chr(31) || ".join(f"coalesce(cast({quoted(name)} as varchar), '')" for name in names)
        select = source.selects[plan.record]
        wrapped = f"select *, {record_key_sql(identity, key=key)} as {RECORD_KEY} from ({select}) as unit"  # noqa: S608
        made = tabulate(replace(source, selects={plan.record: wrapped}), keyed, engine=DuckDB())
        tables.append(long(made, keyed).to_pandas())
    whole = pd.concat(tables, ignore_index=True).rename(
        columns={"measure": subject(contract), "value": "key_sum", "respondents": "units"}
    )
    for name in contract.named("dimension"):
        if name not in whole:
            whole[name] = TOTAL
    whole[[*contract.named("dimension")]] = whole[[*contract.named("dimension")]].fillna(TOTAL)
    return whole


def _reading(plan: Plan, names: tuple[str, ...]) -> Plan:
    """Return ``plan`` so that it reads the columns ``names`` too."""
    read = Expression("", exp.true(), "condition", frozenset(names))
    return replace(plan, figures=(*plan.figures, Figure("_", read, None)))


def _with_key(plan: Plan) -> Plan:
    """Return the plan in which each figure adds up the record keys of the units that it counts."""
    column = Expression(RECORD_KEY, exp.column(RECORD_KEY, quoted=True), "integer", frozenset({RECORD_KEY}))
    figures = []
    for figure in plan.figures:
        counted = [each for each in (figure.population, figure.expression) if each is not None]
        if figure.kind != "condition":
            # Values that are added up are no counts; whoever has one counts.
            known = exp.Not(this=exp.Is(this=exp.Paren(this=figure.expression.tree), expression=exp.Null()))
            counted[-1] = Expression("", known, "condition", figure.expression.columns)
        population = None
        if counted:
            tree = counted[0].tree.copy()
            for each in counted[1:]:
                tree = exp.And(this=exp.Paren(this=tree), expression=exp.Paren(this=each.tree.copy()))
            columns = frozenset().union(*(each.columns for each in counted))
            population = Expression("", exp.Paren(this=tree), "condition", columns)
        figures.append(Figure(figure.name, population, column))
    scope = Scope({**plan.scope.columns, RECORD_KEY: "integer"})
    return replace(plan, figures=tuple(figures), scope=scope)


def _of_series(rows: list[dict], summed: pd.DataFrame) -> pd.DataFrame:
    """Return what each part of each series (``rows`` of `mapping`) adds up, by SDMX codes of breakdowns."""
    pieces = []
    for row in rows:
        categories, breakdown = json.loads(row["categories"]), json.loads(row["breakdown"])
        chosen = summed
        for column, category in categories.items():
            chosen = chosen[chosen[column] == category]
        coded = dict.fromkeys(DIMENSIONS, TOTAL)
        piece = chosen[["place_level", "place_code", "units", "key_sum"]].assign(
            series_code=row["series_code"], role=row["role"], **coded
        )
        for dimension, given in breakdown.items():
            piece[dimension] = chosen[given["column"]].map(given["codes"])
        pieces.append(piece.dropna(subset=list(DIMENSIONS)))
    whole = pd.concat(pieces, ignore_index=True)
    keys = ["series_code", "role", "place_level", "place_code", *DIMENSIONS]
    return whole.groupby(keys, as_index=False, sort=False)[["units", "key_sum"]].sum()


def _placed(connection: Connection, contract: Contract, found: pd.DataFrame) -> pd.DataFrame:
    rows = connection.execute(
        text(
            "select distinct place_level, place_code, place_id from places.place_reference "
            "where source_id = :source and place_id is not null"
        ),
        {"source": contract.source},
    ).all()
    places = pd.DataFrame(rows, columns=["place_level", "place_code", "place_id"])
    # A code that means two places would mix their respondents.
    places = places.drop_duplicates(["place_level", "place_code"], keep=False)
    merged = found.merge(places, on=["place_level", "place_code"])
    return merged[list(COLUMNS)]
