"""Processes that outlive one command, and locks between commands."""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from statloom.errors import StatloomError

LONGEST_LOG = 20 << 20
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def alive(pid: int) -> bool:
    """Say whether process ``pid`` runs; one that has ended but was not collected by its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return False
    except (OSError, IndexError):
        return False
    else:
        return state not in "ZX"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def place() -> str | None:
    """Return a name for the set of processes that this one can see: of one boot and one container.

    None where the system does not tell (no ``/proc``).
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return None


def identity(pid: int) -> str | None:
    """Return a name of process ``pid`` that no later process of the same number has; None where not known."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return f"{pid} {fields[19]}"
    except (OSError, IndexError):
        return None


def is_identity(name: str) -> bool:
    """Say whether the process that ``identity`` named so still runs; in the same ``place`` only."""
    pid = name.partition(" ")[0]
    return pid.isdigit() and alive(int(pid)) and identity(int(pid)) == name


def command_line(pid: int) -> str:
    """Return the command line of ``pid``, its words separated by blanks; empty without such a process."""
    file = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self/cmdline").exists():
        try:
            return file.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            return ""
    answer = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()


def start_detached(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    user: int | None = None,
    group: int | None = None,
    keep_open: Sequence[int] = (),
) -> int:
    """Start ``command`` in a session and process group of its own, so that it survives this process; return
    its pid.

    Its output is appended to ``log``, opened by this process: the account ``user`` need not be able to write
    there. A log that has grown long is first put aside as ``<log>.1``. ``keep_open`` are file descriptors
    that it inherits (a lock that it holds as long as it lives).
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LONGEST_LOG:
        log.replace(log.with_name(log.name + ".1"))
    options: dict = {}
    if user is not None:
        options = {"user": user, "group": group, "extra_groups": []}
    with log.open("ab") as output:
        # The shell between prints the pid and ends at once, so nobody has to collect the process when it
        # ends.
        launcher = subprocess.run(
            ["/bin/sh", "-c", '"$@" >&2 & echo $!', "sh", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            env=None if environment is None else dict(environment),
            cwd=folder,
            start_new_session=True,
            pass_fds=keep_open,
            check=True,
            **options,
        )
    return int(launcher.stdout)


def end_with_parent(*, generations: int) -> None:
    """From now on end what this process forks together with it, by SIGKILL; so down to ``generations`` below.

    On Linux; elsewhere nothing changes. What is forked and then runs another program is not concerned.
    """
    try:
        control = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return
    parent, depth = os.getpid(), 0

    def begun() -> None:
        nonlocal parent, depth
        depth += 1
        if depth <= generations:
            control(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                # It ended before it could be said.
                os._exit(1)
        parent = os.getpid()

    os.register_at_fork(after_in_child=begun)


def log_tail(log: Path, *, since: int = 0, lines: int = 20) -> str:
    """Return the last ``lines`` of what was written to ``log`` since it was ``since`` bytes long."""
    if not log.exists():
        return ""
    with log.open("rb") as handle:
        # Shorter than before: it was put aside meanwhile, and all of it is new.
        handle.seek(since if since <= log.stat().st_size else 0)
        return "\n".join(handle.read().decode(errors="replace").strip().splitlines()[-lines:])


def group_members(group: int) -> list[int]:
    """Return the pids of the living processes of process group ``group``."""
    if not Path("/proc/self/stat").exists():
        answer = subprocess.run(["ps", "-A", "-o", "pid=,pgid="], capture_output=True, text=True, check=True)
        pairs = (line.split() for line in answer.stdout.splitlines())
        return [int(pid) for pid, of_group in pairs if int(of_group) == group]
    members = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                state, _, of_group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            except (OSError, ValueError):
                continue
            if int(of_group) == group and state not in "ZX":
                members.append(int(folder.name))
    return members


def session_members(session: int) -> list[int]:
    """Return the pids of the living processes of session ``session``, in whatever process group they are."""
    if not Path("/proc/self/stat").exists():
        return group_members(session)
    members = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if len(fields) > 3 and int(fields[3]) == session and fields[0] not in "ZX":
                members.append(int(folder.name))
    return members


def signal_all(pids: Sequence[int], number: signal.Signals) -> None:
    """Send signal ``number`` to each of ``pids`` that still runs."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def wait_until(condition, *, seconds: float, pause: float = 0.05) -> bool:
    """Call ``condition()`` until it is true or ``seconds`` have gone; return its last answer as a bool."""
    end = time.monotonic() + seconds
    while not (answer := condition()) and time.monotonic() < end:
        time.sleep(pause)
    return bool(answer)


@contextlib.contextmanager
def lock(file: Path, *, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold ``file`` as a lock against every other process of this installation; wait until it is free.

    ``waiting`` is called once when somebody else holds it. The lock ends with the process that holds it,
    however that ends, so nothing stays locked after a crash.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


class Users:
    """Counts the processes that use a service, so that only the last one stops it.

    Each user holds ``file`` in a shared lock; who can get it exclusively is the only one left.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._handle = file.open("a")
        fcntl.flock(self._handle, fcntl.LOCK_SH)

    @property
    def descriptor(self) -> int:
        """The file descriptor that a child must inherit to count as a user itself."""
        return self._handle.fileno()

    def close(self) -> None:
        """Stop being a user, leave the service as it is; who inherited ``descriptor`` stays one."""
        self._handle.close()

    def leave(self) -> bool:
        """Stop being a user; return whether nobody else is one. Call it under the service's lock."""
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            self._handle.close()
        return True


def unused(file: Path) -> bool:
    """Say whether no process is a user of the service whose ``Users`` hold ``file``."""
    if not file.exists():
        return True
    with file.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def free_port(host: str, wanted: int | None = None) -> int:
    """Return ``wanted`` if nobody has that port of the address ``host``, else one that is free.

    Raises StatloomError when there is none.
    """
    for port in (wanted, 0):
        if port is None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise StatloomError(f"there is no free port on {host}")


def write_private(file: Path, content: str) -> None:
    """Write ``content`` to ``file`` with mode 0600, its folder made with mode 0700; whole or not at all."""
    if not file.parent.exists():
        file.parent.mkdir(parents=True)
        file.parent.chmod(0o700)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(content)
    draft.replace(file)


def write_json(file: Path, content: Mapping) -> None:
    """Write ``content`` as JSON to ``file``, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(json.dumps(content, indent=2) + "\n")
    draft.replace(file)


def read_json(file: Path) -> dict:
    """Return what ``write_json`` wrote; empty when the file is missing or was cut off."""
    try:
        return json.loads(file.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
