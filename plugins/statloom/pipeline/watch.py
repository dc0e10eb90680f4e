"""Follows a run of all DAGs through Airflow's REST API until there is nothing left to wait for."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from statloom.errors import StatloomError
from statloom.pipeline.progress import Progress
from statloom.services.airflow import AirflowClient

ENDED = {"success", "failed"}
TASK_ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}
# Bookkeeping tasks, which say nothing to a person.
_QUIET = {"settled"}
# Each look costs the API server more than the step of the run that it watches: while many tasks are at work,
# one a second is enough.
_SECONDS_BETWEEN_LOOKS = {"many": 1.0, "few": 0.5}
# A change may be committed later than it was dated; and now and then everything is looked at again.
_COMMITTED_WITHIN = timedelta(seconds=20)
_SECONDS_BETWEEN_WHOLE_LOOKS = 30
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
    _looked: datetime | None = None
    _looked_at_all: float = 0.0

    def poll(self, *, whole: bool = False) -> None:
        """Ask Airflow once what has changed (``whole``: for everything); print each task that has ended since
        the last time.
        """
        now = datetime.now(UTC)
        asked = {"run_after_gte": self.begun.isoformat()}
        if whole or time.monotonic() - self._looked_at_all > _SECONDS_BETWEEN_WHOLE_LOOKS:
            self._looked_at_all = time.monotonic()
        elif self._looked:
            asked["updated_at_gte"] = (self._looked - _COMMITTED_WITHIN).isoformat()
        for run in self.client.pages("dags/~/dagRuns", "dag_runs", **asked):
            key = (run["dag_id"], run["dag_run_id"])
            if self.runs.get(key, {}).get("state") != run["state"]:
                self._moved = time.monotonic()
            self.runs[key] = run
        found = self.client.pages("dags/~/dagRuns/~/taskInstances", "task_instances", **asked)
        self._looked = now
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
                return self.poll(whole=True)
            time.sleep(_SECONDS_BETWEEN_LOOKS["many"])

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
                self.poll(whole=True)
                return max(runs, key=lambda run: run["queued_at"])
            if not runs and time.monotonic() > patience:
                raise StatloomError(f"DAG {dag} was not started by what it depends on")
            time.sleep(_SECONDS_BETWEEN_LOOKS["few"])

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
