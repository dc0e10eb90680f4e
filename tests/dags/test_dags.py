"""The DAGs, as Airflow itself loads them."""

import json
import os
import subprocess
import sys

import pytest

from statloom import contracts, settings

_LOAD = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(dag_folder=sys.argv[1])
print("RESULT" + json.dumps({
    "errors": bag.import_errors,
    "dags": {
        dag_id: {
            "tasks": {
                task.task_id: {"after": sorted(task.upstream_task_ids), "teardown": task.is_teardown}
                for task in dag.tasks
            },
            "told": len(dag.on_failure_callback or []) if isinstance(dag.on_failure_callback, list)
            else bool(dag.on_failure_callback),
            "tasks_told": [bool(task.on_failure_callback) for task in dag.tasks],
            "paused": dag.is_paused_upon_creation,
            "schedule": type(dag.timetable).__name__,
            "outlets": sorted(asset.uri for task in dag.tasks for asset in task.outlets),
        }
        for dag_id, dag in bag.dags.items()
    },
}))
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """What Airflow finds in the DAG folder, in a process and an Airflow home of its own."""
    home = tmp_path_factory.mktemp("airflow")
    environment = os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(settings.PROJECT / "plugins"),
        "PYTHONPATH": f"{settings.PROJECT / 'plugins'}:{settings.PROJECT / 'dags'}",
    }
    run = subprocess.run(
        [sys.executable, "-c", _LOAD, str(settings.PROJECT / "dags")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "RESULT" in run.stdout, run.stderr[-3000:]
    return json.loads(run.stdout.split("RESULT", 1)[1].splitlines()[0])


def test_no_dag_fails_to_load(loaded):
    assert loaded["errors"] == {}


def test_one_ingest_dag_for_each_contract_and_those_of_the_pipeline(loaded):
    expected = {f"ingest__{source}" for source in contracts.load_all()}
    assert set(loaded["dags"]) == expected | {
        "warehouse",
        "release",
        "quality_report",
        "backup",
        "release_calendar",
        "restore_drill",
    }


def test_people_are_told_of_every_dag_that_fails(loaded):
    for dag_id, dag in loaded["dags"].items():
        assert dag["told"], dag_id
        assert all(dag["tasks_told"]), dag_id


def test_an_ingest_dag_settles_even_when_its_gate_fails(loaded):
    for source in contracts.load_all():
        dag = loaded["dags"][f"ingest__{source}"]
        assert dag["tasks"]["settled"] == {"after": ["gate"], "teardown": True}
        assert dag["tasks"]["gate"]["after"] == ["load"]
        assert dag["tasks"]["load"]["after"] == ["fetch"]
        assert dag["outlets"] == [f"statloom://raw/{source}"]


def test_nothing_is_published_past_its_gate(loaded):
    warehouse = loaded["dags"]["warehouse"]["tasks"]
    assert "gate" in warehouse["publish"]["after"]
    assert warehouse["gate"]["after"] == ["marts"]
    release = loaded["dags"]["release"]["tasks"]
    assert release["write"]["after"] == ["gate"]


def test_no_dag_waits_for_a_person_to_unpause_it(loaded):
    assert not any(dag["paused"] for dag in loaded["dags"].values())
