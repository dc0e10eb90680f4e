"""Files written part by part, plain or packed with gzip on all processors; the same bytes each time.

Packed: no clock and no name, and blocks of one size, each deflated on its own; the parts stand in one member,
as pigz does it, so that every reader of gzip reads them. Level 1: tidy tables get nearly as small as at level
6, in half the time.
"""

import os
import struct
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

_BLOCK = 4 << 20
_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
_END = b"\x03\x00"  # an empty last block
_LEVEL = 1
_WORKERS = os.cpu_count() or 1


class File:
    """A file at ``path``, packed when ``packed``. Use it as a context and ``write`` bytes to it."""

    def __init__(self, path: Path, *, packed: bool) -> None:
        self.path, self.packed = path, packed
        self._file = path.open("wb")
        self._kept = bytearray()
        self._waiting: list[Future[bytes]] = []
        self._checksum = self._length = 0
        if packed:
            self._pool = ThreadPoolExecutor(_WORKERS)
            self._file.write(_HEAD)

    def write(self, part: bytes | memoryview) -> int:
        """Append ``part`` and return how many bytes it has."""
        if not self.packed:
            return self._file.write(part)
        view = memoryview(part).cast("B")
        while len(view):
            taken = view[: _BLOCK - len(self._kept)]
            self._kept += taken
            view = view[len(taken) :]
            if len(self._kept) == _BLOCK:
                self._pack()
        return memoryview(part).nbytes

    def _pack(self) -> None:
        block = bytes(self._kept)
        self._kept.clear()
        self._checksum = zlib.crc32(block, self._checksum)
        self._length += len(block)
        self._waiting.append(self._pool.submit(_deflate, block))
        # No more than this is kept in memory.
        while len(self._waiting) > 2 * _WORKERS:
            self._file.write(self._waiting.pop(0).result())

    def close(self) -> None:
        """Write what is left. A closed file stays closed."""
        if self._file.closed:
            return
        try:
            if self.packed:
                if self._kept:
                    self._pack()
                for packed in self._waiting:
                    self._file.write(packed.result())
                self._file.write(_END + struct.pack("<II", self._checksum, self._length & 0xFFFFFFFF))
                self._pool.shutdown()
        finally:
            self._file.close()

    # What pyarrow asks of a file that it writes to.
    def flush(self) -> None:
        """Do nothing: ``close`` writes what is left."""

    @property
    def closed(self) -> bool:
        """Whether the file is closed."""
        return self._file.closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _deflate(block: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
