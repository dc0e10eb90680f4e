"""The small country in a real Airflow whose processes are killed while they work on the warehouse: the next
run completes without help. And in the same Airflow, runs that wait for each other, and a broken delivery.

Run by test_kills.py in a process of its own.
"""

import os
import re
import subprocess
import sys

import pytest

from statloom import processes
from statloom.services import airflow, airflow_environment
from statloom.settings import PROJECT
from tests.under_fire import installation, invariants, workers

pytestmark = [pytest.mark.airflow, pytest.mark.database]


@pytest.fixture(scope="module")
def here():
    """The small country with one publication, and an Airflow that takes a silent worker for dead soon."""
    patch = pytest.MonkeyPatch()
    for name in [name for name in os.environ if name.startswith("STATLOOM_")]:
        patch.delenv(name)
    patch.setenv("STATLOOM_BY_THE_CLOCK", "no")
    soon = {
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "1",
        # Its DAG files do not change.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
    }
    for name, value in soon.items():
        patch.setitem(airflow_environment._FIXED, name, value)
    made = installation.make()
    try:
        assert installation.run(made).error is None
        with made.current():
            airflow.ensure_running(made.settings)
            airflow.client(made.settings).wait_for_dags(
                ["ingest__people", "warehouse", "release"], timeout=120
            )
        yield made
    finally:
        with made.current():
            airflow.stop(made.settings)
        installation.remove(made)
        patch.undo()


def test_the_next_run_completes_after_a_worker_and_a_task_were_killed(here):
    here.deliver(2)
    with here.current():
        assert installation.run(here, only=("prepare", "fetch", "load", "raw gate")).error is None

        # The worker, in the middle of dbt.
        with workers.held(here, "harmonised.figure"):
            run = workers.trigger(here, "warehouse")
            workers.kill(here, "worker", workers.stopped(here))
        assert workers.result(here, "warehouse", run) == "failed"
        assert invariants.at_rest(here, 1, 2) == []

        # The task, in the middle of a publication.
        with workers.held(here, "published.observation"):
            run = workers.trigger(here, "warehouse")
            workers.kill(here, "task", workers.stopped(here))
        assert workers.result(here, "warehouse", run) == "failed"
        assert invariants.at_rest(here, 1, 2) == []

        # The task that writes the release; the warehouse's run completes.
        client = airflow.client(here.settings)
        with workers.held(here, "release.cell"):
            run = workers.trigger(here, "warehouse")
            workers.kill(here, "task", workers.stopped(here))
        assert workers.result(here, "warehouse", run) == "success"
        assert processes.wait_until(
            lambda: [r["state"] for r in client.runs(["release"])] == ["failed"], seconds=60, pause=0.3
        )
        assert invariants.at_rest(here, 1, 2) == []
        assert workers.result(here, "release", workers.trigger(here, "release")) == "success"
        assert processes.wait_until(
            lambda: all(r["state"] in workers.ENDED for r in client.runs()), seconds=60, pause=0.3
        )
    assert invariants.completed(here, 1, 2) == []


def command(here, *words):
    """Start the ``statloom`` command on the small country."""
    environment = os.environ | {
        "STATLOOM_HOME": str(here.settings.home),
        "STATLOOM_PROJECT": str(here.project),
        "PYTHONPATH": str(PROJECT / "plugins"),
    }
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "statloom.cli", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def said(process, words):
    """Read what ``process`` says until a line with ``words`` comes."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return line
    pytest.fail(f"it said: {''.join(lines)}")


def test_statloom_run_waits_for_a_run_of_airflows_and_another_for_it(here):
    here.deliver(3)
    assert installation.run(here, only=("prepare", "fetch", "load", "raw gate")).error is None
    with here.current():
        with workers.held(here, "harmonised.figure"):
            run = workers.trigger(here, "warehouse")
            workers.stopped(here)
            first = command(here, "run")
            assert f"another warehouse run is at work ({run}, since" in said(first, "waits for it")
            second = command(here, "run")
            said(second, "another run of this installation is at work; waiting for it")
            for process in (first, second):
                process.kill()
                process.communicate()
        assert workers.result(here, "warehouse", run) == "success"


def at_rest(here):
    """Wait until the newest publication is released and Airflow has nothing to do; return what there is."""
    client = airflow.client(here.settings)
    found = "select max(publication_id), max(release_id) from release.release where status = 'released'"
    assert processes.wait_until(
        lambda: (
            here.query(found)[0][0] == here.query("select publication_id from publication.pointer")[0][0]
            and all(run["state"] in workers.ENDED for run in client.runs())
        ),
        seconds=120,
        pause=0.5,
    )
    return (*here.query(found)[0], _figures(here, "NP_POP"))


def statloom_run(here):
    """Run the whole pipeline by the command; return exit code and output."""
    run = command(here, "run")
    said, _ = run.communicate(timeout=300)
    return run.returncode, said


def test_a_run_with_nothing_new_publishes_and_releases_nothing(here):
    before = at_rest(here)
    code, said = statloom_run(here)
    assert code == 0, said
    assert "nothing new" in said
    assert at_rest(here) == before


def test_a_broken_delivery_holds_back_its_source_alone(here):
    published, release, held_back = at_rest(here)
    here.deliver(4)
    people = here.project / "people.csv"
    lines = people.read_text().splitlines(keepends=True)
    people.write_text("".join([lines[0], lines[1].rpartition(",")[0] + ",n.a.\n", *lines[2:]]))

    code, said = statloom_run(here)
    assert code == 1, said
    assert "people.csv, row 2, column total: 'n.a.'" in said
    assert "FAILED: ingest__people\n" in said
    assert re.search(rf"publication +{published + 1}\b", said), said
    assert {value // 1000 for _, value in _figures(here, "NP_HH")} == {4}
    assert at_rest(here) == (published + 1, release + 1, held_back)


def _figures(here, series):
    found = f"select observation_key, value::int from marts.observation where series_code = '{series}'"
    return here.query(f"{found} order by 1", "analyst")
