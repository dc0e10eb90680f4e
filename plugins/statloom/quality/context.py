"""Great Expectations, quiet and offline: the one place where it is set up."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

# Read when the package is imported: no anonymous statistics leave the machine.
os.environ["GX_ANALYTICS_ENABLED"] = "False"

import great_expectations as gx
import psycopg
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from sqlalchemy import Engine, StaticPool

logging.getLogger("great_expectations").setLevel(logging.WARNING)

# A delivery is judged just after it was loaded, before PostgreSQL has counted its rows. Nested loops are what
# it would then choose and regret; every check reads whole tables anyway.
SESSION = " ".join(
    f"-c {setting}"
    for setting in (
        "enable_nestloop=off",
        "jit=off",
        "work_mem=64MB",
        "temp_buffers=64MB",
        "application_name=statloom-gate",
    )
)


@contextmanager
def datasource(engine: Engine) -> Iterator:
    """Give a datasource of a new ephemeral context on the database of ``engine``, closed after the block.

    Nothing is written to disk. All that Great Expectations asks goes over one connection of its own, so that
    temporary tables made with ``datasource.get_execution_engine().engine`` are there for every check.
    Raises psycopg.OperationalError when that connection was lost in the block: Great Expectations keeps such
    an error to itself, and would have every expectation unmet.
    """
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, options=SESSION) as connection:
        config = DataContextConfig(
            # Without it a temporary folder for a documentation site is made each time.
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
        )
        context = gx.get_context(mode="ephemeral", project_config=config)
        yield context.data_sources.add_postgres(
            "warehouse",
            # The connection comes from the creator; this says only what kind it is.
            connection_string="postgresql+psycopg://gate@localhost/warehouse",
            create_temp_table=False,
            kwargs={"poolclass": StaticPool, "creator": lambda: connection},
        )
        if connection.closed:
            raise psycopg.OperationalError("the session was lost in which the data were judged")
