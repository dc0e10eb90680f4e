"""The points at which something can be killed, found while the work runs, and the victims.

A point is a database statement (before and after it), a commit, or a change of a file in the state folder.
They are numbered within each step of the pipeline.
"""

import contextlib
import os
import signal
import sys
import threading
from collections import Counter
from pathlib import Path

from sqlalchemy import Engine, event

from statloom import processes
from statloom.settings import Settings
from statloom.warehouse import server

VICTIMS = ("process", "backend", "postmaster", "server")
# Besides, where the installation has a small disk of its own: "disk", which is filled.
_CHANGES = ("os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree")


class Watch:
    """Counts the points of this process's work; kills ``victim`` at point ``number`` of step ``at``."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.step = ""
        self.seen: Counter[str] = Counter()
        self.at, self.number, self.victim, self.struck = "", 0, "", False
        self._lock = threading.Lock()
        for moment in ("before_cursor_execute", "after_cursor_execute", "commit"):
            event.listen(Engine, moment, self._statement)
        self._dbt()
        sys.addaudithook(self._file)

    def strike(self, victim: str, at: str, number: int) -> None:
        """Plan to kill ``victim`` (one of ``VICTIMS``) at the point ``number`` (from 1) of step ``at``."""
        self.victim, self.at, self.number = victim, at, number

    def _statement(self, connection, *_args, **_options) -> None:
        self._point(lambda: connection.connection.driver_connection.info.backend_pid)

    def _dbt(self) -> None:
        """dbt has a driver and cursors of its own."""
        from dbt.adapters.sql.connections import SQLConnectionManager

        real = SQLConnectionManager.add_query

        def watched(manager, *args, **options):
            def backend():
                return manager.get_thread_connection().handle.info.backend_pid

            self._point(backend)
            answer = real(manager, *args, **options)
            self._point(backend)
            return answer

        SQLConnectionManager.add_query = watched

    def _file(self, name: str, arguments: tuple) -> None:
        if name == "open":
            path, _, flags = arguments
            changes = isinstance(path, str | Path) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        else:
            path, changes = (arguments[0] if arguments else None), name in _CHANGES
        if changes and self.step and str(path).startswith(str(self.settings.home)):
            self._point(None)

    def _point(self, backend) -> None:
        with self._lock:
            self.seen[self.step] += 1
            now = self.step == self.at and self.seen[self.step] == self.number
        if now:
            self.struck = True
            self._kill(backend)

    def _kill(self, backend) -> None:
        if self.victim == "process":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.victim == "backend":
            kill_backend(self.settings, backend() if backend else None)
        elif self.victim == "postmaster":
            os.kill(server.current(self.settings).pid, signal.SIGKILL)
        elif self.victim == "server":
            kill_server(self.settings)
        elif self.victim == "disk":
            fill_disk(self.settings.home.parent / "filler")


def fill_disk(filler: Path) -> None:
    """Take all the room that is left on the disk of ``filler``."""
    block = bytes(1 << 20)
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while block:
            if file.write(block) < len(block):
                block = block[: len(block) // 16]


def kill_server(settings: Settings) -> None:
    """Kill the server of ``settings`` with all its processes, as a power cut would."""
    pid = server.current(settings).pid
    os.kill(pid, signal.SIGSTOP)
    everyone = [pid, *children(pid)]
    processes.signal_all(everyone, signal.SIGKILL)
    assert processes.wait_until(lambda: not any(map(processes.alive, everyone)), seconds=10)


def kill_backend(settings: Settings, backend: int | None) -> None:
    """Kill one of the server's processes: that of the session, else the first that serves one.

    PostgreSQL then ends all others and recovers.
    """
    pid = server.current(settings).pid
    serving = [child for child in children(pid) if "statloom_engineer" in processes.command_line(child)]
    assert backend is None or backend in serving
    target = backend or next(iter(serving), None)
    if target is not None:
        os.kill(target, signal.SIGKILL)
        processes.wait_until(lambda: not processes.alive(target), seconds=10)


def children(pid: int) -> list[int]:
    """Return the child processes of ``pid``."""
    file = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in file.read_text().split()]
