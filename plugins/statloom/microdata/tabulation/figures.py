"""Cells of a delivery in the vault, as the rows of its raw table."""

import os

import numpy as np
import pyarrow as pa

from statloom.contracts.model import TOTAL, Contract, subject
from statloom.contracts.tabulation import plans
from statloom.errors import DeliveryError
from statloom.microdata.tabulation.cells import long, tabulate
from statloom.microdata.tabulation.engines import DuckDB, Engine, Spark
from statloom.microdata.tabulation.errors import TabulationError
from statloom.microdata.tabulation.source import of_vault

ENGINE, MASTER = "STATLOOM_TABULATION_ENGINE", "STATLOOM_SPARK_MASTER"


def figures(contract: Contract, stored, *, engine: Engine | None = None) -> pa.Table:
    """Return the cells of ``contract``'s tabulation from ``stored`` (`statloom.microdata.vault.Stored`).

    Columns: those of ``contract.raw`` that cells have (a breakdown that a record does not have is ``_T``),
    and ``_row_number`` from 1, by record, measure, place and categories. ``engine``: default `DuckDB`, or
    `Spark` on the master that ``STATLOOM_SPARK_MASTER`` names. Raises DeliveryError when the data do not
    allow it.
    """
    made = plans(contract)
    source = of_vault(contract, stored, made)
    try:
        tables = [
            _tidy(contract, long(tabulate(source, plan, engine=engine or default_engine()), plan))
            for plan in made
        ]
    except TabulationError as error:
        raise DeliveryError(f"nothing can be tabulated: {error}", source=contract.source) from None
    whole = pa.concat_tables(tables)
    return whole.append_column("_row_number", pa.array(np.arange(1, len(whole) + 1)))


def default_engine() -> Engine:
    """Return the engine that the environment names: DuckDB, unless ``STATLOOM_SPARK_MASTER`` names a master,
    or ``STATLOOM_TABULATION_ENGINE`` is ``spark`` (under ``spark-submit``, which knows the master).
    """
    master = os.environ.get(MASTER)
    return Spark(master) if master or os.environ.get(ENGINE) == "spark" else DuckDB()


def _tidy(contract: Contract, table: pa.Table) -> pa.Table:
    columns = {}
    for name, column in contract.raw.items():
        if name == subject(contract):
            columns[name] = table["measure"]
        elif name in table.column_names:
            columns[name] = table[name]
        elif column.role == "dimension":
            columns[name] = pa.array([TOTAL] * len(table), pa.string())
    return pa.table(columns)
