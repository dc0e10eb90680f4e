"""Where the units of a tabulation lie: the vault, or Parquet files."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlglot import exp

from statloom.contracts.model import Contract
from statloom.microdata.tabulation.errors import TabulationError


@dataclass(frozen=True)
class Source:
    """Parquet files and the select that gives the units from them.

    ``files``: table name → its Parquet files or folders, as any engine can open them; ``selects``: record →
    SQL of DuckDB over these tables, None for all columns of the one table.
    """

    files: dict[str, list[str]]
    selects: dict[str, str] = field(default_factory=dict)

    def select(self, record: str) -> str:
        """Return the SQL of DuckDB that gives the units of ``record`` from the tables of `files`."""
        if record in self.selects:
            return self.selects[record]
        (table,) = self.files
        return exp.select("*").from_(exp.to_identifier(table, quoted=True)).sql("duckdb")


def of_files(data: str | Path | Sequence[str | Path]) -> Source:
    """Return the source of one Parquet file, a folder of them, or several of either; one row a unit.

    Raises TabulationError for a path that is not there.
    """
    given = [data] if isinstance(data, str | Path) else list(data)
    files: list[str] = []
    for each in given:
        path = Path(each)
        if "://" in str(each):
            files.append(str(each))
        elif path.is_dir():
            inside = sorted(str(file) for file in path.glob("*.parquet"))
            if not inside:
                raise TabulationError(f"{path}: a folder without Parquet files")
            files += inside
        elif path.is_file():
            files.append(str(path.resolve()))
        else:
            raise TabulationError(f"{path}: no such file")
    if not files:
        raise TabulationError("no files to tabulate")
    return Source({"statloom_unit": files})


def of_vault(contract: Contract, stored, plans) -> Source:
    """Return the source of a delivery in the vault (`statloom.microdata.vault.Stored`) for ``plans``."""
    tables = {record: f"statloom_{record}" for record in contract.records}
    return Source(
        {tables[record]: [stored.path(record)] for record in contract.records},
        {
            plan.record: stored.select(plan.record, list(plan.columns) or ["_row_number"], tables=tables)
            for plan in plans
        },
    )
