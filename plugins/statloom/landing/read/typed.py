"""Cells become values of the declared types. A cell that cannot is named; its row is held out."""

import pyarrow as pa
import pyarrow.compute as pc

from statloom.contracts.model import Column, Contract, Format
from statloom.errors import DeliveryError
from statloom.landing.read.cells import Cells
from statloom.landing.read.result import ROW_NUMBER, Quarantined, Reading
from statloom.microdata.vault.writing import ARROW_TYPES

_ARTICLE = {"integer": "an integer", "number": "a number", "date": "a date", "boolean": "true or false"}
_SPACE = " \t\r\n\u00a0\u202f\ufeff"


def typed(contract: Contract, cells: Cells, name: str) -> Reading:
    """Return the rows whose cells have the declared types; the others are quarantined.

    Raises DeliveryError when most cells of a column are of another type: then the column has changed.
    """
    values: dict[str, pa.ChunkedArray] = {}
    bad: dict[str, tuple[pa.ChunkedArray, str]] = {}
    for column in contract.columns.values():
        if not column.kept:
            continue
        given = _texts(cells.table.column(column.name), contract.format)
        values[column.name], wrong = _converted(given, column, contract.format)
        reason = f"is not {_ARTICLE.get(column.type)}"
        if column.name in contract.key and column.required and not contract.microdata:
            empty = pc.is_null(values[column.name])
            bad[f"{column.name} "] = (pc.and_(empty, pc.invert(wrong)), "is empty, but belongs to the key")
        bad[column.name] = (wrong, reason)
        _refuse_retyped(column, given, wrong, cells, name, confidential=contract.microdata)
    good, held_out = _split(contract, cells, bad)
    table = pa.table(values).append_column(ROW_NUMBER, cells.rows)
    rows_read = table.num_rows + len(cells.broken)
    if held_out:
        table = table.filter(good)
    return Reading(table, [*cells.broken, *held_out], rows_read)


def _texts(column: pa.ChunkedArray, form: Format) -> pa.ChunkedArray:
    """Return text cells trimmed, with empty ones null; other types as they are."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    trimmed = pc.utf8_trim(column, characters=_SPACE)
    nothing = pa.array(["", *form.null_values], pa.string())
    return pc.if_else(pc.is_in(trimmed, nothing), pa.scalar(None, pa.string()), trimmed)


def _converted(
    given: pa.ChunkedArray, column: Column, form: Format
) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Return the values (null where they are wrong) and which cells are wrong."""
    if pa.types.is_null(given.type):
        given = given.cast(pa.string())
    if not pa.types.is_string(given.type):
        return _from_native(given, column)
    if column.type == "text":
        return given, pc.and_(pc.is_valid(given), False)
    matches, text = _RULES[column.type](given, column, form)
    wrong = pc.and_(pc.is_valid(given), pc.invert(pc.fill_null(matches, False)))
    safe = pc.if_else(pc.fill_null(matches, False), text, pa.scalar(None, text.type))
    value = safe if safe.type == ARROW_TYPES[column.type] else safe.cast(ARROW_TYPES[column.type])
    if column.type == "number":
        endless = pc.fill_null(pc.invert(pc.is_finite(value)), False)
        wrong = pc.or_(wrong, endless)
        value = pc.if_else(endless, pa.scalar(None, pa.float64()), value)
    return value, wrong


def _plain_number(given: pa.ChunkedArray, form: Format) -> pa.ChunkedArray:
    if form.thousands:
        given = pc.replace_substring(given, form.thousands, "")
    if form.decimal != ".":
        # A point is then no decimal sign: 1.234 must not pass as 1,234.
        given = pc.replace_substring(pc.replace_substring(given, ".", "\x00"), form.decimal, ".")
    return pc.replace_substring_regex(given, r"^\+", "")


def _integer(given: pa.ChunkedArray, column: Column, form: Format):
    plain = _plain_number(given, form)
    matches = pc.match_substring_regex(plain, r"^-?[0-9]{1,18}(\.0+)?$")
    return matches, pc.replace_substring_regex(plain, r"\.0+$", "")


def _number(given: pa.ChunkedArray, column: Column, form: Format):
    plain = _plain_number(given, form)
    return pc.match_substring_regex(plain, r"^-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?$"), plain


