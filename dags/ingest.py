"""One `ingest` DAG a source, made from its contract: fetch, load, gate.

A DAG with nothing new to load ends after `fetch`. However it ends, `settled` tells the `warehouse` DAG that
this source has been looked at, so that one source's failure does not stop the others.
"""

from airflow.sdk import DAG, task

import assets
import schedules
from statloom import contracts


def ingest_dag(contract: contracts.Contract) -> DAG:
    """Return the DAG that takes in the source of ``contract``."""
    with DAG(
        dag_id=f"ingest__{contract.source}",
        description=contract.title["en"],
        schedule=schedules.clock(contract.schedule),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags=["ingest", contract.kind, contract.custodian],
        doc_md=f"**{contract.title['en']}**, by {contract.custodian}. Contract: `{contract.path}`.",
    ) as dag:
        source = contract.source

        @task.short_circuit(ignore_downstream_trigger_rules=False)
        def fetch(run_id: str | None = None) -> int | None:
            from statloom.pipeline import ingest

            return ingest.fetch(source, run_id=run_id)

        @task
        def load(delivery_id: int) -> int:
            from statloom.pipeline import ingest

            return ingest.load(source, delivery_id)

        @task
        def gate(delivery_id: int, run_id: str | None = None) -> None:
            from statloom.pipeline import ingest

            ingest.gate(source, delivery_id, run_id=run_id)

        @task(outlets=[assets.raw(source)])
        def settled() -> None:
            """Say that this source has been looked at, whatever came of it."""

        judged = gate(load(fetch()))
        judged >> settled().as_teardown()
    return dag


for _contract in contracts.load_all().values():
    _dag = ingest_dag(_contract)
    globals()[_dag.dag_id] = _dag
