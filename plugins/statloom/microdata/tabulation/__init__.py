"""Tabulation of unit records: counts and sums over places and breakdowns, on one machine or on a cluster.

    from statloom.microdata.tabulation import DuckDB, Spark, load_request, tabulate

    (plan,) = load_request("tabulation.yml")
    table = tabulate("persons.parquet", plan)
    same = tabulate("/shared/persons", plan, engine=Spark("spark://master:7077"))

``docs/tabulation.md`` has the form of a request, the allowed expressions, and how a cluster is used.
"""

from statloom.contracts.tabulation import Plan
from statloom.microdata.tabulation.cells import cells, combine, long, roll_up, tabulate
from statloom.microdata.tabulation.engines import DuckDB, Spark
from statloom.microdata.tabulation.errors import TabulationError
from statloom.microdata.tabulation.figures import figures
from statloom.microdata.tabulation.request import load_request
from statloom.microdata.tabulation.source import Source

__all__ = [
    "DuckDB",
    "Plan",
    "Source",
    "Spark",
    "TabulationError",
    "cells",
    "combine",
    "figures",
    "load_request",
    "long",
    "roll_up",
    "tabulate",
]
