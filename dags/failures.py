"""What every DAG does when it fails: people are told, once a run.

The task that failed tells, since it knows why. When it could not (it was killed), Airflow itself calls for
the DAG.
"""

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from statloom.services import notify


def connection(connection_id: str) -> str:
    """Return the URI of an Airflow connection (environment, user interface or secrets backend); empty when
    there is none.
    """
    try:
        return Connection.get(connection_id).get_uri()
    except AirflowNotFoundException:
        return ""


def tell(context) -> None:
    """Tell of the failed task or run that ``context`` is about; print what came of it to the task's log."""
    from statloom.pipeline import failures

    ti, run = context.get("ti"), context.get("dag_run")
    outcomes = failures.tell(
        context["dag"].dag_id,
        context["run_id"],
        task=ti.task_id if ti is not None else None,
        error=context.get("exception"),
        attempt=getattr(run, "clear_number", 0) or 0,
        link=ti.log_url if ti is not None else None,
    )
    if outcomes:
        print("people told of the failure: " + ", ".join(f"{k}: {v}" for k, v in outcomes.items()))


# The mail server may be a connection of Airflow's.
notify.lookup = connection

TOLD = {"on_failure_callback": tell, "default_args": {"on_failure_callback": tell}}
