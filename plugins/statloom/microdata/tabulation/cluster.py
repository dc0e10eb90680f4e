"""A Spark cluster of this machine's own: a standalone master and workers on loopback, to try a tabulation
with."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from statloom.microdata.tabulation.errors import TabulationError

_MASTER = re.compile(r"Starting Spark master at (spark://\S+)")
_REGISTERED = re.compile(r"Registering worker ")
_HOST = "127.0.0.1"
SECONDS = 120.0
# Small processes that start soon; the work is done by the executors.
_ENVIRONMENT = {
    "SPARK_LOCAL_IP": _HOST,
    "SPARK_DAEMON_MEMORY": "256m",
    "SPARK_DAEMON_JAVA_OPTS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}


@contextmanager
def local_cluster(workers: int = 2, *, cores: int = 1, memory: str = "1g") -> Iterator[str]:
    """Start a master and ``workers`` on free ports of 127.0.0.1; give the master's address, ``spark://…``.

    Each worker is a process with ``cores`` and ``memory``. All processes and their files are gone afterwards.
    Raises TabulationError when Java or PySpark are missing, or the cluster does not come up in time.
    """
    program = _spark_class()
    with tempfile.TemporaryDirectory(prefix="statloom-spark-") as folder:
        started: list[subprocess.Popen] = []

        def start(name: str, *arguments: str) -> Path:
            log = Path(folder) / f"{name}.log"
            # A file, not a pipe: nobody reads it while the process runs.
            with log.open("wb") as out:
                started.append(
                    subprocess.Popen(
                        [program, *arguments],
                        stdout=out,
                        stderr=subprocess.STDOUT,
                        stdin=subprocess.DEVNULL,
                        env=os.environ | _ENVIRONMENT,
                        cwd=folder,
                        start_new_session=True,
                    )
                )
            return log

        def wait(log: Path, wanted: re.Pattern, times: int, what: str) -> re.Match:
            until = time.monotonic() + SECONDS
            while True:
                found = list(wanted.finditer(log.read_text(errors="replace")))
                if len(found) >= times:
                    return found[-1]
                if any(process.poll() is not None for process in started) or time.monotonic() > until:
                    last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["no output"]
                    raise TabulationError(f"the Spark {what} did not start: {last[0]}")
                time.sleep(0.1)

        try:
            common = ("--host", _HOST, "--port", "0", "--webui-port", "0")
            log = start("master", "org.apache.spark.deploy.master.Master", *common)
            master = wait(log, _MASTER, 1, "master").group(1)
            for number in range(workers):
                start(
                    f"worker{number}",
                    "org.apache.spark.deploy.worker.Worker",
                    *common,
                    *("--cores", str(cores), "--memory", memory),
                    *("--work-dir", str(Path(folder) / f"work{number}")),
                    master,
                )
            wait(log, _REGISTERED, workers, "workers")
            yield master
        finally:
            _stop(started)


def missing() -> str | None:
    """Return what this machine lacks to run Spark, None when it lacks nothing."""
    try:
        _spark_class()
    except TabulationError as error:
        return str(error)
    return None


def _spark_class() -> str:
    home = os.environ.get("SPARK_HOME")
    if home is None:
        found = find_spec("pyspark")
        home = str(Path(found.origin).parent) if found and found.origin else None
    program = Path(home) / "bin" / "spark-class" if home else None
    if program is None or not program.exists():
        raise TabulationError("PySpark is not installed: 'scripts/bootstrap spark' adds it")
    java = os.environ.get("JAVA_HOME")
    if not (java and Path(java, "bin", "java").exists()) and shutil.which("java") is None:
        raise TabulationError("Spark needs Java 17 or newer, and there is none on this machine")
    return str(program)


def _stop(processes: list[subprocess.Popen]) -> None:
    """End the processes and what they have started, workers first."""
    for process in reversed(processes):
        _signal(process, signal.SIGTERM)
    until = time.monotonic() + 10
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.1, until - time.monotonic()))
    for process in processes:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
