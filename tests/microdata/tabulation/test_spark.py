"""The same cells from DuckDB and from Apache Spark: a real cluster, a master and two workers on loopback."""

import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from statloom.microdata.tabulation import (
    Spark,
    TabulationError,
    cells,
    load_request,
    roll_up,
    spark_job,
    tabulate,
)
from statloom.microdata.tabulation.cluster import local_cluster, missing
from statloom.processes import alive, command_line
from tests.microdata.tabulation.persons import REQUEST, made

pytestmark = [pytest.mark.skipif(missing() is not None, reason=str(missing())), pytest.mark.timeout(900)]

SMALL = {
    "spark.executor.memory": "512m",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
}

# What two engines could well understand differently.
EXACTING = """
    ratio: {expression: age / (age % 7), population: women}
    fifths: age // 5
    quoted: sex || '''\\' = 'F''\\'
    not_f: not (sex = 'F')
    not_listed: age not in (1, 2, 3)
    beginning: sex like 'F%'
    smallest: least(age, 20, income)
    rounded: floor(income / 7) + ceil(income / 7)
    nothing: nullif(age, age)
    first: substring(ward, 1, 1) = '1'
"""


@pytest.fixture(scope="module")
def master():
    before = processes_of_spark()
    with local_cluster(workers=2) as address:
        yield address
    from pyspark import SparkContext

    # The driver's Java process would stay as long as this one does.
    if SparkContext._gateway is not None:
        SparkContext._gateway.shutdown()
        SparkContext._gateway.proc.stdin.close()
        SparkContext._gateway.proc.wait(60)
        SparkContext._gateway = SparkContext._jvm = None
    until = time.monotonic() + 60
    while processes_of_spark() - before and time.monotonic() < until:
        time.sleep(0.2)
    assert not processes_of_spark() - before


def processes_of_spark():
    return {
        file.parent.name
        for file in Path("/proc").glob("[0-9]*/cmdline")
        if alive(int(file.parent.name)) and "org.apache.spark" in command_line(int(file.parent.name))
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spark")
    frame = made(3000)
    (folder / "persons").mkdir()
    for number in range(3):
        frame[number::3].to_parquet(folder / "persons" / f"{number}.parquet")
    (folder / "counts.yml").write_text(REQUEST.replace("  breakdowns:", EXACTING[1:] + "  breakdowns:"))
    (folder / "weighted.yml").write_text(REQUEST + "  weight: weight\n")
    frame.assign(weight=-1.0).to_parquet(folder / "unweighted.parquet")
    return folder


def test_every_cell_is_the_same_on_a_cluster_of_two_workers(master, folder):
    data = folder / "persons"
    with Spark(master, SMALL).session() as session:
        executors = session._spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size()
        (counts,) = load_request(folder / "counts.yml")
        seen = tabulate(data, counts, engine=Spark())
        (weighted,) = load_request(folder / "weighted.yml")
        with pytest.raises(TabulationError, match="3,000 units have a weight that is missing, zero"):
            tabulate(folder / "unweighted.parquet", weighted, engine=Spark())
        # A part from either engine may stand beside one from the other.
        one, other = folder / "persons" / "0.parquet", [folder / "persons" / f"{n}.parquet" for n in (1, 2)]
        parts = [cells(one, weighted, engine=Spark()), cells(other, weighted)]
    # The driver has a place of its own in the list.
    assert executors == 3
    here = tabulate(data, counts)
    assert len(here) > 500
    assert seen.cast(here.schema).equals(here)
    # All weighted cells from the cluster: the test below.
    here = tabulate(data, weighted)
    assert roll_up([parts[0].cast(parts[1].schema), parts[1]], weighted).equals(here)


SUBMIT = """
import os, sys
from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
SparkSubmitHook(
    conn_id="office",
    conf={**%r, "spark.cores.max": "1"},
    spark_binary=sys.argv[1],
    env_vars={"PYSPARK_PYTHON": sys.executable, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    application_args=sys.argv[3:],
).submit(sys.argv[2])
"""


def test_airflows_provider_submits_the_same_tabulation_to_the_cluster(master, folder, tmp_path):
    pytest.importorskip("airflow.providers.apache.spark", reason="Airflow's provider for Spark is missing")
    submit = Path(find_spec("pyspark").origin).parent / "bin" / "spark-submit"
    out = folder / "submitted.parquet"
    job = ["tabulate", folder / "weighted.yml", folder / "persons", "--out", out]
    done = subprocess.run(
        [sys.executable, "-c", SUBMIT % SMALL, submit, spark_job.__file__, *job],
        env=os.environ
        | {
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW_CONN_OFFICE": master,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "SPARK_LOCAL_IP": "127.0.0.1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (plan,) = load_request(folder / "weighted.yml")
    here = tabulate(folder / "persons", plan)
    assert parquet.read_table(out).cast(here.schema).equals(here)


def test_a_cluster_that_is_not_there_is_said(folder):
    (plan,) = load_request(folder / "counts.yml")
    with pytest.raises(TabulationError, match=r"Spark at spark://127\.0\.0\.1:1 cannot be reached"):
        tabulate(folder / "persons", plan, engine=Spark("spark://127.0.0.1:1", SMALL))
