"""Cells over places and breakdowns: in two phases, so that parts of the data can be tabulated apart."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from statloom.contracts.model import TOTAL, UNKNOWN
from statloom.contracts.tabulation import Plan
from statloom.microdata.tabulation import queries
from statloom.microdata.tabulation.engines import DuckDB, Engine, Session
from statloom.microdata.tabulation.errors import TabulationError
from statloom.microdata.tabulation.source import Source, of_files

log = logging.getLogger(__name__)

Data = Source | str | Path | Sequence[str | Path]


def tabulate(data: Data, plan: Plan, *, engine: Engine | None = None) -> pa.Table:
    """Return all cells of ``plan`` over ``data``: Parquet files or folders of one row a unit, or a `Source`.

    One row for each place level × place × combination of categories that has units, ordered by its keys.
    Columns: ``place_level``, ``place_code``; each breakdown (``_T`` its total, ``_U`` a category that is
    missing); ``units``, the units of the cell; and for each measure its value under its name (int64; double
    when it is weighted, or adds up numbers) and, as ``n_<measure>``, the unweighted count of the units that
    the value rests on (int64).

    ``engine``: `DuckDB` (default) or `Spark`; both give the same cells.

    Raises TabulationError when the data lack a column of the plan or have it with another type, when a weight
    or a value is unusable, a category is not among the declared ones, or a place lies in two places of the
    level above.
    """
    with (engine or DuckDB()).session() as session:
        _open(session, data, plan)
        session.make_cells(queries.first_phase(plan))
        return _rolled_up(session, plan)


def cells(data: Data, plan: Plan, *, engine: Engine | None = None) -> pa.Table:
    """Return the first phase alone: the additive cells of the finest places by all breakdowns, of a part of
    the data.

    A joined record must lie in the same part as the units that it belongs to. Raises TabulationError as
    `tabulate`.
    """
    with (engine or DuckDB()).session() as session:
        _open(session, data, plan)
        return session.table(queries.first_phase(plan))


def combine(parts: Sequence[pa.Table], plan: Plan, *, engine: Engine | None = None) -> pa.Table:
    """Return the sum of the cells of several parts, each from `cells` with the same plan.

    Raises TabulationError for parts that are of another plan.
    """
    whole = _together(parts)
    with (engine or DuckDB()).session() as session:
        session.take_cells(whole)
        return session.table(queries.summed(plan, whole.column_names)).cast(whole.schema)


def roll_up(parts: pa.Table | Sequence[pa.Table], plan: Plan, *, engine: Engine | None = None) -> pa.Table:
    """Return the second phase: all cells of ``plan``, as from `tabulate`, from the cells of one or more
    parts."""
    whole = parts if isinstance(parts, pa.Table) else _together(parts)
    with (engine or DuckDB()).session() as session:
        session.take_cells(whole)
        return _rolled_up(session, plan)


def long(table: pa.Table, plan: Plan) -> pa.Table:
    """Return the cells of `tabulate` with one row a cell and measure: ``place_level``, ``place_code``,
    ``measure``, each breakdown, ``value`` (double), ``respondents`` (the unweighted count, int64).
    """
    keys = ["place_level", "place_code", *(name for name, _ in plan.breakdowns)]
    blocks = []
    for figure in plan.figures:
        block = table.select(keys)
        block = block.add_column(2, "measure", pa.array([figure.name] * len(table), pa.string()))
        block = block.append_column("value", table[figure.name].cast(pa.float64()))
        blocks.append(block.append_column("respondents", table[f"n_{figure.name}"]))
    return pa.concat_tables(blocks)


def _together(parts: Sequence[pa.Table]) -> pa.Table:
    if not parts:
        raise TabulationError("no parts to add up")
    for part in parts[1:]:
        if part.schema != parts[0].schema:
            raise TabulationError("the parts are not of the same tabulation: their columns differ")
    return pa.concat_tables(parts)


def _rolled_up(session: Session, plan: Plan) -> pa.Table:
    _refuse_faults(session, plan)
    _refuse_strays(session, plan)
    _refuse_categories(session, plan)
    found = session.table(queries.second_phase(plan))
    if not pc.any(pc.greater(found["units"], 0)).as_py():
        raise TabulationError(f"no rows of {plan.record} with a place: nothing to tabulate")
    made = {
        name: found[name] for name in ["place_level", "place_code", *(n for n, _ in plan.breakdowns), "units"]
    }
    for total in queries.sums(plan):
        value = found[total.value]
        if total.scale > 1:
            value = pc.divide(value.cast(pa.float64()), float(total.scale))
        made[total.figure.name] = value
        made[f"n_{total.figure.name}"] = found[total.count]
    return pa.table(made)


_TYPES = {
    "text": r"varchar|string|enum\(.*\)",
    "integer": r"u?(tinyint|smallint|integer|bigint|hugeint|int)",
    "number": r"u?(tinyint|smallint|integer|bigint|hugeint|int)|double|float|decimal\(.*\)",
    "date": r"date",
    "boolean": r"boolean",
}


def _open(session: Session, data: Data, plan: Plan) -> None:
    source = data if isinstance(data, Source) else of_files(data)
    found = session.open(source, plan.record)
    for name, kind in plan.types.items():
        if name not in found:
            raise TabulationError(f"the data have no column {name!r}")
        if not re.fullmatch(_TYPES[kind], found[name]):
            raise TabulationError(f"column {name!r} is {found[name]} in the data, not {kind}")


def _refuse_faults(session: Session, plan: Plan) -> None:
    query = queries.fault_counts(plan)
    if query is None:
        return
    counts = session.table(query).to_pylist()[0]
    found = [
        f"{counts[name]:,} units have {what}" for name, what in queries.faults(plan).items() if counts[name]
    ]
    if found:
        raise TabulationError("; ".join(found))


def _refuse_strays(session: Session, plan: Plan) -> None:
    for level in range(1, len(plan.places)):
        name, above = plan.places[level][0], plan.places[level - 1][0]
        for row in session.table(queries.strayed(plan, level)).to_pylist():
            both = " and ".join(repr(code) if code else "none" for code in (row["one"], row["other"]))
            raise TabulationError(f"{name} {row['code']!r} lies in two places of level {above}: {both}")


def _refuse_categories(session: Session, plan: Plan) -> None:
    for number, (name, _) in enumerate(plan.breakdowns):
        declared = plan.categories.get(name)
        for row in session.table(queries.category_units(plan, number)).to_pylist():
            category = row["category"]
            if category in (TOTAL, UNKNOWN):
                raise TabulationError(
                    f"breakdown {name}: {category!r} is no category, it means the total or missing"
                )
            if category is not None and declared and category not in declared:
                raise TabulationError(
                    f"breakdown {name}: {row['units']:,} units have {category!r}, no declared category"
                )
