"""Processor time of a PostgreSQL server on this machine: of all its processes, also those that ended."""

import os
from pathlib import Path

from sqlalchemy import Engine

_TICKS = os.sysconf("SC_CLK_TCK")


def _of(process: int) -> tuple[int, float, float]:
    """Return a process's parent, its processor seconds and those of its children that ended."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    own, ended = (int(fields[n]) + int(fields[n + 1]) for n in (11, 13))
    return int(fields[1]), own / _TICKS, ended / _TICKS


def postmaster(engine: Engine) -> int | None:
    """Return the server's first process, or None when it does not run on this machine."""
    with engine.connect() as connection:
        backend = connection.exec_driver_sql("select pg_backend_pid()").scalar_one()
        try:
            if "postgres" in Path(f"/proc/{backend}/comm").read_text():
                return _of(backend)[0]
        except OSError:
            return None
    return None


def seconds(first: int | None) -> float | None:
    """Return the processor seconds that the server has used so far; None without a server here."""
    if first is None:
        return None
    _, own, ended = _of(first)
    total = own + ended
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            parent, used, _ = _of(int(process))
        except OSError:
            continue
        if parent == first:
            total += used
    return total
