"""The dbt project, run in this process in a few stages.

dbt writes nothing into the repository: its artefacts, logs and the parsed project are in ``dbt/`` of the
state folder.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import URL, text
from sqlalchemy.exc import SQLAlchemyError

from statloom import settings as settings_module
from statloom.errors import StatloomError
from statloom.settings import Settings
from statloom.warehouse import connection

STAGES = {
    "reference": "path:seeds",
    "staging": "path:models/staging",
    "harmonised": "path:models/harmonised",
    "marts": "path:models/marts path:models/quality path:tests",
}
"""Stage → selection of dbt nodes, in the order in which they run."""

# Unit tests prove the models, not the data: they belong to the project's own tests.
_NOT_IN_A_BUILD = ("--exclude-resource-types", "unit_test")
_SEEDS_LOADED = "seeds sha256 "
_SHOWN = 100


def run_stage(stage: str, *, settings: Settings | None = None) -> None:
    """Build one stage of the project, with its tests.

    ``stage`` is a key of `STAGES`. The seeds are loaded only when a file of theirs has changed since they
    were loaded into this warehouse. Raises StatloomError with the messages of what failed.
    """
    here = settings or settings_module.load()
    if stage not in STAGES:
        raise StatloomError(f"no stage {stage!r}: {', '.join(STAGES)}")
    if stage != "reference":
        run_dbt(STAGES[stage], settings=here)
        return
    loaded = _SEEDS_LOADED + _seeds_sha256(here)
    with contextlib.closing(_Marker()) as marker:
        if marker.read() != loaded:
            # Anew, not emptied and filled: a seed may have gained or lost a column.
            run_dbt(STAGES[stage], settings=here, anew=True)
            marker.write(loaded)


def run_dbt(
    selection: str, *, command: str = "build", settings: Settings | None = None, anew: bool = False
) -> None:
    """Run a dbt ``command`` (build, run, seed or test) on ``selection``, dbt's own syntax.

    ``anew``: seeds are dropped and made again, instead of emptied and filled.
    A test runs when all that it needs is selected (``--indirect-selection cautious``). Raises StatloomError
    that names each failing model or test, with its message, its rows, and the `message` of the first of them.
    """
    here = settings or settings_module.load()
    state = here.home / "dbt"
    state.mkdir(parents=True, exist_ok=True)
    arguments = [
        command,
        "--select",
        *selection.split(),
        "--indirect-selection",
        "cautious",
        *(_NOT_IN_A_BUILD if command == "build" else ()),
        *(("--full-refresh",) if anew else ()),
        "--project-dir",
        str(here.dbt_project),
        "--profiles-dir",
        str(here.dbt_project),
        "--target-path",
        str(state / "target"),
        "--log-path",
        str(state / "logs"),
        "--log-level",
        "none",
        "--log-level-file",
        "info",
        "--no-use-colors",
        "--no-write-json",
        "--no-version-check",
    ]
    from dbt.cli.main import dbtRunner

    with environment():
        outcome = dbtRunner().invoke(arguments)
    if outcome.success:
        return
    if outcome.result is None or outcome.exception is not None:
        raise StatloomError(f"dbt {command} did not run: {outcome.exception}")
    raise StatloomError(_failures(command, outcome.result))


def _failures(command: str, results) -> str:
    failed = [r for r in results if str(r.status) in ("error", "fail", "runtime error")]
    lines = []
    for result in failed:
        node = result.node
        where = getattr(node, "original_file_path", "")
        message = " ".join(str(result.message or "").split())
        rows = f" ({result.failures:,} rows)" if result.failures else ""
        lines.append(f"  {node.resource_type} {node.name} in {where}{rows}: {message}")
        lines += [f"    {found}" for found in _found(node)]
    skipped = sum(str(r.status) == "skipped" for r in results)
    head = f"dbt {command}: {len(failed)} of {len(results)} failed"
    return "\n".join([head + (f", {skipped} not run because of that" if skipped else ""), *lines])


def _found(node) -> list[str]:
    """Return what a failed test says of its first rows: their column ``message``, where it has one."""
    query = (getattr(node, "compiled_code", None) or "").rstrip().rstrip(";")
    if node.resource_type != "test" or " as message" not in query:
        return []
    engine = connection.engine()
    try:
        with engine.connect() as session:
            return list(session.scalars(text(f"select message from (\n{query}\n) found limit {_SHOWN:d}")))  # noqa: S608
    except SQLAlchemyError as error:
        return [f"its rows cannot be shown: {str(error).splitlines()[0]}"]
    finally:
        engine.dispose()


@contextlib.contextmanager
def environment() -> Iterator[None]:
    """Give dbt the connection of the engineer role, for the time of the call."""
    values = {
        **{f"STATLOOM_DBT_{name}": value for name, value in _address(connection.url("engineer")).items()},
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _address(url: URL) -> dict[str, str]:
    return {
        "HOST": url.host or str(url.query.get("host", "localhost")),
        "PORT": str(url.port or 5432),
        "USER": url.username or "",
        "PASSWORD": url.password or "",
        "DBNAME": url.database or "",
    }


class _Marker:
    """Which seeds the warehouse has, as the comment on schema ``reference``."""

    def __init__(self) -> None:
        self._engine = connection.engine()

    def read(self) -> str | None:
        with self._engine.connect() as session:
            return session.scalar(
                text("select obj_description(to_regnamespace('reference')::oid, 'pg_namespace')")
            )

    def write(self, value: str) -> None:
        with self._engine.begin() as session:
            session.exec_driver_sql(f"comment on schema reference is {_literal(value)}")

    def close(self) -> None:
        self._engine.dispose()


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _seeds_sha256(settings: Settings) -> str:
    total = hashlib.sha256()
    folder = settings.dbt_project
    files = [folder / "dbt_project.yml", *sorted((folder / "seeds").rglob("*"))]
    for path in files:
        if Path(path).suffix in (".csv", ".yml"):
            total.update(json.dumps([str(path.relative_to(folder)), len(path.read_bytes())]).encode())
            total.update(path.read_bytes())
    return total.hexdigest()
