"""The quality report: runs after the warehouse and after the release, also when they fail."""

from airflow.sdk import DAG, AssetAny, task

import assets
import failures

with DAG(
    dag_id="quality_report",
    description="Write the quality report",
    schedule=AssetAny(assets.WAREHOUSE_SETTLED, assets.RELEASE_SETTLED),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["quality"],
    doc_md=__doc__,
    **failures.TOLD,
):

    @task
    def report() -> str:
        from statloom.pipeline import report

        return str(report.write())

    report()
