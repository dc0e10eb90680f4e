"""The ingest DAG of microdata with a tabulation, where a connection to a Spark cluster is named."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
import yaml

from statloom import settings
from tests.microdata.tabulation.test_figures import CONTRACT

DAGS = """
import json, sys
from pathlib import Path
import ingest
found = {}
for name in sys.argv[1:]:
    dag = ingest.ingest_dag(Path(name).stem, Path(name))
    load = dag.get_task("load")
    found[dag.dag_id] = {
        "operator": type(load).__name__,
        "arguments": [str(word) for word in getattr(load, "application_args", [])],
        "application": getattr(load, "application", None),
        "connection": getattr(load, "_conn_id", None),
        "after": {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks},
    }
print("RESULT" + json.dumps(found))
"""


def dags(tmp_path, **environment):
    counted = CONTRACT | {"source": "counted"}
    plain = {
        key: value for key, value in CONTRACT.items() if key not in ("tabulation", "records", "series")
    } | {
        "source": "plain",
        "connector": {"type": "file", "url": "plain.csv"},
        "key": ["code"],
        "columns": {
            "code": {"role": "place_code"},
            "total": {"type": "integer", "role": "measure"},
        },
        "place": {"scheme": "NP-CENSUS-2011", "date": "2011-06-22", "level": "district"},
    }
    files = []
    for data in (counted, plain):
        files.append(tmp_path / f"{data['source']}.yml")
        files[-1].write_text(yaml.safe_dump(data, sort_keys=False))
    done = subprocess.run(
        [sys.executable, "-c", DAGS, *files],
        env=os.environ
        | {
            "AIRFLOW_HOME": str(tmp_path),
            "PYTHONPATH": os.pathsep.join(
                [str(settings.PROJECT / "plugins"), str(settings.PROJECT / "dags"), *filter(None, sys.path)]
            ),
        }
        | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "RESULT" in done.stdout, done.stderr[-3000:]
    return json.loads(done.stdout.split("RESULT", 1)[1].splitlines()[0])


@pytest.mark.skipif(
    find_spec("pyspark") is None, reason="Airflow's provider for Spark is missing: scripts/bootstrap spark"
)
def test_the_cluster_loads_what_is_tabulated_and_nothing_else(tmp_path):
    found = dags(tmp_path, STATLOOM_SPARK_CONNECTION="office")
    counted = found["ingest__counted"]
    assert counted["operator"] == "SparkSubmitOperator"
    assert counted["connection"] == "office"
    assert counted["application"].endswith("spark_job.py")
    assert counted["arguments"] == ["load", "counted", "{{ ti.xcom_pull(task_ids='fetch') }}"]
    assert counted["after"] == {
        "fetch": [],
        "load": ["fetch"],
        "gate": ["fetch", "load"],
        "settled": ["gate"],
    }
    assert found["ingest__plain"]["operator"] != "SparkSubmitOperator"


def test_without_a_connection_nothing_is_submitted(tmp_path):
    found = dags(tmp_path, STATLOOM_SPARK_CONNECTION="")
    assert {dag["operator"] for dag in found.values()} == {"_PythonDecoratedOperator"}
    assert found["ingest__counted"]["after"]["gate"] == ["load"]
