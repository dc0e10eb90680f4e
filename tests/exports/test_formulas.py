"""Formulas in texts, as spreadsheets know them, and texts that only look like them."""

import csv as python_csv

import duckdb
import pyarrow as pa
import pytest

from statloom.exports import csv, formulas

FORMULAS = [
    "=1+1",
    '=cmd|"/c calc"!A0',
    "+1",
    "+977-1-4245947",
    "-2+3",
    "-cmd|x",
    "-5\n",
    "-5-",
    "@SUM(A1)",
    "\t=1",
    "\ttext",
    "\rtext",
    "\ntext",
    "  =1",
    "\u00a0=1",
    "\u3000\u200b=1",
    "\u202e=1",
    "\ufeff=1",
    "\x00=1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff20x",
    "\ufe661",
]
HARMLESS = ["-5", "-5.5", "-1e-7", "-0.25E+3", "a=1", "", " a", "x-1", "12", "(1)", "'=1", "नेपाल", "\u22125"]


@pytest.fixture(scope="module")
def table() -> pa.Table:
    texts = [*FORMULAS, *HARMLESS, None]
    return pa.table(
        {
            "text": texts,
            "coded": pa.array(texts).dictionary_encode(),
            "number": pa.array([-1.5] * len(texts)),
            "=name": pa.array([-7] * len(texts)),
        }
    )


WANTED = [*(f"'{text}" for text in FORMULAS), *HARMLESS, None]


def test_every_formula_gets_an_apostrophe_and_nothing_else_does(table):
    assert [formulas.neutralised_text(text) for text in (*FORMULAS, *HARMLESS)] == WANTED[:-1]
    safe = formulas.neutralised(table)
    assert safe["text"].to_pylist() == WANTED
    assert safe["coded"].to_pylist() == WANTED
    assert safe["number"].equals(table["number"])
    assert safe.column_names == ["text", "coded", "number", "'=name"]


def test_duckdb_says_the_same(table):
    plain = table.select(["text"])  # noqa: F841 - DuckDB finds it by its name
    assert [
        row[0] for row in duckdb.sql(f"select {formulas.in_duckdb('text')} from plain").fetchall()
    ] == WANTED


def test_no_text_of_a_csv_begins_as_a_formula(table, tmp_path):
    written = csv.write(table.drop_columns("coded"), tmp_path / "a.csv")
    with written.open(newline="", encoding="utf-8") as file:
        header, *rows = python_csv.reader(file)
    assert header == ["text", "number", "'=name"]
    assert [row[0] for row in rows] == [text or "" for text in WANTED]
    assert {(row[1], row[2]) for row in rows} == {("-1.5", "-7")}
