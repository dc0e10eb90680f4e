"""CSPro data: lines of fixed width, several types of record to a case, read by their dictionary."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from statloom.contracts.model import Column, Contract
from statloom.errors import DeliveryError
from statloom.landing.read import checks, headers
from statloom.landing.read.cells import Cells
from statloom.landing.read.code_list import CodeList
from statloom.landing.read.cspro import dictionary as dictionaries
from statloom.landing.read.cspro.dictionary import Dictionary, Field, RecordType
from statloom.landing.read.cspro.fixed import Block, numbers, texts
from statloom.landing.read.parcel import File
from statloom.landing.read.result import Quarantined

BLOCK_BYTES = 8 << 20
_LARGEST_CASE = 8 * BLOCK_BYTES
# As many lines of one length, and shorter than the dictionary's, are no lines whose end happens to be blank.
_MANY_LINES = 10
_FEW = 3
_BESIDE_DATA = (
    ".dcf",
    ".csidx",
    ".idx",
    ".csnot",
    ".not",
    ".sts",
    ".csstatus",
    ".csfrq",
    ".pff",
    ".lst",
    ".log",
    ".txt~",
)


@dataclass
class _Plan:
    """How a record of the contract is cut out: column → field of the dictionary."""

    record: str
    kind: RecordType
    length: int
    fields: dict[str, Field]
    columns: dict[str, Column]
    shortest: int = 0
    longest: int = 0
    lines: int = 0
    first_short: int | None = None
    has_blank_end: bool = False
    required_to: int = 0

    def start_file(self) -> None:
        """Forget the lengths of the lines of the file before."""
        self.shortest = self.longest = self.lines = 0
        self.first_short, self.has_blank_end = None, False


class Reader:
    """The records of a CSPro delivery. ``code_lists``: column → its codes, by the dictionary; ``notes``: what
    a person should know. Raises DeliveryError when dictionary and contract do not fit together."""

    def __init__(self, contract: Contract, files: list[File]) -> None:
        self._contract = contract
        dictionary = [file for file in files if file.name.lower().endswith(".dcf")]
        self._data = [file for file in files if not file.name.lower().endswith(_BESIDE_DATA)]
        if len(dictionary) != 1:
            raise DeliveryError(
                f"{'no' if not dictionary else len(dictionary)} CSPro dictionary (.dcf) among"
                f" {', '.join(file.name for file in files)}; one is needed"
            )
        if not self._data:
            raise DeliveryError("no CSPro data beside the dictionary", file=dictionary[0].name)
        self._dictionary = dictionaries.load(dictionary[0].path, dictionary[0].name)
        self._name = dictionary[0].name
        self.notes: list[str] = []
        self.code_lists: dict[str, CodeList] = {}
        self._plans = [self._plan(record) for record in contract.records]
        planned = {plan.kind.name for plan in self._plans}
        unread = [kind.name for kind in self._dictionary.records if kind.name not in planned]
        if unread:
            self.notes.append(
                f"records of the dictionary that the contract does not declare: {', '.join(unread)}"
            )

    def _plan(self, record: str) -> _Plan:
        declared = self._contract.records[record]
        known = {kind.name.lower(): kind for kind in self._dictionary.records}
        kind = known.get((declared.record or record).lower())
        if kind is None and declared.record is None and len(self._contract.records) == len(known) == 1:
            kind = self._dictionary.records[0]
        if kind is None:
            raise DeliveryError(
                f"the dictionary has no record {declared.record or record}; it has"
                f" {', '.join(each.name for each in self._dictionary.records)}",
                file=self._name,
            )
        fields = {each.name: each for each in kind.fields()}
        chosen = headers.wanted(self._contract, record, list(fields), self._name)
        plan = _Plan(
            record,
            kind,
            self._dictionary.length(kind),
            {column: fields[header] for header, column in chosen.items()},
            {column: self._contract.columns[column] for column in chosen.values()},
        )
        required = [
            each.start + each.length
            for column, each in plan.fields.items()
            if plan.columns[column].required and not plan.columns[column].optional
        ]
        plan.required_to = max(required, default=0)
        self._add_code_lists(plan)
        return plan

    def _add_code_lists(self, plan: _Plan) -> None:
        value_sets = self._contract.format.value_sets
        for column, each in plan.fields.items():
            try:
                found = each.item.code_list(value_sets.get(column), self._dictionary.languages)
            except KeyError as error:
                raise DeliveryError(
                    f"item {each.item.name} has no value set {error.args[0]!r}",
                    file=self._name,
                    column=column,
                ) from None
            if found is not None:
                self.code_lists[column] = found

    def __iter__(self) -> Iterator[tuple[str, dict[str, Cells]]]:
        """Yield (file, record → cells) of whole cases."""
        for file in self._data:
            for plan in self._plans:
                plan.start_file()
            any_line = False
            for block, lines in _cases(file, self._contract.format.encoding, self._dictionary):
                any_line = any_line or len(lines) > 0
                yield file.name, self._cells(file, block, lines)
            if not any_line:
                raise DeliveryError("no lines of data", file=file.name)

    def _cells(self, file: File, block: Block, lines: np.ndarray) -> dict[str, Cells]:
        lines = lines[~block.blank()[lines]]
        kinds = self._kinds(file, block, lines)
        found = {}
        for plan in self._plans:
            mine = lines[kinds == self._dictionary.records.index(plan.kind)]
            if len(mine):
                self._check_lengths(plan, file, block, mine)
                found[plan.record] = _record(plan, block, mine, file)
        return found

    def _kinds(self, file: File, block: Block, lines: np.ndarray) -> np.ndarray:
        """Return the place of each line's type among the dictionary's records."""
        about = self._dictionary
        if about.type_length == 0:
            return np.zeros(len(lines), np.int64)
        written = block.matrix(lines, about.type_start - 1, about.type_length)
        kinds = np.full(len(lines), -1)
        for place, kind in enumerate(about.records):
            code = np.array([ord(c) for c in kind.code.ljust(about.type_length)], written.dtype)
            kinds[(written == code).all(axis=1)] = place
        unknown = np.flatnonzero(kinds < 0)
        if len(unknown):
            line = int(lines[unknown[0]])
            last = block.unended and line == len(block.starts) - 1
            if last and block.lengths[line] < about.type_start - 1 + about.type_length:
                raise DeliveryError(
                    "the file ends in the middle of a record: the last line stops before its record type",
                    file=file.name,
                    row=block.first + line,
                )
            end = about.type_start + about.type_length - 1
            known = ", ".join(kind.code for kind in about.records)
            raise DeliveryError(
                f"the dictionary does not match: the record type, {_characters(about.type_start, end)}, is"
                f" none of {known} ({len(unknown):,} such lines)",
                file=file.name,
                row=block.first + line,
            )
        return kinds

    def _check_lengths(self, plan: _Plan, file: File, block: Block, lines: np.ndarray) -> None:
        """Refuse lines that are longer than the dictionary says, or cut off. A line may be shorter when all
        that is behind it is blank, and CSPro has left it out."""
        lengths = block.lengths[lines]
        long = np.flatnonzero(lengths > plan.length)
        if len(long):
            longest = int(lengths[long].max())
            behind = block.matrix(lines[long], plan.length, longest - plan.length)
            filled = np.flatnonzero((behind != ord(" ")).any(axis=1))
            if len(filled):
                raise DeliveryError(
                    f"the dictionary does not match: the line has {int(lengths[long[filled[0]]])} characters,"
                    f" and record {plan.kind.name} has {plan.length}",
                    file=file.name,
                    row=block.first + int(lines[long[filled[0]]]),
                )
        short = np.flatnonzero(lengths < plan.length)
        if len(short) and block.unended and lines[short[-1]] == len(block.starts) - 1:
            line = int(lines[short[-1]])
            raise DeliveryError(
                f"the file ends in the middle of a record: the last line has {int(block.lengths[line])} of"
                f" the {plan.length} characters of record {plan.kind.name}, and no line end",
                file=file.name,
                row=block.first + line,
            )
        if len(short) and plan.first_short is None:
            plan.first_short = block.first + int(lines[short[0]])
            plan.shortest = plan.longest = int(lengths[short[0]])
        if len(short):
            plan.shortest = min(plan.shortest, int(lengths.min()))
        plan.longest = max(plan.longest, int(lengths.max()))
        plan.lines += len(lines)
        full = lines[lengths == plan.length]
        if not plan.has_blank_end and len(full):
            plan.has_blank_end = bool((block.matrix(full, plan.length - 1, 1) == ord(" ")).any())
        if plan.first_short is None:
            return
        if plan.has_blank_end:
            raise DeliveryError(
                f"the dictionary does not match, or the line is cut off: it has fewer characters than the"
                f" {plan.length} of record {plan.kind.name}, and other lines keep the blanks at their end",
                file=file.name,
                row=plan.first_short,
            )
        same = plan.shortest == plan.longest
        if same and plan.lines >= _MANY_LINES and plan.longest < plan.required_to:
            raise DeliveryError(
                f"the dictionary does not match: every line of record {plan.kind.name} has {plan.longest}"
                f" characters, and by the dictionary it has {plan.length}",
                file=file.name,
                row=plan.first_short,
            )


def _characters(first: int, last: int) -> str:
    return f"character {first}" if first == last else f"characters {first} to {last}"


def _cases(file: File, encoding: str | None, dictionary: Dictionary) -> Iterator[tuple[Block, np.ndarray]]:
    """Yield blocks of lines, and which of their lines to read: those of whole cases."""
    padding = max(dictionary.length(kind) for kind in dictionary.records) + 1
    checks.check_bytes(file.path, file.name, text=True)
    waiting, size, first = [], 0, 1
    for chunk in checks.utf8(file.path, file.name, encoding or "utf-8", None, quotes=False):
        waiting.append(chunk)
        size += len(chunk)
        if size < BLOCK_BYTES:
            continue
        content = b"".join(waiting)
        end = content.rfind(b"\n") + 1
        block = Block.of(content[:end], first, padding)
        rest = content[end:]
        keep = _last_case(block, dictionary)
        if keep == 0 and size < _LARGEST_CASE:
            waiting = [content]
            continue
        keep = keep or len(block.starts)
        yield block, np.arange(keep)
        if keep < len(block.starts):
            rest = block.cut(keep) + rest
        waiting, size, first = [rest], len(rest), first + keep
    content = b"".join(waiting)
    if content:
        block = Block.of(content, first, padding)
        yield block, np.arange(len(block.starts))


def _last_case(block: Block, dictionary: Dictionary) -> int:
    """Return the first line of the last case: the next block may have more of it."""
    if len(block.starts) == 0:
        return 0
    lines = np.arange(len(block.starts))
    different = np.zeros(len(lines), bool)
    for item in dictionary.ids:
        found = block.matrix(lines, item.start - 1, item.length)
        different |= (found != found[-1]).any(axis=1)
    places = np.flatnonzero(different)
    return int(places[-1]) + 1 if len(places) else 0


def _record(plan: _Plan, block: Block, lines: np.ndarray, file: File) -> Cells:
    """Return the cells of one record: columns of the contract; a row's number is its line."""
    columns: dict[str, pa.Array] = {}
    broken: dict[int, tuple[str, Field]] = {}
    # One copy of the lines; every field is a part of it.
    whole = block.matrix(lines, 0, plan.length)
    for column, each in plan.fields.items():
        part = whole[:, each.start : each.start + each.length]
        if not each.item.numeric:
            columns[column] = texts(part)
            continue
        values, bad = numbers(part, each.item.decimals)
        count = int(bad.sum())
        if count > max(_FEW, len(lines) / 2):
            raise DeliveryError(
                f"the dictionary does not match: {count:,} of {len(lines):,} lines have text in numeric item"
                f" {each.item.name}, {_characters(each.start + 1, each.start + each.length)}",
                file=file.name,
                row=block.first + int(lines[np.flatnonzero(bad)[0]]),
                column=column,
            )
        for line in np.flatnonzero(bad):
            broken.setdefault(int(line), (column, each))
        columns[column] = texts(part) if _as_text(plan.columns[column]) else values
    table = pa.table(columns)
    rows = pa.array(block.first + lines, pa.int64())
    if not broken:
        return Cells(table, rows)
    keep = np.ones(len(lines), bool)
    keep[list(broken)] = False
    held_out = [
        Quarantined(
            int(rows[line].as_py()),
            "read",
            column,
            f"text in numeric item {each.item.name}, {_characters(each.start + 1, each.start + each.length)}",
            {},
        )
        for line, (column, each) in sorted(broken.items())
    ]
    return Cells(table.filter(pa.array(keep)), rows.filter(pa.array(keep)), held_out)


def _as_text(column: Column) -> bool:
    """Say whether a numeric item stays as it is written: codes of places and strata keep their zeros."""
    return column.type == "date" or (column.type == "text" and not headers.labelled(column))
