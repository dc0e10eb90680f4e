"""From accepted deliveries to published marts: dbt in four stages, the marts' gate, publication.

Runs once every source has been looked at, and every night for sources that keep others waiting. Ends early
when nothing has changed since the last build.
"""

from airflow.sdk import DAG, AssetAll, AssetOrTimeSchedule, task
from airflow.sdk.exceptions import AirflowSkipException

import assets
import failures
import schedules
from statloom import contracts

_ALL_SETTLED = AssetAll(*(assets.raw(source) for source in contracts.contract_files()))
_NIGHTLY = schedules.clock("30 3 * * *")

with DAG(
    dag_id="warehouse",
    description="Harmonise, build the marts, judge them, publish them",
    schedule=AssetOrTimeSchedule(timetable=_NIGHTLY, assets=_ALL_SETTLED) if _NIGHTLY else _ALL_SETTLED,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["warehouse"],
    doc_md=__doc__,
    **failures.TOLD,
):

    @task.short_circuit(ignore_downstream_trigger_rules=False)
    def changes(run_id: str | None = None) -> str | None:
        from statloom.pipeline import warehouse

        return warehouse.changed_inputs(run_id=run_id)

    @task
    def transform(stage: str, run_id: str | None = None) -> None:
        from statloom.pipeline import warehouse

        warehouse.transform(stage, run_id=run_id)

    @task
    def gate(run_id: str | None = None) -> None:
        from statloom.pipeline import warehouse

        warehouse.gate(run_id=run_id)

    @task(outlets=[assets.MARTS])
    def publish(inputs: str, run_id: str | None = None) -> int:
        from statloom.pipeline import warehouse

        publication_id = warehouse.publish(inputs, run_id=run_id)
        if publication_id is None:
            raise AirflowSkipException("no row of any mart has changed: no new publication")
        return publication_id

    @task(outlets=[assets.WAREHOUSE_SETTLED])
    def settled(run_id: str | None = None) -> None:
        """Say that the warehouse has been looked at, whatever came of it."""
        from statloom.pipeline import warehouse

        warehouse.settle(run_id=run_id)

    inputs = changes()
    before = inputs
    for stage in ("reference", "staging", "harmonised", "marts"):
        built = transform.override(task_id=stage)(stage)
        before >> built
        before = built
    judged = gate()
    before >> judged
    publication = publish(inputs)
    judged >> publication >> settled().as_teardown()
