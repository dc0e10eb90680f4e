"""What can be said of a delivery from its bytes alone, in one pass and little memory."""

import codecs
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from statloom.errors import DeliveryError

CHUNK = 1 << 20
MAXIMUM_LINE = 1 << 20
MAXIMUM_COLUMNS = 4096
MAXIMUM_DOCUMENT = 512 << 20
"""Bytes, unpacked, of what can only be read as a whole: a workbook, a JSON document."""
_HIGHEST_RATIO, _SMALL = 200, 50 << 20
_DIRECTORY_BYTES = 16 << 20
_HTML = (b"<!doctype html", b"<html", b"<head", b"<body")


def maximum_bytes() -> int:
    """Return how large a delivery may be, decompressed (``STATLOOM_MAXIMUM_BYTES``, default 2 GiB)."""
    return int(os.environ.get("STATLOOM_MAXIMUM_BYTES", 2 << 30))


def check_bytes(path: Path, name: str, *, text: bool) -> None:
    """Raise DeliveryError when the file is empty, too large, or an HTML page instead of data."""
    size = path.stat().st_size
    if size == 0:
        raise DeliveryError("the file is empty (0 bytes)", file=name)
    if size > maximum_bytes():
        raise DeliveryError(f"{size:,} bytes are more than the limit of {maximum_bytes():,}", file=name)
    with path.open("rb") as file:
        head = file.read(2048)
    start = head.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if start.startswith(_HTML):
        raise DeliveryError(f"an HTML page where data were expected{_html_title(head)}", file=name)
    if text and head[:2] == b"PK":
        raise DeliveryError("a zip archive or an Excel workbook where text was expected", file=name)


def _html_title(head: bytes) -> str:
    import re

    match = re.search(rb"<title[^>]*>\s*(.{1,120}?)\s*</title>", head, re.IGNORECASE | re.DOTALL)
    return f" (its title: {match[1].decode('utf-8', 'replace')!r})" if match else ""


def check_growth(packed: int, unpacked: int, name: str) -> None:
    """Raise DeliveryError when data of ``packed`` bytes grow to ``unpacked`` as no real data do."""
    if unpacked > _SMALL and unpacked / max(packed, 1) > _HIGHEST_RATIO:
        raise DeliveryError(
            f"unpacks to {unpacked / max(packed, 1):,.0f} times its size: refused as a zip bomb", file=name
        )


def check_directory(path: Path, name: str, most: int) -> None:
    """Raise DeliveryError when the zip archive's list of files is too long to be read, and says that it has
    more than ``most``; raise BadZipFile when it has none.
    """
    with path.open("rb") as file:
        end = zipfile._EndRecData(file)
    if not end:
        raise zipfile.BadZipFile("no list of files at its end")
    if end[zipfile._ECD_ENTRIES_TOTAL] > most or end[zipfile._ECD_SIZE] > _DIRECTORY_BYTES:
        raise DeliveryError(
            f"{end[zipfile._ECD_ENTRIES_TOTAL]:,} files, a list of {end[zipfile._ECD_SIZE]:,} bytes:"
            " refused as a zip bomb",
            file=name,
        )


def chunks(path: Path, name: str, compression: str | None) -> Iterator[bytes]:
    """Yield the bytes of the file, decompressed.

    Raises DeliveryError when gzip data are truncated or damaged, or grow beyond the size limit.
    """
    limit, total, packed = maximum_bytes(), 0, path.stat().st_size
    with path.open("rb") as file:
        if compression is None:
            if file.read(2) == b"\x1f\x8b":
                raise DeliveryError("gzip data, but the contract declares no compression", file=name)
            file.seek(0)
        for chunk in _gunzip(file, name) if compression == "gzip" else iter(lambda: file.read(CHUNK), b""):
            total += len(chunk)
            if total > limit:
                raise DeliveryError(f"grows beyond the limit of {limit:,} bytes when unpacked", file=name)
            if compression is not None:
                check_growth(packed, total, name)
            yield chunk


