"""Processes that outlive their starter, locks and counted users, with real processes."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from statloom import processes
from statloom.settings import PROJECT


def test_a_detached_process_outlives_its_starter_and_writes_to_its_log(tmp_path):
    log = tmp_path / "logs" / "child.log"
    code = (
        "from pathlib import Path; from statloom import processes; "
        f"print(processes.start_detached(['sh', '-c', 'echo \"$WORD $1\"; exec sleep 60', 'x', 'a  b'], "
        f"log=Path({str(log)!r}), environment={{'WORD': 'said'}}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(PROJECT / "plugins")},
    )
    pid = int(done.stdout)
    assert processes.wait_until(lambda: log.read_text() == "said a  b\n", seconds=5)
    assert processes.alive(pid)
    assert "sleep 60" in processes.command_line(pid)
    session = os.getsid(pid)
    assert session != os.getsid(0)
    assert processes.session_members(session) == [pid]
    processes.signal_all([pid], signal.SIGTERM)
    assert processes.wait_until(lambda: not processes.alive(pid), seconds=5)
    assert processes.session_members(session) == []
    assert processes.command_line(pid) == ""


def test_a_process_that_nobody_collected_is_not_alive():
    child = subprocess.Popen(["true"])
    try:
        assert processes.wait_until(lambda: not processes.alive(child.pid), seconds=5)
    finally:
        child.wait()


def test_a_long_log_is_put_aside(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "LONGEST_LOG", 100)
    log = tmp_path / "child.log"
    log.write_text("old\n" * 50)
    mark = log.stat().st_size
    processes.start_detached(["echo", "new"], log=log)
    assert processes.wait_until(lambda: processes.log_tail(log, since=mark) == "new", seconds=5)
    assert (tmp_path / "child.log.1").stat().st_size == mark
    mark = log.stat().st_size
    processes.start_detached(["echo", "newer"], log=log)
    assert processes.wait_until(lambda: processes.log_tail(log, since=mark) == "newer", seconds=5)


def other(code, *words):
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys\nfrom pathlib import Path\nfrom statloom import processes\n" + code,
            *words,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(PROJECT / "plugins")},
    )


def test_a_lock_is_free_again_when_its_holder_is_killed(tmp_path):
    file = tmp_path / "run" / "some.lock"
    holder = other(
        "with processes.lock(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()", str(file)
    )
    assert holder.stdout.readline() == "held\n"
    assert not processes.unused(file)
    waited = []

    def waiting():
        waited.append(True)
        holder.kill()

    with processes.lock(file, waiting=waiting):
        assert waited == [True]
    holder.communicate()
    assert processes.unused(file)


def test_only_the_last_user_is_told_so(tmp_path):
    file = tmp_path / "some.users"
    assert processes.unused(file)
    first, second = processes.Users(file), processes.Users(file)
    assert not first.leave()
    assert not processes.unused(file)
    assert second.leave()
    assert processes.unused(file)


def test_private_files(tmp_path):
    tmp_path.chmod(0o755)
    file = tmp_path / "secrets" / "keys.json"
    processes.write_private(file, '{"key": 1}')
    assert json.loads(file.read_text()) == processes.read_json(file) == {"key": 1}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    processes.write_private(tmp_path / "other", "x")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755, "a folder that was there keeps its mode"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("content", ["", '{"cut'])
def test_a_file_that_was_cut_off_counts_as_missing(tmp_path, content):
    file = tmp_path / "state.json"
    file.write_text(content)
    assert processes.read_json(file) == {}
    assert processes.read_json(tmp_path / "missing.json") == {}


FORKS = """
import os, sys, time
from statloom import processes
processes.end_with_parent(generations=2)
for generation in (1, 2, 3):
    if (child := os.fork()) != 0:
        break
os.write(1, b"%d %d" % (generation, os.getpid()) + bytes([10]))
time.sleep(600)
"""


@pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="Linux alone tells a child that its parent ended"
)
def test_what_was_forked_ends_with_its_parent():
    first = subprocess.Popen([sys.executable, "-c", FORKS], stdout=subprocess.PIPE, text=True)
    lines = [first.stdout.readline().split() for _ in range(4)]
    pids = sorted((int(generation), int(pid)) for generation, pid in lines)
    _, child, *_ = [pid for _, pid in pids]
    grandchildren = [pid for _, pid in pids][2:]
    os.kill(child, signal.SIGKILL)
    ended, last = grandchildren
    assert processes.wait_until(lambda: not processes.alive(ended), seconds=10)
    first.kill()
    first.wait()
    # The third generation was not to end with its parent.
    assert processes.alive(last)
    os.kill(last, signal.SIGKILL)


def test_a_later_process_of_the_same_number_is_another():
    mine = processes.identity(os.getpid())
    assert processes.is_identity(mine)
    number, began = mine.split()
    assert not processes.is_identity(f"{number} {int(began) - 1}")
    assert not processes.is_identity("unknown")
    assert processes.identity(2**22 + 1) is None
    assert processes.place() == processes.place()
