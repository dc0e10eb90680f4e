"""Which parts, source × series × period, the rows at fault feed: worked out inside PostgreSQL, of them all.

What a row of a delivery feeds follows from the contract (``landing.series_mapping``, ``landing.period``); the
rows of a mart say it themselves. An unmet expectation whose rows lead to no part is a failure of the whole.
"""

# ruff: noqa: S608  (identifiers and values are quoted by statloom.quality.sql; conditions are the suites' own)

import json
import re
from dataclasses import dataclass, replace

import sqlalchemy
from great_expectations.expectations import UnexpectedRowsExpectation
from great_expectations.expectations.expectation import (
    ColumnAggregateExpectation,
    ColumnMapExpectation,
    ColumnPairMapExpectation,
    Expectation,
    MulticolumnMapExpectation,
)
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from statloom.contracts import Contract, generate
from statloom.errors import StatloomError
from statloom.quality import sql
from statloom.quality.bindings import Bindings
from statloom.quality.expectations.agreement import ExpectSourcesToAgree
from statloom.quality.expectations.base import Fault, OwnExpectation, RelationExpectation, RowExpectation
from statloom.quality.suites import Check

OF_ROWS = (ColumnMapExpectation, ColumnPairMapExpectation, MulticolumnMapExpectation)


@dataclass(frozen=True)
class Part:
    """One part; ``rows``: at fault in it, ``places``: that these rows are of (None: the table has none)."""

    source_id: str
    series_code: str
    period: str
    rows: int
    places: int | None


@dataclass(frozen=True)
class OfDelivery:
    """How the rows of a delivery lead to parts."""

    contract: Contract

    @property
    def told_by(self) -> list[str]:
        """The columns by which parts are told, and rows from each other."""
        meta = generate.meta(self.contract)
        period = meta["period"].get("column")
        told = [*meta["dimensions"], *([period] if period else []), "_place_id", "_row_number"]
        return list(dict.fromkeys([*told, *self.contract.raw_key]))

    def is_of_whole(self, check: Check) -> bool:
        """True when ``check`` is about columns, types, keys or places and not about the figures of rows."""
        measure = check.column in self._measures and check.type == "expect_column_values_to_not_be_null"
        return check.dimension in ("structure", "timeliness") and not measure

    @property
    def _measures(self) -> tuple[str, ...]:
        return tuple(self.contract.named("measure"))

    def named(self, check: Check) -> tuple[str, ...]:
        """Return the measures that ``check`` names."""
        said = json.dumps(check.kwargs, ensure_ascii=False, default=str)
        return tuple(m for m in self._measures if re.search(rf"\b{re.escape(m)}\b", said))

    def parts(self, rows: str, check: Check | None = None) -> str:
        """Return a query of the parts that ``rows`` feed, by the measures that ``check`` names (else by all).

        ``rows``: what follows ``from``, with `told_by` under the alias ``judged``. Columns: source_id,
        series_code, period, rows, places, and ``lost``: rows that feed none, on a row without a part.
        """
        source = sql.literal(self.contract.source)
        measures = (check and self.named(check)) or self._measures
        return (
            f"with judged as materialized (select {self._label} as label, {self._categories} as categories,"
            f" judged._place_id as place from {rows}), {self._feeds(measures)}"
            f" select {source} as source_id, series_code, period, count(*) as rows,"
            " count(distinct place) as places from judged left join feeds using (label, categories)"
            " group by series_code, period"
        )

    @property
    def identity(self) -> str:
        """What tells a row of ``judged`` from all others, as one text: unpivoted rows share their number."""
        key = ", ".join(f"judged.{sql.name(name)}::text" for name in self.contract.raw_key)
        return f"concat_ws(chr(31), judged._row_number::text, {key})"

    def _feeds(self, measures: tuple[str, ...]) -> str:
        """Return common table expressions: ``feeds`` has which parts the rows of ``judged`` feed."""
        source = sql.literal(self.contract.source)
        return (
            "combination as materialized (select label, categories from judged group by 1, 2),"
            " feeds as materialized (select distinct combination.*, mapping.series_code, period.period"
            " from combination join landing.series_mapping as mapping on"
            f" mapping.source_id = {source} and mapping.measure in ({sql.literals(list(measures))})"
            " and coalesce(jsonb_object(string_to_array(nullif(combination.categories, ''), chr(31))), '{}')"
            " @> mapping.categories"
            f" join landing.period as period on period.source_id = {source}"
            " and period.label = combination.label)"
        )

    @property
    def _label(self) -> str:
        period = generate.meta(self.contract)["period"]
        column = period.get("column")
        return (
            f"coalesce(judged.{sql.name(column)}::text, '')"
            if column
            else f"{sql.literal(period['value'])}::text"
        )

    @property
    def _categories(self) -> str:
        """The rows' categories as macro ``category_key`` of the dbt project has them."""
        words = [
            f"{sql.literal(d)} || chr(31) || coalesce(judged.{sql.name(d)}::text, '')"
            for d in generate.meta(self.contract)["dimensions"]
        ]
        return " || chr(31) || ".join(words) or "''::text"

    def bears(self, check: Check, lost: int, found: list[Part]) -> bool:
        """True when ``found`` is all that the unmet ``check`` is about.

        Rows that feed no series are no figures: a wrong number in them harms nothing. A wrong category or
        period is another matter: what such a row would have fed cannot be told.
        """
        return bool(found) and (not lost or bool(self.named(check)))


