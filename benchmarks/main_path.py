"""Measures the main job: first and second run of the demo, Airflow's overhead and the work.

What a task waits between queued and started is Airflow's; what it takes from start to end is the work's.
Memory is
sampled twice a second from every process that belongs to the run.

    .venv/bin/python -m benchmarks.main_path [--out benchmarks/results/main_path.md]
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from datetime import date
from pathlib import Path

from benchmarks.machine import describe

PROJECT = Path(__file__).resolve().parents[1]
_AIRFLOW = re.compile(
    r"airflow (api[-_]server|scheduler|dag[-_]processor)|gunicorn|uvicorn|airflow\.sdk\.execution"
)


class Memory(threading.Thread):
    """Samples the memory (proportional set size) of every process that belongs to one state folder."""

    def __init__(self, home: Path) -> None:
        super().__init__(daemon=True)
        self.home = str(home)
        self.peak: dict[str, float] = defaultdict(float)
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.5):
            now: dict[str, float] = defaultdict(float)
            for process in Path("/proc").glob("[0-9]*"):
                kind, size = self._measure(process)
                if kind:
                    now[kind] += size
                    now["all"] += size
            now["besides Airflow"] = now["all"] - now["Airflow's own"]
            for kind, size in now.items():
                self.peak[kind] = max(self.peak[kind], size)

    def _measure(self, process: Path) -> tuple[str | None, float]:
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            environment = (process / "environ").read_bytes().decode(errors="replace")
            if self.home not in command and self.home not in environment:
                return None, 0.0
            rollup = (process / "smaps_rollup").read_text()
        except OSError:
            return None, 0.0
        size = int(re.search(r"^Pss: +(\d+)", rollup, re.MULTILINE)[1]) / 2**20
        if "postgres" in command.split(" ")[0]:
            return "PostgreSQL", size
        return ("Airflow's own" if _AIRFLOW.search(command) else "tasks and the command"), size


def measure(project: Path, home: Path) -> dict[str, object]:
    """Run the main job once; return wall seconds, peak memory in GiB and its output."""
    environment = os.environ | {"STATLOOM_HOME": str(home)}
    sampler = Memory(home)
    sampler.start()
    begun = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-m", "statloom.cli", "run"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    wall = time.monotonic() - begun
    sampler.ended.set()
    if run.returncode:
        raise SystemExit(run.stdout + run.stderr)
    return {
        "wall": wall,
        "memory": dict(sampler.peak),
        "output": run.stdout,
        "tasks": _tasks(home),
    }


def _tasks(home: Path) -> list[tuple[str, int, float, float]]:
    """Return for each kind of task of the newest run of each DAG: number, seconds waited, seconds worked."""
    query = """
        with newest as (
            select dag_id, max(start_date) as start_date from dag_run group by dag_id
        )
        select case when task.dag_id like 'ingest%' then 'ingest' else task.dag_id end || ' ' || task_id,
            count(*), sum(extract(epoch from task.start_date - task.queued_dttm)),
            sum(extract(epoch from task.end_date - task.start_date))
        from task_instance as task join dag_run using (dag_id, run_id)
        join newest on newest.dag_id = dag_run.dag_id and newest.start_date = dag_run.start_date
        where task.state = 'success'
        group by 1 order by 4 desc
    """
    from sqlalchemy import create_engine, text

    os.environ["STATLOOM_HOME"] = str(home)
    from statloom import settings
    from statloom.warehouse import server, setup

    here = settings.load()
    with server.running(here):
        url = setup.airflow_url(here).replace("postgresql://", "postgresql+psycopg://")
        with create_engine(url).connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]


def main() -> None:
    """Measure a first and a second run in a state folder of their own; write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=PROJECT / "benchmarks" / "results" / "main_path.md")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="statloom-benchmark-"))
    folder.chmod(0o755)
    try:
        runs = {name: measure(PROJECT, folder / "home") for name in ("first run", "second run")}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    arguments.out.write_text(_report(runs))
    print(arguments.out.read_text())


def _report(runs: dict[str, dict]) -> str:
    lines = [
        "# The main job",
        "",
        f"Measured {date.today()} on {describe()}. `make bench` measures again.",
        "",
        "| run | wall, s | peak memory besides Airflow's own, GiB | Airflow's own, GiB |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, run in runs.items():
        memory = run["memory"]
        lines.append(
            f"| {name} | {run['wall']:.1f} | {memory.get('besides Airflow', 0):.2f} "
            f"| {memory.get(_KEY, 0):.2f} |"
        )
    first = runs["first run"]
    worked = sum(task[3] for task in first["tasks"])
    waited = sum(task[2] or 0 for task in first["tasks"])
    number = sum(task[1] for task in first["tasks"])
    lines += [
        "",
        f"First run: {number} tasks, {worked:.0f} s of work in tasks (several run side by side), "
        f"{waited:.0f} s between queued and started.",
        "",
        "| task of the first run | number | waited, s | worked, s |",
        "| --- | ---: | ---: | ---: |",
        *(f"| {name} | {n} | {wait or 0:.1f} | {work or 0:.1f} |" for name, n, wait, work in first["tasks"]),
        "",
        "What the first run printed:",
        "",
        "```",
        first["output"].strip(),
        "```",
        "",
    ]
    return "\n".join(lines)


_KEY = "Airflow's own"

if __name__ == "__main__":
    main()
