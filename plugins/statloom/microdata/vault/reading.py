"""Reading the records of one delivery from the vault."""

import itertools
from collections.abc import Iterable, Mapping

import duckdb
import pyarrow as pa
import pyarrow.parquet as parquet

from statloom import settings
from statloom.contracts.conditions import quoted
from statloom.contracts.model import Contract, Record
from statloom.errors import StatloomError
from statloom.microdata.vault import location
from statloom.microdata.vault.location import Location

CONTRACT = b"statloom.contract"


def stored(contract: Contract, sha256: str) -> "Stored":
    """Return the records of the delivery ``sha256``. Raises StatloomError when the vault has none of them,
    or has them as another contract had them written."""
    found = Stored(contract, location.of_delivery(contract.source, sha256))
    found.check()
    return found


class Stored:
    """The records of one delivery as Parquet. ``contract``: what declares them."""

    def __init__(self, contract: Contract, folder: Location) -> None:
        self.contract, self._folder = contract, folder

    @property
    def records(self) -> Mapping[str, Record]:
        """The types of record, by name, as the contract has them."""
        return self.contract.records

    @property
    def local(self) -> bool:
        """Say whether the files lie in a folder of this machine."""
        return self._folder.local

    def path(self, record: str) -> str:
        """Return the address of the record's Parquet file."""
        return self._folder.file(f"{record}.parquet")

    def rows(self, record: str) -> int:
        """Return the number of rows of ``record``."""
        return self._metadata(record).num_rows

    def columns(self, record: str) -> dict[str, str]:
        """Return column → contract type of ``record`` and of the records above it."""
        return {name: column.vault_type for name, column in self.contract.visible(record).items()}

    def _metadata(self, record: str) -> parquet.FileMetaData:
        try:
            with self._folder.open(f"{record}.parquet") as file:
                return parquet.read_metadata(file)
        except FileNotFoundError:
            raise StatloomError(
                f"{self.contract.source}: the vault has no {record} of this delivery: load it again"
            ) from None

    def check(self) -> None:
        """Raise StatloomError unless the vault has every record with the contract's columns."""
        for name in self.records:
            found = self._metadata(name).schema.to_arrow_schema()
            missing = [
                column
                for column, declared in self.contract.own(name).items()
                if declared.in_vault and column not in found.names
            ]
            if missing:
                raise StatloomError(
                    f"{self.contract.source}: {name} in the vault has no column {missing[0]!r}: it was"
                    " written under another contract; load the delivery again"
                )

    def select(
        self, record: str, columns: Iterable[str] | None = None, tables: Mapping[str, str] | None = None
    ) -> str:
        """Return a SELECT of ``columns`` (default: all) of the rows of ``record``.

        A record above it is joined, by its number, where one of its columns is asked for: rows without a
        parent, which the profile has counted, are not there then. ``tables``: record
        → table expression in place of ``read_parquet('…')``. Besides columns of the contract, numbers such as
        ``_household`` and ``_row_number`` may be asked for. Raises StatloomError for an unknown column.
        """
        lineage = self.contract.lineage(record)
        home = {
            name: each
            for each in reversed(lineage)
            for name, column in self.contract.own(each).items()
            if column.in_vault
        }
        special = [self.records[each].number for each in lineage[:2]] + ["_row_number"]
        home |= dict.fromkeys(special, record)
        wanted = list(columns) if columns is not None else [*self.columns(record), *special]
        for name in wanted:
            if name not in home:
                raise StatloomError(f"{self.contract.source}: rows of {record} have no column {name!r}")
        needed = {home[name] for name in wanted}
        deepest = max((i for i, each in enumerate(lineage) if each in needed), default=0)
        alias = {each: quoted(each) for each in lineage}
        listed = ", ".join(f"{alias[home[name]]}.{quoted(name)} as {quoted(name)}" for name in wanted)
        joined = "".join(
            f" join {self._table(above, tables)} as {alias[above]}"
            f" on {alias[below]}.{quoted(self.records[above].number)}"
            f" = {alias[above]}.{quoted(self.records[above].number)}"
            for below, above in itertools.pairwise(lineage[: deepest + 1])
        )
        return f"select {listed} from {self._table(record, tables)} as {alias[record]}{joined}"  # noqa: S608

    def _table(self, record: str, tables: Mapping[str, str] | None) -> str:
        if tables is not None:
            return tables[record]
        return "read_parquet('" + self.path(record).replace("'", "''") + "')"

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection with a view for every record: its columns, those of the records above,
        and numbers. Column names of the views are the contract's."""
        opened = duckdb.connect(
            config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
        )
        opened.execute("set enable_progress_bar = false")
        # What does not fit into memory is put aside where nobody else may look.
        working = location.private(settings.load().work)
        opened.execute("set temp_directory = '" + str(working).replace("'", "''") + "'")
        if not self._folder.local:
            opened.register_filesystem(self._folder.files)
        for record in self.records:
            opened.execute(f"create view {quoted(record)} as {self.select(record)}")
        return opened

    def table(self, record: str, columns: Iterable[str] | None = None) -> pa.Table:
        """Return ``columns`` (default: all) of ``record`` in the order of its rows, in memory."""
        with self.connect() as opened:
            listed = ", ".join(map(quoted, columns)) if columns is not None else "*"
            number = quoted(self.records[record].number)
            return opened.sql(f"select {listed} from {quoted(record)} order by {number}").to_arrow_table()  # noqa: S608