@dataclass(frozen=True)
class OfMart:
    """How the rows of a mart lead to parts. ``table``: as SQL names it; ``columns_there``: its columns."""

    table: str
    columns_there: frozenset[str]

    @property
    def _names(self) -> dict[str, str] | None:
        there = self.columns_there
        if {"source_id", "series_code", "period"} <= there:
            # Of two sources that are compared the preferred one is trusted.
            source = "other_source_id" if "other_source_id" in there else "source_id"
            return {"source_id": source, "series_code": "series_code", "period": "period"}
        return None

    @property
    def _is_numbered(self) -> bool:
        return {"cell_id", "track_id"} <= self.columns_there

    @property
    def told_by(self) -> list[str]:
        """The columns by which parts are told; empty when the table has none."""
        told = list((self._names or {}).values()) or (["cell_id", "track_id"] if self._is_numbered else [])
        return [*told, *(["place_id"] if told and "place_id" in self.columns_there else [])]

    def is_of_whole(self, check: Check) -> bool:
        """True when the table does not say which part its rows are of."""
        return not self.told_by

    def parts(self, rows: str, check: Check | None = None) -> str:
        """Return a query of the parts that ``rows`` are of; see `OfDelivery.parts`."""
        place = "count(distinct judged.place_id)" if "place_id" in self.columns_there else "null::bigint"
        if self._names is None:
            return (
                "select track.source_id, cell.series_code, track.period, count(*) as rows,"
                f" {place} as places from {rows} left join harmonised.cell as cell using (cell_id)"
                " left join (select distinct track_id, source_id, period from harmonised.track) as track"
                " using (track_id) group by 1, 2, 3"
            )
        told = ", ".join(f"judged.{sql.name(column)} as {name}" for name, column in self._names.items())
        return f"select {told}, count(*) as rows, {place} as places from {rows} group by 1, 2, 3"

    def bears(self, check: Check, lost: int, found: list[Part]) -> bool:
        """True when every row at fault is of a part."""
        return bool(found) and not lost


Feeding = OfDelivery | OfMart


@dataclass(frozen=True)
class Unmet:
    """An expectation of severity `fail` that is not met. ``rows_query``: Great Expectations' own query of the
    rows that its expectation finds unexpected, with the columns ``Feeding.told_by``."""

    check: Check
    expectation: Expectation
    rows_query: str | None = None

    @property
    def is_of_rows(self) -> bool:
        """True when each row is looked at alone."""
        return isinstance(self.expectation, (RowExpectation, *OF_ROWS))


def at_fault(
    connection: Connection, unmet: dict[int, Unmet], *, feeding: Feeding, bindings: Bindings
) -> dict[int, list[Part]]:
    """Return for each of ``unmet`` the parts that it is about; none for a failure of the whole.

    What single rows fail is found first. Where a relation between rows of a delivery does not hold, and one
    of them is a row that fails by itself, that row explains it: no further part is held back.
    """
    found: dict[int, list[Part]] = {}
    known: list[_Known] = []
    for number, one in sorted(unmet.items(), key=lambda numbered: not numbered[1].is_of_rows):
        try:
            with connection.begin_nested():
                if not one.is_of_rows:
                    found[number] = _beyond(connection, one, feeding, bindings, known)
                    continue
                found[number] = _located(connection, one, feeding, bindings)
                if found[number] and isinstance(feeding, OfDelivery):
                    rows = _identified(connection, one, feeding, bindings)
                    known.append(_Known(one.check, found[number], rows))
        except (SQLAlchemyError, StatloomError):
            # What cannot be asked about single parts is a failure of the whole, and that it is reported as.
            found[number] = []
    return found