def _gunzip(file, name: str) -> Iterator[bytes]:
    unpacker, waiting = zlib.decompressobj(wbits=31), b""
    try:
        while True:
            data = waiting or file.read(CHUNK // 4)
            if not data:
                break
            if unpacker.eof:  # a further member of the same file
                if not data.strip(b"\0"):
                    waiting = b""
                    continue
                unpacker = zlib.decompressobj(wbits=31)
            yield unpacker.decompress(data, CHUNK)
            waiting = unpacker.unconsumed_tail or unpacker.unused_data
    except zlib.error as error:
        raise DeliveryError(f"damaged gzip data ({error})", file=name) from None
    if not unpacker.eof:
        raise DeliveryError("the gzip data end in the middle: the file is truncated", file=name)


def to_utf8(path: Path, name: str, target: Path, encoding: str, compression: str | None) -> None:
    """Write the text of ``path`` to ``target`` as UTF-8 without a byte order mark. Raises as `utf8`."""
    with target.open("wb") as out:
        for chunk in utf8(path, name, encoding, compression):
            out.write(chunk)


def utf8(
    path: Path, name: str, encoding: str, compression: str | None, *, quotes: bool = True
) -> Iterator[bytes]:
    """Yield the text of ``path`` as UTF-8 without a byte order mark. ``quotes``: they come in pairs.

    Raises DeliveryError, with byte and row, when the bytes are not of ``encoding``; when a line is longer
    than any line of a table; when there are NUL characters; and when nothing but white space is there.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    position = rows = line = 0
    blank = odd_quotes = True
    ascii_only = also_utf8 = True
    strict = codecs.getincrementaldecoder("utf-8")()
    single_byte = not encoding.lower().replace("_", "-").startswith(("utf", "u8"))
    first = True
    for chunk in chunks(path, name, compression):
        if first:
            _check_mark(chunk, encoding, name)
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError as error:
            _wrong_encoding(error, chunk, position, rows, encoding, name)
        if first:
            text, first = text.removeprefix("\ufeff"), False
        if single_byte and also_utf8:
            ascii_only = ascii_only and chunk.isascii()
            try:
                strict.decode(chunk)
            except UnicodeDecodeError:
                also_utf8 = False
        if "\0" in text:
            row = rows + text[: text.index("\0")].count("\n") + 1
            raise DeliveryError("a NUL character: not a text file", file=name, row=row)
        line = _longest_line(text, line, rows, name)
        rows += text.count("\n")
        odd_quotes ^= text.count('"') % 2 == 1
        blank = blank and not text.strip()
        position += len(chunk)
        yield text.encode()
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise DeliveryError(
            f"the file ends in the middle of a character of {encoding}: it is truncated",
            file=name,
            row=rows + 1,
        ) from None
    if blank:
        raise DeliveryError("the file is empty (white space only)", file=name)
    if single_byte and also_utf8 and not ascii_only:
        raise DeliveryError(f"declared as {encoding}, but the bytes are UTF-8", file=name)
    if quotes and not odd_quotes:
        raise DeliveryError(
            'a quotation mark (") is opened and never closed: the file is truncated or damaged', file=name
        )


def _check_mark(chunk: bytes, encoding: str, name: str) -> None:
    if chunk[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) and "16" not in encoding:
        raise DeliveryError(f"declared as {encoding}, but the file begins as UTF-16 does", file=name, row=1)


def _wrong_encoding(error, chunk: bytes, position: int, rows: int, encoding: str, name: str) -> None:
    # error.start counts from the bytes that the decoder had kept from the chunk before, at most three.
    byte = max(error.start - (len(error.object) - len(chunk)), 0)
    row = rows + chunk[:byte].count(b"\n") + 1
    raise DeliveryError(
        f"not {encoding}: byte 0x{error.object[error.start]:02X} at position {position + byte + 1:,}"
        f" ({error.reason})",
        file=name,
        row=row,
    ) from None


def _longest_line(text: str, carried: int, rows: int, name: str) -> int:
    """Return the length of the unfinished last line; raise when a line is too long."""
    end = text.find("\n")
    if end < 0:
        if carried + len(text) > MAXIMUM_LINE:
            _too_long(rows + 1, name)
        return carried + len(text)
    if carried + end > MAXIMUM_LINE:
        _too_long(rows + 1, name)
    return len(text) - text.rfind("\n") - 1


def _too_long(row: int, name: str) -> None:
    raise DeliveryError(f"a line of more than {MAXIMUM_LINE:,} characters: not a table", file=name, row=row)
