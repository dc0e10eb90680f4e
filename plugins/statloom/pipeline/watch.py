"""Follows a run of all DAGs through Airflow's REST API until there is nothing left to wait for."""

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from statloom.errors import StatloomError
from statloom.pipeline.progress import Progress
from statloom.services.airflow import AirflowClient

ENDED = {"success", "failed"}
TASK_ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}
# Bookkeeping tasks, which say nothing to a person.
_QUIET = {"settled"}
_POLL_SECONDS = 0.5
_STALLED_SECONDS = 900
_FOLLOW_UP_SECONDS = 90


@dataclass
class Watch:
    """What has been seen of the DAG runs since ``begun``."""

    client: AirflowClient
    progress: Progress
    begun: datetime
    runs: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    tasks: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    _moved: float = field(default_factory=time.monotonic)

    def poll(self) -> None:
        """Ask Airflow once; print each task that has ended since the last time."""
        since = self.begun.isoformat()
        for run in self.client.pages("dags/~/dagRuns", "dag_runs", run_after_gte=since):
            key = (run["dag_id"], run["dag_run_id"])
            if self.runs.get(key, {}).get("state") != run["state"]:
                self._moved = time.monotonic()
            self.runs[key] = run
        found = self.client.pages("dags/~/dagRuns/~/taskInstances", "task_instances", run_after_gte=since)
        for task in sorted(found, key=lambda task: task["end_date"] or ""):
            key = (task["dag_id"], task["dag_run_id"], task["task_id"])
            if self.tasks.get(key, {}).get("state") == task["state"]:
                continue
            self.tasks[key] = task
            self._moved = time.monotonic()
            if task["state"] in TASK_ENDED and task["task_id"] not in _QUIET:
                self._show(task)
        running = [f"{dag} {task}" for (dag, _, task), row in self.tasks.items() if row["state"] == "running"]
        ended = sum(row["state"] in TASK_ENDED for row in self.tasks.values())
        self.progress.running(running, ended, len(self.tasks))
        if time.monotonic() - self._moved > _STALLED_SECONDS:
            raise StatloomError(f"Airflow has not moved for {_STALLED_SECONDS} s; see the logs")

    def until_ended(self, dags: list[str]) -> None:
        """Wait until every DAG of ``dags`` has a run and all its runs have ended."""
        while True:
            self.poll()
            if all((runs := self.of(dag)) and all(run["state"] in ENDED for run in runs) for dag in dags):
                return
            time.sleep(_POLL_SECONDS)

    def follow_up(self, dag: str, *, queued_after: str | None = None) -> dict[str, Any]:
        """Wait for the run of ``dag`` that its assets trigger, and return it when it has ended.

        ``queued_after``: look only at runs queued at this time or later, as Airflow writes times.

        Raises StatloomError when no such run comes.
        """
        patience = time.monotonic() + _FOLLOW_UP_SECONDS
        while True:
            self.poll()
            runs = [run for run in self.of(dag) if not queued_after or run["queued_at"] >= queued_after]
            if runs and all(run["state"] in ENDED for run in runs):
                return max(runs, key=lambda run: run["queued_at"])
            if not runs and time.monotonic() > patience:
                raise StatloomError(f"DAG {dag} was not started by what it depends on")
            time.sleep(_POLL_SECONDS)

    def of(self, dag: str) -> list[dict[str, Any]]:
        """Return the runs of ``dag`` seen so far."""
        return [run for (dag_id, _), run in self.runs.items() if dag_id == dag]

    def state(self, run: dict[str, Any], task: str) -> str | None:
        """Return the state of ``task`` in ``run``."""
        return self.tasks.get((run["dag_id"], run["dag_run_id"], task), {}).get("state")

    def ended_at(self, run: dict[str, Any], task: str) -> str | None:
        """Return when ``task`` ended in ``run``, as Airflow writes it."""
        return self.tasks.get((run["dag_id"], run["dag_run_id"], task), {}).get("end_date")

    def _show(self, task: dict[str, Any]) -> None:
        message = self._reason(task) if task["state"] == "failed" else ""
        if task["state"] != "skipped":
            self.progress.ended(task["dag_id"], task["task_id"], task["state"], task.get("duration"), message)

    def _reason(self, task: dict[str, Any]) -> str:
        """Return what the failed task itself said, from its log."""
        path = (
            f"dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}"
            f"/logs/{task['try_number']}"
        )
        try:
            entries = self.client.get(path, full_content="true").get("content", [])
        except StatloomError:
            return ""
        for entry in reversed(entries):
            details = entry.get("error_detail") if isinstance(entry, dict) else None
            if details:
                return str(details[0].get("exc_value") or details[0].get("exc_type"))
        return ""
