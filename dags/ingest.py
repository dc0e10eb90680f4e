"""One `ingest` DAG a source, made from its contract: fetch, load, gate.

A DAG with nothing new to load ends after `fetch`. However it ends, `settled` tells the `warehouse` DAG that
this source has been looked at, so that one source's failure does not stop the others. A source whose contract
is not valid has a DAG that fails with what is wrong with it.
"""

from pathlib import Path

from airflow.sdk import DAG, get_parsing_context, task

import assets
import failures
import on_spark
import schedules
from statloom import contracts
from statloom.errors import ContractError


def ingest_dag(source: str, file: Path) -> DAG:
    """Return the DAG that takes in ``source``, as its contract in ``file`` declares it."""
    spark = False
    try:
        contract = contracts.load_file(file)
    except ContractError as error:
        about = {"description": f"The contract is not valid: {error}", "schedule": None, "tags": ["ingest"]}
    else:
        spark = on_spark.wanted(contract)
        about = {
            "description": contract.title["en"],
            "schedule": schedules.clock(contract.schedule),
            "tags": ["ingest", contract.kind, contract.custodian],
            "doc_md": f"**{contract.title['en']}**, by {contract.custodian}. Contract: `{contract.path}`.",
        }
    with DAG(
        dag_id=f"ingest__{source}",
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        **failures.TOLD,
        **about,
    ) as dag:

        @task.short_circuit(ignore_downstream_trigger_rules=False)
        def fetch(run_id: str | None = None) -> int | None:
            from statloom.pipeline import ingest

            return ingest.fetch(source, run_id=run_id, lookup=failures.connection)

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

        fetched = fetch()
        if spark:
            judged = gate(fetched)
            fetched >> on_spark.load(source, "{{ ti.xcom_pull(task_ids='fetch') }}") >> judged
        else:
            judged = gate(load(fetched))
        judged >> settled().as_teardown()
    return dag


# A task needs its own DAG alone.
_wanted = get_parsing_context().dag_id
for _source, _file in contracts.contract_files().items():
    if _wanted in (None, f"ingest__{_source}"):
        globals()[f"ingest__{_source}"] = ingest_dag(_source, _file)
