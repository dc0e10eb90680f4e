"""The engines that run a tabulation: DuckDB in this process, or Apache Spark on a cluster.

Both render the same trees; a session of either has the same four methods.
"""

import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa
import sqlglot
from sqlglot import exp

from statloom.microdata.tabulation.errors import TabulationError
from statloom.microdata.tabulation.queries import CELLS, UNITS
from statloom.microdata.tabulation.source import Source


class Session(Protocol):
    """An engine at work."""

    def open(self, source: Source, record: str) -> dict[str, str]:
        """Make the units of ``record`` the table ``units``; return its columns with the engine's types."""

    def make_cells(self, query: exp.Expression) -> None:
        """Keep the result of ``query`` as the table ``cells``."""

    def take_cells(self, cells: pa.Table) -> None:
        """Make ``cells`` the table of that name."""

    def table(self, query: exp.Expression) -> pa.Table:
        """Return the result of ``query``."""


class Engine(Protocol):
    """What runs a tabulation."""

    def session(self) -> Any:
        """Return a context manager that gives a `Session`."""


@dataclass(frozen=True)
class DuckDB:
    """DuckDB in this process. ``memory``: its limit, beyond which it writes to ``spill`` (a folder; default:
    the system's temporary one); ``threads``: default, the cores that this process may use.
    """

    memory: str = "640MB"
    threads: int | None = None
    spill: str | None = None

    @contextmanager
    def session(self) -> Iterator["_DuckDBSession"]:
        """Open a database in memory that installs and loads nothing from outside."""
        import duckdb

        threads = self.threads or len(os.sched_getaffinity(0))
        with tempfile.TemporaryDirectory(prefix="statloom-tabulation-", dir=self.spill) as folder:
            try:
                connection = duckdb.connect(
                    config={
                        "memory_limit": self.memory,
                        "threads": threads,
                        "temp_directory": folder,
                        "preserve_insertion_order": False,
                        "autoinstall_known_extensions": False,
                        "autoload_known_extensions": False,
                    }
                )
            except duckdb.Error as error:
                raise TabulationError(f"DuckDB cannot start: {_first_line(error)}") from None
            try:
                connection.execute("SET enable_progress_bar = false")
                yield _DuckDBSession(connection)
            except duckdb.OutOfMemoryException as error:
                raise TabulationError(
                    f"{self.memory} of memory are too few ({_first_line(error)}): give more"
                ) from None
            except duckdb.Error as error:
                raise TabulationError(f"the data cannot be tabulated: {_first_line(error)}") from None
            finally:
                connection.close()


class _DuckDBSession:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def open(self, source: Source, record: str) -> dict[str, str]:
        for table, files in source.files.items():
            self._reachable(files)
            self._connection.read_parquet(files).create_view(table, replace=True)
        select = source.select(record)
        # Of tables that were made just now and columns that were checked.
        self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {UNITS} AS {select}")
        described = self._connection.execute(f"DESCRIBE {UNITS}").fetchall()
        return {name: kind.lower() for name, kind, *_ in described}

    def _reachable(self, files: list[str]) -> None:
        for protocol in {file.partition("://")[0] for file in files if "://" in file}:
            if not self._connection.filesystem_is_registered(protocol):
                import fsspec

                self._connection.register_filesystem(fsspec.filesystem(protocol))

    def make_cells(self, query: exp.Expression) -> None:
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {CELLS} AS {query.sql('duckdb')}")

    def take_cells(self, cells: pa.Table) -> None:
        self._connection.register(CELLS, cells)

    def table(self, query: exp.Expression) -> pa.Table:
        return self._connection.sql(query.sql("duckdb")).to_arrow_table()


@dataclass(frozen=True)
class Spark:
    """Apache Spark through PySpark. ``master``: as Spark names it, e.g. ``spark://host:7077``; None under
    ``spark-submit``, which knows it. ``config``: settings of the session.

    A session that is running in this process is used as it is, and goes on. The files must lie where all
    workers find them under the same path. PySpark is an extra: ``scripts/bootstrap spark`` adds it.
    """

    master: str | None = None
    config: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def session(self) -> Iterator["_SparkSession"]:
        """Use the running session, or open one on the cluster for as long as this lasts."""
        try:
            from pyspark.errors import PySparkException
            from pyspark.sql import SparkSession
        except ImportError:
            raise TabulationError(
                "PySpark is not installed: 'scripts/bootstrap spark' adds it (docs/tabulation.md)"
            ) from None
        running = SparkSession.getActiveSession()
        spark = running or self._opened(SparkSession)
        session = _SparkSession(spark)
        try:
            yield session
        except PySparkException as error:
            raise TabulationError(f"the data cannot be tabulated: {_first_line(error)}") from None
        finally:
            session.clear()
            if running is None:
                spark.stop()

    def _opened(self, sessions: Any) -> Any:
        self._refuse_unreachable()
        builder = sessions.builder.appName("statloom tabulation")
        if self.master:
            builder = builder.master(self.master)
        for key, value in (_SPARK | dict(self.config)).items():
            builder = builder.config(key, value)
        try:
            spark = builder.getOrCreate()
            # Its warnings are of no use to who asks for a table; what fails is raised.
            spark.sparkContext.setLogLevel("ERROR")
            if "spark.sql.shuffle.partitions" not in self.config:
                # Spark's 200 are meant for far larger results than a table of cells.
                partitions = max(4, 2 * spark.sparkContext.defaultParallelism)
                spark.conf.set("spark.sql.shuffle.partitions", str(partitions))
        except Exception as error:
            raise TabulationError(f"Spark at {self.master} cannot be used: {_first_line(error)}") from None
        return spark

    def _refuse_unreachable(self) -> None:
        """Say at once that no standalone master answers: Spark itself tries for a minute, and says less."""
        if not (self.master or "").startswith("spark://"):
            return
        reason = ""
        for address in self.master.removeprefix("spark://").split(","):
            host, _, port = address.rpartition(":")
            try:
                with socket.create_connection((host, int(port)), timeout=10):
                    return
            except (OSError, ValueError) as error:
                reason = _first_line(error)
        raise TabulationError(f"Spark at {self.master} cannot be reached: {reason}")


_SPARK = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.ui.showConsoleProgress": "false",
}


class _SparkSession:
    def __init__(self, spark: Any) -> None:
        self._spark, self._views, self._cached = spark, set(), None

    def open(self, source: Source, record: str) -> dict[str, str]:
        for table, files in source.files.items():
            self._view(self._spark.read.parquet(*files), table)
        (select,) = sqlglot.transpile(source.select(record), read="duckdb", write="spark")
        units = self._spark.sql(select)
        self._view(units, UNITS)
        return {name: kind.lower() for name, kind in units.dtypes}

    def make_cells(self, query: exp.Expression) -> None:
        self._forget()
        self._cached = self._spark.sql(query.sql("spark")).cache()
        self._view(self._cached, CELLS)

    def take_cells(self, cells: pa.Table) -> None:
        self._forget()
        self._cached = self._spark.createDataFrame(cells).cache()
        self._view(self._cached, CELLS)

    def table(self, query: exp.Expression) -> pa.Table:
        return self._spark.sql(query.sql("spark")).toArrow()

    def clear(self) -> None:
        self._forget()
        for name in self._views:
            self._spark.catalog.dropTempView(name)
        self._views.clear()

    def _view(self, frame: Any, name: str) -> None:
        frame.createOrReplaceTempView(name)
        self._views.add(name)

    def _forget(self) -> None:
        if self._cached is not None:
            self._cached.unpersist()
            self._cached = None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
