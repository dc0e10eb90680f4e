"""The task `load` of microdata on an office's Spark cluster, submitted by Airflow's provider for Spark.

``STATLOOM_SPARK_CONNECTION`` names the Airflow connection of the cluster. Without it tabulations run in the
task's own process.
"""

import os
import sys
from pathlib import Path

CONNECTION = "STATLOOM_SPARK_CONNECTION"


def wanted(contract) -> bool:
    """Say whether the deliveries of ``contract`` are tabulated on the cluster."""
    return bool(os.environ.get(CONNECTION)) and contract.tabulation is not None


def load(source: str, delivery_id: str):
    """Return the operator that loads a delivery of ``source``; ``delivery_id``: a template that gives it.

    The driver is a process of this machine: it reads the delivery, writes the vault and the raw table. The
    cluster reads the vault, which must lie where its workers find it.
    """
    from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator

    from statloom.microdata.tabulation import spark_job

    return SparkSubmitOperator(
        task_id="load",
        conn_id=os.environ[CONNECTION],
        application=spark_job.__file__,
        application_args=["load", source, delivery_id],
        name=f"statloom {source}",
        # That of the environment in which Airflow runs: PySpark's own, of the version that is installed.
        spark_binary=str(Path(sys.executable).with_name("spark-submit")),
        env_vars={"PYSPARK_PYTHON": sys.executable, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
