"""Write CSPro files: a dictionary (.dcf) and its data file (.dat) of fixed-width records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Item:
    """A column of a record. `values` are its codes with labels, `span` the least and greatest number instead.

    `blank` says what an empty field means; an item with neither is free text (`alpha`) or any number.
    """

    name: str
    label: str
    length: int
    values: Mapping[int, str] = field(default_factory=dict)
    span: tuple[int, int] | None = None
    blank: str | None = None
    alpha: bool = False


@dataclass(frozen=True)
class Record:
    """A record type of a level: its letter in the first column, its items after those of the case."""

    letter: str
    name: str
    label: str
    items: tuple[Item, ...]
    most: int = 1


@dataclass(frozen=True)
class Level:
    """A level of the questionnaire: what identifies its cases below the level above, and its record types."""

    name: str
    label: str
    identifiers: tuple[Item, ...]
    records: tuple[Record, ...]


def dictionary(name: str, label: str, levels: tuple[Level, ...]) -> str:
    """Return the text of the dictionary."""
    parts = [
        _section("Dictionary")
        + _keys(Version="CSPro 7.7", Label=label, Name=name, RecordTypeStart=1, RecordTypeLen=1)
        + _keys(Positions="Relative", ZeroFill="Yes", DecimalChar="Yes")
    ]
    start = 2
    for level in levels:
        parts.append(_section("Level") + _keys(Label=level.label, Name=level.name))
        parts.append(_section("IdItems"))
        items, start = _items(level.identifiers, start)
        parts += items
        for record in level.records:
            items, end = _items(record.items, start)
            parts.append(
                _section("Record")
                + _keys(Label=record.label, Name=record.name, RecordTypeValue=f"'{record.letter}'")
                + _keys(MaxRecords=record.most, RecordLen=end - 1)
            )
            parts += items
    return "\n".join(parts)


def lines(levels: tuple[Level, ...], record: Record, columns: pd.DataFrame) -> np.ndarray:
    """Return the lines of one record type as bytes (rows × width).

    `columns` has each item: numbers, of which one below 0 is left blank, or texts as bytes.
    """
    items = []
    for level in levels:
        items += level.identifiers
        if record in level.records:
            break
    parts = [np.full((len(columns), 1), ord(record.letter), np.uint8)]
    parts += [_field(item, columns[item.name].to_numpy()) for item in (*items, *record.items)]
    return np.hstack(parts)


def join(parts: list[tuple[np.ndarray, np.ndarray]]) -> bytes:
    """Return the data file: `parts` are lines with the sort key of each, a record type each."""
    width = 1 + max(rows.shape[1] for rows, _ in parts)
    order = np.argsort(np.concatenate([key for _, key in parts]), kind="stable")
    text = np.zeros((len(order), width), np.uint8)
    first = 0
    for rows, _ in parts:
        block = text[first : first + len(rows)]
        block[:, : rows.shape[1]] = rows
        block[:, rows.shape[1]] = ord("\n")
        first += len(rows)
    text = text[order]
    return text[text > 0].tobytes()


def digits(values: np.ndarray, length: int) -> np.ndarray:
    """Return whole numbers as their last `length` digits, filled with zeros (rows × length bytes)."""
    powers = 10 ** np.arange(length - 1, -1, -1)
    return (values.astype(np.int64)[:, None] // powers % 10 + ord("0")).astype(np.uint8)


def _field(item: Item, values: np.ndarray) -> np.ndarray:
    if item.alpha:
        text = values.astype(f"S{item.length}")
        return np.char.ljust(text, item.length).view(np.uint8).reshape(len(values), item.length)
    text = digits(values, item.length)
    text[values < 0] = ord(" ")
    return text


def _items(items: tuple[Item, ...], start: int) -> tuple[list[str], int]:
    made = []
    for item in items:
        text = _section("Item") + _keys(Label=item.label, Name=item.name, Start=start, Len=item.length)
        if item.alpha:
            text += _keys(DataType="Alpha")
        made.append(text)
        if item.values or item.span:
            values = [f"Value={code};{label}" for code, label in item.values.items()]
            if item.span:
                values.append(f"Value={item.span[0]}:{item.span[1]}")
            if item.blank:
                values += [f"Value=' ';{item.blank}", "Special=NOTAPPL"]
            text = _section("ValueSet") + _keys(Label=item.label, Name=f"{item.name}_VS1")
            made.append(text + "".join(f"{value}\n" for value in values))
        start += item.length
    return made, start


def _section(name: str) -> str:
    return f"[{name}]\n"


def _keys(**pairs: object) -> str:
    return "".join(f"{key}={value}\n" for key, value in pairs.items())
