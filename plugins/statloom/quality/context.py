"""Great Expectations, quiet and offline: the one place where it is imported and set up."""

import logging
import os

# Read when the package is imported: no anonymous statistics leave the machine.
os.environ["GX_ANALYTICS_ENABLED"] = "False"

import great_expectations as gx
from great_expectations.data_context.types.base import ProgressBarsConfig
from sqlalchemy import Engine

logging.getLogger("great_expectations").setLevel(logging.WARNING)


# A delivery is judged just after it was loaded, before PostgreSQL has counted its rows. Nested loops are what
# it would then choose and regret; every check reads whole tables anyway.
SESSION = "-c enable_nestloop=off -c jit=off -c application_name=statloom-gate"


def datasource(engine: Engine):
    """Return a datasource of a new ephemeral context on the database of ``engine``.

    Nothing is written to disk. The datasource has a connection pool of its own; ``close`` it after use.
    """
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    return context.data_sources.add_postgres(
        "warehouse",
        connection_string=engine.url.render_as_string(hide_password=False),
        create_temp_table=False,
        kwargs={"pool_size": 1, "max_overflow": 0, "connect_args": {"options": SESSION}},
    )
