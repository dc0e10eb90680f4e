"""Every night: a backup of the database, the deliveries and the secrets."""

from airflow.sdk import DAG, task

import failures
import schedules

with DAG(
    dag_id="backup",
    description="Back up the database, the deliveries and the secrets",
    schedule=schedules.clock("0 1 * * *"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["safety"],
    doc_md=__doc__,
    **failures.TOLD,
):

    @task
    def make() -> str:
        from statloom.pipeline import backup

        return backup.make()

    make()