@dataclass(frozen=True)
class _Known:
    """Rows that fail by themselves: the parts that they feed, and a query of their numbers and keys."""

    check: Check
    parts: list[Part]
    rows: str


def _beyond(
    connection: Connection, unmet: Unmet, feeding: Feeding, bindings: Bindings, known: list[_Known]
) -> list[Part]:
    """Return the parts that an unmet relation is about, without what single rows explain.

    Those rows' parts, if they explain all of it.
    """
    check, expectation = unmet.check, unmet.expectation
    fault = expectation.fault() if isinstance(expectation, RelationExpectation) else None
    if feeding.is_of_whole(check) or fault is None or not expectation.explained_by_rows:
        return _located(connection, unmet, feeding, bindings)
    said = set(feeding.named(check)) if isinstance(feeding, OfDelivery) else set()
    known = [k for k in known if not said or not (own := set(feeding.named(k.check))) or own & said]
    match = _match(connection, fault, bindings) if known else None
    if match is None:
        return _located(connection, unmet, feeding, bindings)
    rows = _looked_at(fault, bindings)
    failing = " union all ".join(each.rows for each in known)
    left = (
        f"select fault.* from ({bindings.bind(fault.relation)}) as fault where unexpected"
        f" and not exists (select from {rows} where {match} and {feeding.identity} in ({failing}))"
    )
    count = connection.execute(_text(f"select count(*) from ({left}) as left_over")).scalar_one()
    if not count:
        of_rows = {(p.series_code, p.period): p for each in known for p in each.parts}
        about = _located(connection, unmet, feeding, bindings)
        return [p for p in about if (p.series_code, p.period) in of_rows] or list(of_rows.values())
    return _read_fault(connection, check, replace(fault, relation=left), feeding, bindings)


def _located(connection: Connection, unmet: Unmet, feeding: Feeding, bindings: Bindings) -> list[Part]:
    check, expectation = unmet.check, unmet.expectation
    if feeding.is_of_whole(check):
        return []
    if isinstance(expectation, OwnExpectation):
        fault = expectation.fault()
    elif isinstance(expectation, OF_ROWS):
        rows = _aliased(connection, unmet, feeding)
        return _read(connection, feeding, check, rows) if rows else []
    elif isinstance(expectation, UnexpectedRowsExpectation):
        query = expectation.unexpected_rows_query.replace("{batch}", bindings.batch)
        fault = Fault(relation=f"select *, true as unexpected from ({query}) as found", columns=None)
    elif isinstance(expectation, ColumnAggregateExpectation):
        fault = Fault()
    else:
        return []
    found = _read_fault(connection, check, fault, feeding, bindings) if fault else []
    if isinstance(expectation, ExpectSourcesToAgree) and expectation.source == "source_id":
        return _less_trusted(connection, found)
    return found


def _read_fault(
    connection: Connection, check: Check, fault: Fault, feeding: Feeding, bindings: Bindings
) -> list[Part]:
    rows = _rows(connection, fault, bindings)
    return _read(connection, feeding, check, rows) if rows else []


def _identified(connection: Connection, unmet: Unmet, feeding: OfDelivery, bindings: Bindings) -> str:
    """Return a query of number and key of the rows that fail by themselves."""
    if isinstance(unmet.expectation, RowExpectation):
        condition = bindings.bind(unmet.expectation.fault().condition)
        rows = f"(select * from {bindings.batch} where {condition}) as judged"
    else:
        rows = _aliased(connection, unmet, feeding)
    return f"select {feeding.identity} from {rows}"


def delivered(engine: Engine, contract: Contract, delivery_id: int) -> list[Part]:
    """Return all parts that the rows of a loaded delivery feed, with their rows; places are not counted."""
    table = sql.name("raw", contract.source)
    rows = f"(select *, null::text as _place_id from {table} where _delivery_id = {delivery_id:d}) as judged"
    with engine.connect() as connection:
        return _parts(connection, OfDelivery(contract).parts(rows))[0]


def _read(connection: Connection, feeding: Feeding, check: Check, rows: str) -> list[Part]:
    found, lost = _parts(connection, feeding.parts(rows, check))
    return found if feeding.bears(check, lost, found) else []


