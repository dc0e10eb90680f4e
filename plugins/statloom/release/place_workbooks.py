"""Workbooks of places that a release does not carry, made from it when somebody wants them."""

from pathlib import Path

from sqlalchemy import Engine

from statloom import settings
from statloom.errors import StatloomError
from statloom.exports import workbooks
from statloom.exports.figures import Figures
from statloom.exports.model import File, Table
from statloom.release import portals, tables, writer
from statloom.release.columns import prepare_schema


def write(engine: Engine, into: Path, chosen: str = "all") -> list[Path]:
    """Write the workbooks of the newest release's goals, and of its places of the levels ``chosen`` (names
    separated by commas, or ``all``), into ``into``; return their paths.

    Figures come from the release's files. Raises StatloomError when nothing is released, when the warehouse
    has something newer prepared, or for a level that no place has.
    """
    with engine.begin() as connection:
        prepare_schema(connection)
        publication_id, inputs, sources, said = writer._prepared(connection, None)
        newest = writer._newest(connection)
        if newest is None:
            raise StatloomError("nothing is released yet; `statloom run` makes a release")
        if newest.inputs_sha256 != inputs:
            raise StatloomError(
                f"release {newest.release_id} is older than what is prepared; finish the release first"
            )
        about = writer._about(connection, newest.release_id, publication_id, said)
        datasets = tables._datasets(connection, about, sources)
    folder = settings.load().open_data / str(newest.release_id)
    made = [_table(code, dataset) for code, dataset in datasets.items()]
    figures = Figures(folder, made)
    into.mkdir(parents=True, exist_ok=True)
    return workbooks.write(into, about, figures, portals.workbook_levels(figures, chosen))


def _table(code: str, dataset) -> Table:
    title = dataset.title + (" (synthetic)" if dataset.synthetic else "")
    file = File(f"data/{code}.parquet", "", 0, "")
    return Table(
        code,
        title,
        dataset.description,
        (),
        (),
        file,
        dataset=dataset,
        parquet=file,
        title_ne=dataset.title_ne,
    )