def _date(given: pa.ChunkedArray, column: Column, form: Format):
    day = pc.replace_substring_regex(given, r"[T ]00:00(:00)?$", "") if not column.date_format else given
    value = pc.strptime(day, format=column.date_format or "%Y-%m-%d", unit="s", error_is_null=True)
    # strptime takes 2011-02-31 for a day in March.
    same = pc.equal(pc.strftime(value, format=column.date_format or "%Y-%m-%d"), day)
    return pc.and_(pc.is_valid(value), same), value.cast(pa.date32())


def _boolean(given: pa.ChunkedArray, column: Column, form: Format):
    lower = pc.utf8_lower(given)
    true = pc.is_in(lower, pa.array(["true", "yes", "1", "t", "y"]))
    false = pc.is_in(lower, pa.array(["false", "no", "0", "f", "n"]))
    return pc.or_(true, false), true


_RULES = {"integer": _integer, "number": _number, "date": _date, "boolean": _boolean}


def _from_native(given: pa.ChunkedArray, column: Column) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Convert values that have a type already, as those of a Stata file."""
    if pa.types.is_floating(given.type):
        given = pc.if_else(pc.is_finite(given), given, pa.scalar(None, given.type))
    none_wrong = pc.and_(pc.is_valid(given), False)
    target = ARROW_TYPES[column.type]
    if column.type == "integer" and pa.types.is_floating(given.type):
        wrong = pc.fill_null(pc.not_equal(pc.floor(given), given), False)
        return pc.if_else(wrong, pa.scalar(None, given.type), given).cast(target), wrong
    if column.type == "text" and pa.types.is_floating(given.type):
        whole = pc.fill_null(pc.all(pc.equal(pc.floor(given), given)), True).as_py()
        return (given.cast(pa.int64()) if whole else given).cast(target), none_wrong
    if column.type == "boolean" and not pa.types.is_boolean(given.type):
        return pc.not_equal(given, 0), none_wrong
    try:
        return given.cast(target), none_wrong
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.chunked_array([pa.nulls(len(given), target)]), pc.is_valid(given)


def _refuse_retyped(column: Column, given, wrong, cells: Cells, name: str, *, confidential: bool) -> None:
    filled, count = len(given) - given.null_count, pc.sum(wrong).as_py() or 0
    if count < 3 or count <= filled / 2:
        return
    first = pc.index(wrong.combine_chunks() if isinstance(wrong, pa.ChunkedArray) else wrong, True).as_py()
    raise DeliveryError(
        f"the column has changed: {count:,} of {filled:,} cells are not {_ARTICLE[column.type]}"
        + ("" if confidential else f", the first is {_shown(given[first].as_py())}"),
        file=name,
        row=cells.rows[first].as_py(),
        column=column.name,
    )


def _shown(value) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "...'"


def _split(contract: Contract, cells: Cells, bad: dict) -> tuple[pa.Array | None, list[Quarantined]]:
    """Return which rows are good, and the others with the reason of their first bad cell."""
    any_bad = None
    for wrong, _ in bad.values():
        any_bad = wrong if any_bad is None else pc.or_(any_bad, wrong)
    if any_bad is None or not pc.any(any_bad).as_py():
        return None, []
    any_bad = any_bad.combine_chunks() if isinstance(any_bad, pa.ChunkedArray) else any_bad
    rows = pc.indices_nonzero(any_bad)
    contents = cells.table.take(rows).to_pylist()
    numbers = cells.rows.take(rows).to_pylist()
    held_out: list[Quarantined | None] = [None] * len(numbers)
    for key, (wrong, reason) in bad.items():
        column = key.strip()
        for i, is_wrong in enumerate(pc.take(wrong, rows).to_pylist()):
            if is_wrong and held_out[i] is None:
                value = contents[i][column]
                # Answers of one person go to no other table, and into no message.
                shown = reason if value in (None, "") or contract.microdata else f"{_shown(value)} {reason}"
                content = {} if contract.microdata else contents[i]
                held_out[i] = Quarantined(numbers[i], "read", column, shown, content)
    return pc.invert(any_bad), held_out
