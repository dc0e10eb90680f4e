"""Texts that a spreadsheet would run as formulas, made harmless before they leave in CSV or Excel.

A spreadsheet takes a text for a formula when it begins with ``=``, ``+``, ``-`` or ``@``, also in the wide
forms of East Asian keyboards, after blanks, and after a tab or a line's end (OWASP, "CSV Injection"). Such a
text gets an apostrophe before it, which every spreadsheet reads as: text follows. Numbers keep their signs:
columns of numbers are never touched, nor is a text that is a negative number and nothing else.

In Excel a text must in addition be written as a text (``write_string`` of XlsxWriter, which never makes a
formula of it): the apostrophe is for the day when somebody saves the sheet as CSV.
"""

import re

import pyarrow as pa
import pyarrow.compute as pc

# In the syntax that Python, Arrow and DuckDB (both RE2) have in common. Blanks: every character that shows
# nothing, among them marks of direction and of width zero.
_BLANK = (
    "\x00-\x20\x7f\x85\xa0\xad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000"
    "\ufe00-\ufe0f\ufeff"
)
_SIGN = "=+@\uff1d\uff0b\uff20\ufe66\ufe62\ufe6b\uff0d\ufe63\\-"
_FORMULA = f"^(?:[\t\r\n]|[{_BLANK}]*[{_SIGN}])"
_NUMBER = r"^-[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$"


def is_formula(text: str) -> bool:
    """Say whether a spreadsheet could run ``text`` as a formula."""
    return bool(re.match(_FORMULA, text)) and not (re.match(_NUMBER, text) and not text.endswith("\n"))


def neutralised_text(text: str) -> str:
    """Return ``text`` with an apostrophe before it if a spreadsheet could run it as a formula."""
    return f"'{text}" if is_formula(text) else text


def neutralised(table: pa.Table) -> pa.Table:
    """Return ``table`` with an apostrophe before each text, and name of a column, that could run as a
    formula; all else as it was.
    """
    for position, field in enumerate(table.schema):
        column = table.column(position)
        if pa.types.is_dictionary(field.type) and _is_text(field.type.value_type):
            column = pc.cast(column, field.type.value_type)
        if not _is_text(column.type):
            continue
        # Most columns have few values: these are looked at before every row is.
        if pc.any(_found(pc.unique(column))).as_py():
            found = _found(column)
            quote = pa.scalar("'", column.type)
            safe = pc.if_else(found, pc.binary_join_element_wise(quote, column, ""), column)
            table = table.set_column(position, field.with_type(column.type), safe)
    return table.rename_columns([neutralised_text(name) for name in table.column_names])


def _found(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    return pc.and_not(pc.match_substring_regex(column, _FORMULA), pc.match_substring_regex(column, _NUMBER))


def in_duckdb(expression: str) -> str:
    """Return SQL for DuckDB that neutralises the text ``expression``, SQL of the caller's own."""
    formula, number = (pattern.replace("'", "''") for pattern in (_escaped(_FORMULA), _NUMBER))
    return (
        f"case when regexp_matches({expression}, '{formula}')"
        f" and not regexp_matches({expression}, '{number}') then '''' || {expression} else {expression} end"
    )


def _escaped(pattern: str) -> str:
    """The pattern in printable characters, as RE2 reads it."""
    return "".join(
        character if " " < character <= "~" else f"\\x{{{ord(character):x}}}" for character in pattern
    )


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)
