"""Every week: the newest backup is brought back on a scratch server and compared with the original."""

from airflow.sdk import DAG, task

import failures
import schedules

with DAG(
    dag_id="restore_drill",
    description="Bring the newest backup back on a scratch server, compare every mart and delivery",
    schedule=schedules.clock("0 2 * * 0"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["safety"],
    doc_md=__doc__,
    **failures.TOLD,
):

    @task
    def rehearse() -> None:
        from statloom.pipeline import backup

        backup.rehearse()

    rehearse()
