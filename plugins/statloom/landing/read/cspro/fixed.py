"""Fields of fixed width, cut out of the lines of a block and turned into values, all lines at once."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_NEWLINE, _RETURN, _BLANK, _ZERO, _NUL = 10, 13, 32, 48, 0


@dataclass(frozen=True)
class Block:
    """Whole lines as characters: ``text`` (uint8 for ASCII, otherwise uint32 code points), padded by blanks
    that belong to no line; ``starts`` and ``lengths`` of the lines; ``first``: number of the first, from 1;
    ``unended``: the last has no line end."""

    text: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    first: int
    unended: bool

    @classmethod
    def of(cls, content: bytes, first: int, padding: int) -> "Block":
        """Return the lines of the UTF-8 bytes ``content``, with ``padding`` blanks behind."""
        if content.isascii():
            text = np.frombuffer(content + b" " * padding, np.uint8)
            size = len(content)
        else:
            decoded = content.decode()
            text = np.frombuffer((decoded + " " * padding).encode("utf-32-le"), np.uint32)
            size = len(decoded)
        ends = np.flatnonzero(text[:size] == _NEWLINE)
        unended = size > 0 and (len(ends) == 0 or ends[-1] != size - 1)
        if unended:
            ends = np.append(ends, size)
        starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
        lengths = ends - starts
        returns = (lengths > 0) & (text[np.maximum(ends - 1, 0)] == _RETURN)
        return cls(text, starts, lengths - returns, first, unended)

    def matrix(self, lines: np.ndarray, start: int, length: int) -> np.ndarray:
        """Return the characters at ``start`` (from 0) of ``lines``, one row a line; blanks behind its end."""
        windows = np.lib.stride_tricks.sliding_window_view(self.text, length)
        found = windows[self.starts[lines] + start]
        short = self.lengths[lines] - start < length
        if short.any():
            rows = np.flatnonzero(short)
            left = np.maximum(self.lengths[lines[rows]] - start, 0)
            part = found[rows]
            part[np.arange(length)[None, :] >= left[:, None]] = _BLANK
            found[rows] = part
        return found

    def blank(self) -> np.ndarray:
        """Say of each line whether there is nothing but blanks in it."""
        if len(self.starts) == 0:
            return np.zeros(0, bool)
        first = self.text[np.minimum(self.starts, len(self.text) - 1)]
        if not ((self.lengths == 0) | (first == _BLANK)).any():
            return np.zeros(len(self.starts), bool)
        filled = np.concatenate([[0], np.cumsum(self.text != _BLANK)])
        return filled[self.starts + self.lengths] == filled[self.starts]

    def cut(self, line: int) -> bytes:
        """Return the content from ``line`` on, without the padding's blanks, as UTF-8."""
        end = self.starts[-1] + self.lengths[-1]
        # The line end of the last line is one or two characters.
        while end < len(self.text) and self.text[end] in (_RETURN, _NEWLINE):
            end += 1
        part = self.text[self.starts[line] : end].tobytes()
        return part if self.text.dtype == np.uint8 else part.decode("utf-32-le").encode()


def texts(field: np.ndarray) -> pa.Array:
    """Return a field (lines × characters) as text without blanks at both ends; empty is null."""
    field = np.ascontiguousarray(field)
    lines, width = field.shape
    if field.dtype == np.uint8:
        fixed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), lines, [None, pa.py_buffer(field)])
        found = fixed.cast(pa.binary()).cast(pa.string())
    else:
        found = pa.array(field.view(f"<U{width}").reshape(lines), pa.string())
    found = pc.utf8_trim_whitespace(found)
    return pc.if_else(pc.equal(found, ""), pa.scalar(None, pa.string()), found)


def numbers(field: np.ndarray, decimals: int) -> tuple[pa.Array, np.ndarray]:
    """Return a field (lines × characters) as numbers, and which lines have something else.

    int64 without ``decimals``, otherwise float64: where no point stands, the last ``decimals`` digits are
    behind it. A blank field is null. Numbers stand on the right; a sign may go before.
    """
    digit = (field - _ZERO).astype(field.dtype)  # what is below the zero wraps around
    is_digit = digit <= 9
    if is_digit.all():
        value = _value(digit)
        empty = bad = np.zeros(len(field), bool)
        return _array(value, empty, decimals), bad
    blank = (field == _BLANK) | (field == _NUL)
    empty = blank.all(axis=1)
    plain = (is_digit | blank).all(axis=1) & ~(blank[:, 1:] & ~blank[:, :-1]).any(axis=1)
    value = _value(np.where(is_digit, digit, 0))
    others = np.flatnonzero(~plain & ~empty)
    bad = np.zeros(len(field), bool)
    if len(others) == 0:
        return _array(value, empty, decimals), bad
    return _with_others(field, value, empty, others, decimals, bad)


def _value(digit: np.ndarray) -> np.ndarray:
    value = digit[:, 0].astype(np.int64)
    for position in range(1, digit.shape[1]):
        value *= 10
        value += digit[:, position]
    return value


def _array(value: np.ndarray, empty: np.ndarray, decimals: int) -> pa.Array:
    mask = empty if empty.any() else None
    return pa.array(value / 10**decimals if decimals else value, mask=mask)


_NUMBER = r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)$"
_WHOLE = r"^[-+]?[0-9]+$"


def _with_others(
    field: np.ndarray,
    value: np.ndarray,
    empty: np.ndarray,
    others: np.ndarray,
    decimals: int,
    bad: np.ndarray,
) -> tuple[pa.Array, np.ndarray]:
    """Numbers with a sign, a point, or blanks behind them, and what is none."""
    written = texts(field[others])
    whole = pc.fill_null(pc.match_substring_regex(written, _WHOLE), False)
    number = pc.fill_null(pc.match_substring_regex(written, _NUMBER), False) if decimals else whole
    safe = pc.if_else(number, pc.replace_substring_regex(written, r"^\+", ""), pa.scalar("0"))
    bad[others] = ~number.to_numpy(zero_copy_only=False)
    if not decimals:
        value[others] = safe.cast(pa.int64()).to_numpy()
        return pa.array(value, mask=empty | bad), bad
    result = value / 10**decimals
    parsed = safe.cast(pa.float64()).to_numpy()
    result[others] = np.where(whole.to_numpy(zero_copy_only=False), parsed / 10**decimals, parsed)
    return pa.array(result, mask=empty | bad), bad