def _parts(connection: Connection, query: str) -> tuple[list[Part], int]:
    """Return the parts of a query of parts, and the number of rows that are of none."""
    rows = connection.execute(_text(query)).mappings().all()
    found = [
        Part(**{key: row[key] for key in ("source_id", "series_code", "period", "rows", "places")})
        for row in rows
        if None not in (row["source_id"], row["series_code"], row["period"])
    ]
    return sorted(found, key=lambda part: (part.source_id, part.series_code, part.period)), sum(
        row["rows"] for row in rows
    ) - sum(part.rows for part in found)


def _aliased(connection: Connection, unmet: Unmet, feeding: Feeding) -> str | None:
    """Return Great Expectations' query as a table ``judged`` with the columns ``told_by``.

    The columns that the expectation is about stand behind them, perhaps a second time.
    """
    if unmet.rows_query is None:
        return None
    # It is text for a person: percent signs stand doubled, as psycopg wants them beside parameters.
    query = unmet.rows_query.strip().rstrip(";").replace("%%", "%")
    more = len(_columns(connection, f"({query}) as described")) - len(feeding.told_by)
    names = [*feeding.told_by, *(f"_asked_{number}" for number in range(more))]
    return f"({query}) as judged ({sql.names(names)})"


def _rows(connection: Connection, fault: Fault, bindings: Bindings) -> str | None:
    """Return the rows at fault, as what follows ``from``; None when something unexpected has no rows."""
    rows = _looked_at(fault, bindings)
    if fault.relation is None:
        return rows
    match = _match(connection, fault, bindings)
    if match is None:
        return None
    faults = f"(select * from ({bindings.bind(fault.relation)}) as found where unexpected) as fault"
    homeless = f"select exists (select from {faults} where not exists (select from {rows} where {match}))"
    if connection.execute(_text(homeless)).scalar_one():
        return None
    return f"(select * from {rows} where exists (select from {faults} where {match})) as judged"


def _looked_at(fault: Fault, bindings: Bindings) -> str:
    """Return the rows that the expectation looks at, among which those at fault are."""
    # Not every table has places.
    table = "{placed}" if "_place_" in fault.condition else "{batch}"
    return bindings.bind(f"(select * from {table} as judged where {fault.condition}) as judged")


def _match(connection: Connection, fault: Fault, bindings: Bindings) -> str | None:
    """Return the condition that ``judged`` is a row of group ``fault``; None when nothing tells."""
    columns = fault.columns
    if columns is None:
        there = _columns(connection, bindings.bind("(select * from {batch} as batch) as described"))
        found = _columns(connection, bindings.bind(f"({fault.relation}) as described"))
        hidden = {"unexpected", *bindings.hidden_columns}
        columns = tuple(name for name in found if name in there and name not in hidden)
        if not columns:
            return None
    # As text, so that it is a hash join: nulls and empty categories are equal.
    same = [
        f"coalesce(judged.{sql.name(name)}::text, '') = coalesce(fault.{sql.name(name)}::text, '')"
        for name in columns
    ]
    return sql.both(*same, fault.match)


def _columns(connection: Connection, relation: str) -> list[str]:
    """Return the columns of a named subquery, also those that stand in it twice."""
    found = connection.execute(_text(f"select * from {relation} limit 0"))
    return [column.name for column in found.cursor.description]


def _less_trusted(connection: Connection, found: list[Part]) -> list[Part]:
    """Leave out the source that the seed ``source_preference`` puts before all others of the same series.

    Where it says nothing, or the same of two, neither is trusted.
    """
    if connection.execute(_text("select to_regclass('reference.source_preference')")).scalar() is None:
        return found
    preference = {
        (row.series_code, row.source_id): row.preference
        for row in connection.execute(
            sqlalchemy.text(
                "select series_code, source_id, preference from reference.source_preference"
                " where series_code = any (:series)"
            ),
            {"series": sorted({part.series_code for part in found})},
        )
    }
    kept = []
    for part in found:
        mine = preference.get((part.series_code, part.source_id))
        others = [
            preference.get((other.series_code, other.source_id))
            for other in found
            if (other.series_code, other.period) == (part.series_code, part.period) and other is not part
        ]
        if mine is None or not all(other is None or other > mine for other in others):
            kept.append(part)
    return kept


def _text(statement: str) -> sqlalchemy.TextClause:
    """Return ``statement`` as it stands: a colon in it never begins a parameter."""
    return sqlalchemy.text(statement.replace(":", r"\:"))
