"""A client of Airflow's REST API, for what the pipeline needs of it."""

import time
from collections.abc import Iterable, Iterator
from datetime import datetime

import requests

from statloom.errors import StatloomError

PAGE = 1000
FINISHED = ("success", "failed", "skipped", "upstream_failed", "removed")
SECONDS_TO_END = 60
UNFINISHED = ("queued", "running")


class AirflowClient:
    """Speaks to the API server at ``url`` as ``user``. Raises StatloomError when it refuses or does not
    answer.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self._user, self._password = user, password
        self._session = requests.Session()
        # A proxy of the environment must not come between two processes of one machine.
        self._session.trust_env = False

    def token(self) -> str:
        """Log in; return the token that every other call carries."""
        answer = self._send(
            "POST", f"{self.url}/auth/token", json={"username": self._user, "password": self._password}
        )
        if answer.status_code in (401, 403):
            raise StatloomError(f"Airflow refuses the password of user {self._user!r}")
        self._raise_for(answer)
        token = answer.json()["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"
        return token

    def get(self, path: str, **parameters) -> dict:
        """Return the answer to GET ``/api/v2/<path>``."""
        return self._call("GET", path, params=parameters)

    def post(self, path: str, content: dict) -> dict:
        """Return the answer to POST ``/api/v2/<path>`` with ``content`` as JSON."""
        return self._call("POST", path, json=content)

    def patch(self, path: str, content: dict) -> dict:
        """Return the answer to PATCH ``/api/v2/<path>`` with ``content`` as JSON."""
        return self._call("PATCH", path, json=content)

    def pages(self, path: str, items: str, **parameters) -> Iterator[dict]:
        """Yield every entry of the list ``items`` in the answers to GET ``path``, page by page."""
        offset = 0
        while True:
            answer = self.get(path, limit=PAGE, offset=offset, **parameters)
            yield from answer[items]
            offset += len(answer[items])
            if not answer[items] or offset >= answer["total_entries"]:
                return

    def dags(self) -> list[dict]:
        """Return every DAG that Airflow knows and still finds in its files."""
        return list(self.pages("dags", "dags", exclude_stale=True))

    def import_errors(self) -> dict[str, str]:
        """Return the DAG files that could not be read: ``{file: traceback}``."""
        return {
            error["filename"]: error["stack_trace"] for error in self.pages("importErrors", "import_errors")
        }

    def wait_for_dags(self, dag_ids: Iterable[str], timeout: float) -> None:
        """Wait until Airflow has read all of ``dag_ids``.

        Raises StatloomError after ``timeout`` seconds, or as soon as a DAG file cannot be read, with its
        error.
        """
        wanted = set(dag_ids)
        end = time.monotonic() + timeout
        while missing := wanted - {dag["dag_id"] for dag in self.dags()}:
            if errors := self.import_errors():
                shown = "\n".join(f"{file}:\n{trace}" for file, trace in errors.items())
                raise StatloomError(f"Airflow cannot read {', '.join(errors)}\n{shown}")
            if time.monotonic() > end:
                raise StatloomError(f"Airflow did not find {', '.join(sorted(missing))} within {timeout:g} s")
            time.sleep(0.2)

    def trigger(self, dag_id: str, *, configuration: dict | None = None) -> str:
        """Start a run of ``dag_id`` now; return its run id."""
        content = {"logical_date": None, "conf": configuration or {}}
        return self.post(f"dags/{dag_id}/dagRuns", content)["dag_run_id"]

    def runs(self, dag_ids: Iterable[str] | None = None, since: datetime | None = None) -> list[dict]:
        """Return the runs, oldest first: of ``dag_ids`` (default: all), that were queued at ``since`` or
        later.
        """
        wanted = None if dag_ids is None else set(dag_ids)
        parameters = {"order_by": "run_after"}
        if since is not None:
            parameters["run_after_gte"] = since.isoformat()
        found = self.pages("dags/~/dagRuns", "dag_runs", **parameters)
        return [run for run in found if wanted is None or run["dag_id"] in wanted]

    def task_instances(self, dag_id: str, run_id: str) -> list[dict]:
        """Return the task instances of one run (``~`` as ``dag_id`` or ``run_id``: of all)."""
        return list(self.pages(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances"))

    def task_log(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> str:
        """Return the log of one attempt of a task as text, one event a line."""
        answer = self.get(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{attempt}")
        return "\n".join(_event(entry) for entry in answer["content"])

    def clear_leftovers(self) -> tuple[int, int]:
        """Undo what a stopped run left while Airflow runs on.

        Return how many unfinished runs were removed, and how many DAGs were freed of queued events.
        Unfinished runs would go on beside the next one, and an asset event that waits in the queue of a DAG
        would count towards its next run.
        """
        unfinished = [
            run for state in UNFINISHED for run in self.pages("dags/~/dagRuns", "dag_runs", state=state)
        ]
        for run in unfinished:
            self._remove(run["dag_id"], run["dag_run_id"])
        freed = 0
        # Also of DAGs that count as stale: on a busy machine they are only read late.
        for dag in self.pages("dags", "dags", exclude_stale=False):
            path = f"dags/{dag['dag_id']}/assets/queuedEvents"
            answer = self._send("DELETE", f"{self.url}/api/v2/{path}")
            if answer.status_code == 404:
                continue
            self._raise_for(answer)
            freed += 1
        return len(unfinished), freed

    def _remove(self, dag_id: str, run_id: str) -> None:
        """End an unfinished run and remove it.

        Setting the run alone to failed is not enough: its teardowns would still run, and tell other DAGs to
        go on. So the tasks that have not begun are set first, to skipped, since those set to failed begin
        anew when one before them is set; then those that run, whose processes end at their next heartbeat.
        """
        path = f"dags/{dag_id}/dagRuns/{run_id}"
        tasks = sorted(self.task_instances(dag_id, run_id), key=lambda task: task["state"] == "running")
        for task in tasks:
            if task["state"] not in FINISHED:
                state = "failed" if task["state"] == "running" else "skipped"
                self.patch(f"{path}/taskInstances/{task['task_id']}", {"new_state": state})
        self.patch(path, {"state": "failed"})
        end = time.monotonic() + SECONDS_TO_END
        while True:
            answer = self._send("DELETE", f"{self.url}/api/v2/{path}")
            if answer.status_code != 409 or time.monotonic() > end:
                break
            time.sleep(0.2)
        if answer.status_code != 404:
            self._raise_for(answer)

    def _call(self, method: str, path: str, **options) -> dict:
        answer = self._send(method, f"{self.url}/api/v2/{path}", **options)
        self._raise_for(answer)
        return answer.json() if answer.content else {}

    def _send(self, method: str, url: str, **options) -> requests.Response:
        is_login = url.endswith("/auth/token")
        if not is_login and "Authorization" not in self._session.headers:
            self.token()
        try:
            answer = self._session.request(method, url, timeout=30, **options)
            if answer.status_code == 401 and not is_login:
                self.token()
                answer = self._session.request(method, url, timeout=30, **options)
        except requests.RequestException as error:
            raise StatloomError(f"Airflow at {self.url} does not answer: {error}") from None
        return answer

    def _raise_for(self, answer: requests.Response) -> None:
        if answer.ok:
            return
        try:
            detail = answer.json().get("detail", answer.text)
        except ValueError:
            detail = answer.text
        raise StatloomError(
            f"Airflow answered {answer.status_code} to {answer.request.method} {answer.request.path_url}: "
            f"{detail}"
        )


def _event(entry: dict | str) -> str:
    if isinstance(entry, str):
        return entry
    error = "".join(
        f"\n{part.get('exc_type')}: {part.get('exc_value')}" for part in entry.get("error_detail") or []
    )
    return f"{entry.get('timestamp') or ''} {entry.get('event', '')}{error}".strip()
