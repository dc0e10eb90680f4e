"""From published marts to open datasets: disclosure control, the release's gate, writing.

Runs when the marts have a new publication.
"""

from airflow.sdk import DAG, task

import assets
import failures

with DAG(
    dag_id="release",
    description="Protect, judge and write the open datasets",
    schedule=[assets.MARTS],
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["release"],
    doc_md=__doc__,
    **failures.TOLD,
):

    @task
    def prepare(run_id: str | None = None) -> None:
        from statloom.pipeline import release

        release.prepare(run_id=run_id)

    @task
    def gate(run_id: str | None = None) -> None:
        from statloom.pipeline import release

        release.gate(run_id=run_id)

    @task
    def write(run_id: str | None = None) -> int:
        from statloom.pipeline import release

        return release.write(run_id=run_id)

    @task(outlets=[assets.RELEASE_SETTLED])
    def settled() -> None:
        """Say that the release has been looked at, whatever came of it."""

    prepare() >> gate() >> write() >> settled().as_teardown()
