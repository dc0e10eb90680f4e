"""Reading survey data: a pandas DataFrame, a pyarrow Table or a Parquet file, through DuckDB, in row order.

Row order is kept in every pass, so sums are taken in the same order each time and the same data give the same
figures to the last bit.
"""

import itertools
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from statloom.microdata.survey.errors import SurveyError
from statloom.microdata.survey.expression import quote

ROWS_PER_BLOCK = 32_768
_NUMBERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|BIGNUM|DECIMAL\(.*\)")


class Source:
    """Survey data that can be read several times, always in the same order of rows.

    ``data``: a pandas DataFrame, a pyarrow Table, or the path of a Parquet file or of a folder of them.
    ``columns``: its column names. Raises SurveyError when it cannot be read or has no columns.
    """

    def __init__(self, data: Any) -> None:
        # By default DuckDB would put aside what it cannot hold where the process happens to stand.
        self._folder = tempfile.TemporaryDirectory(prefix="statloom-survey-", ignore_cleanup_errors=True)
        self._connection = duckdb.connect(
            config={
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "temp_directory": self._folder.name,
            }
        )
        self._connection.execute("SET enable_progress_bar = false")
        self._data = data
        if isinstance(data, str | Path):
            path = Path(data)
            self.name = path.name
            if not path.exists():
                raise SurveyError(f"{data}: no such file")
            files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
            if not files:
                raise SurveyError(f"{data}: a folder without Parquet files")
            try:
                self._connection.read_parquet([str(file) for file in files]).create_view("survey")
                # DuckDB renames columns that differ by case only; the file knows their names.
                self.columns = pq.read_schema(files[0]).names
            except (duckdb.Error, pa.ArrowInvalid, OSError) as error:
                raise SurveyError(f"{data}: cannot be read as Parquet: {_first_line(error)}") from None
        elif isinstance(data, pd.DataFrame):
            self.name = "data"
            self.columns = [str(column) for column in data.columns]
        elif isinstance(data, pa.Table):
            self.name = "data"
            self.columns = data.column_names
        else:
            raise SurveyError(
                "data: a pandas DataFrame, a pyarrow Table or a Parquet path is needed, "
                f"not {type(data).__name__}"
            )
        twice = [column for column in dict.fromkeys(self.columns) if self.columns.count(column) > 1]
        if twice:
            raise SurveyError(f"{self.name}: two columns are called {twice[0]!r}")

    def close(self) -> None:
        """Let go of the data."""
        self._connection.close()
        self._folder.cleanup()

    def need(self, names: Sequence[str], where: str) -> None:
        """Raise SurveyError unless the data have all columns ``names``; ``where`` says who asks for them."""
        for name in names:
            if name not in self.columns:
                raise SurveyError(f"{where}: the data have no column {name!r}")

    def open(self, names: Sequence[str]) -> None:
        """Make the columns ``names`` readable by `table` and `blocks`.

        Raises SurveyError when another column differs from one of them by case only: SQL cannot tell them
        apart.
        """
        for name in names:
            for other in self.columns:
                if other != name and other.lower() == name.lower():
                    raise SurveyError(f"{self.name}: columns {name!r} and {other!r} differ by case only")
        if isinstance(self._data, pd.DataFrame):
            frame = self._data.set_axis(self.columns, axis=1)[list(names)]
            arrays = []
            for name in names:
                try:
                    arrays.append(pa.Array.from_pandas(frame[name]))
                except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                    raise SurveyError(
                        f"data, column {name!r}: values of mixed types: {_first_line(error)}"
                    ) from None
            self._connection.register("survey", pa.table(arrays, names=list(names)))
        elif isinstance(self._data, pa.Table):
            self._connection.register("survey", self._data.select(list(names)))

    def table(self, names: Sequence[str]) -> pa.Table:
        """Return the columns ``names`` of all rows. Raises SurveyError when there are no rows."""
        if names:
            chosen = ", ".join(quote(name) for name in names)
            table = self._run(f"SELECT {chosen} FROM survey").to_arrow_table()  # noqa: S608
        else:
            count = self._run("SELECT count(*) FROM survey").fetchone()
            table = pa.table({"": pa.nulls(count[0] if count else 0)})
        if table.num_rows == 0:
            raise SurveyError(f"{self.name}: no rows")
        return table

    def types(self, expressions: Sequence[str]) -> list[str]:
        """Return what DuckDB takes each SQL expression for: ``number``, ``condition`` or its own type
        name.
        """
        chosen = ", ".join(f"{expression} AS c{place}" for place, expression in enumerate(expressions))
        kinds = []
        for _, kind, *_ in self._run(f"DESCRIBE SELECT {chosen} FROM survey").fetchall():  # noqa: S608
            number = _NUMBERS.fullmatch(kind)
            kinds.append("number" if number else "condition" if kind == "BOOLEAN" else kind)
        return kinds

    def blocks(
        self, expressions: Sequence[str], rows: int = ROWS_PER_BLOCK
    ) -> Iterator[tuple[int, int, list[np.ndarray], list[bool]]]:
        """Yield ``(first row, row after the last, values, without NULL)``: one float64 array for each
        expression, NaN for NULL.
        """
        chosen = ", ".join(f"{expression} AS c{place}" for place, expression in enumerate(expressions))
        start = 0
        pending: list[pa.RecordBatch] = []
        try:
            reader = self._run(f"SELECT {chosen} FROM survey").to_arrow_reader(rows)  # noqa: S608
            for batch in itertools.chain(reader, [None]):
                # Blocks are cut at the same rows whatever DuckDB hands over, so that sums never differ.
                if batch is not None:
                    pending.append(batch)
                while pending and (batch is None or sum(part.num_rows for part in pending) >= rows):
                    table = pa.Table.from_batches(pending).combine_chunks()
                    block = table.slice(0, rows)
                    pending = [] if table.num_rows <= rows else table.slice(rows).to_batches()
                    if not block.num_rows:
                        continue
                    stop = start + block.num_rows
                    known = [column.null_count == 0 for column in block.columns]
                    yield start, stop, [_floats(column) for column in block.columns], known
                    start = stop
        except (duckdb.Error, pa.ArrowInvalid, OSError) as error:
            raise SurveyError(f"{self.name}: {_first_line(error)}") from None

    def frame(self, sql: str) -> pd.DataFrame:
        """Return what a query over ``survey`` gives."""
        return self._run(sql).df()

    def values(self, expression: str) -> np.ndarray:
        """Return one expression for all rows, float64, NaN for NULL."""
        return np.concatenate([columns[0] for _, _, columns, _ in self.blocks([expression])])

    def check(self, expression: str, where: str) -> None:
        """Raise SurveyError beginning with ``where`` when ``expression`` cannot be computed for some row."""
        try:
            self._connection.execute(f"SELECT count({expression}) FROM survey").fetchone()  # noqa: S608
        except duckdb.Error as error:
            raise SurveyError(f"{where}: {_first_line(error)}") from None

    def _run(self, sql: str) -> duckdb.DuckDBPyRelation:
        try:
            return self._connection.sql(sql)
        except duckdb.Error as error:
            raise SurveyError(f"{self.name}: {_first_line(error)}") from None


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    chunk = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return chunk.to_numpy(zero_copy_only=False)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
