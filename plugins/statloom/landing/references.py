"""References of sources to places: each distinct one is resolved once, and again when the places change."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Engine, text

from statloom import settings
from statloom.contracts.model import Contract
from statloom.landing.database import stopped_database_named

KEY = ["place_scheme", "place_level", "place_code", "place_name", "place_parent"]
RESULT = ["place_id", "method", "score", "margin", "candidates"]


@dataclass(frozen=True)
class Places:
    """Resolved references of one source: ``frame`` (columns of ``places.place_reference`` but source_id),
    made with the registry of ``registry_sha256``. ``complete``: they replace all that the source had.
    """

    frame: pd.DataFrame
    registry_sha256: str
    complete: bool


def distinct(contract: Contract, table: pa.Table) -> pd.DataFrame:
    """Return the distinct references in ``table``: columns `KEY`, empty texts where the source says nothing.

    A level that the contract does not know is empty: it is resolved to nothing, and its rows are counted.
    """
    rows, place = table.num_rows, contract.place
    level = contract.first("place_level")
    columns = {"place_scheme": pa.array([place.scheme] * rows, pa.string())}
    if level:
        columns["place_level"] = _levels(contract, table.column(level))
    else:
        columns["place_level"] = pa.array([place.level or ""] * rows, pa.string())
    for role in ("place_code", "place_name", "place_parent"):
        name = contract.first(role)
        fixed = place.code if role == "place_code" and place.code else ""
        columns[role] = (
            pc.fill_null(table.column(name).cast(pa.string()), "")
            if name
            else pa.array([fixed] * rows, pa.string())
        )
    found = pa.table(columns).group_by(KEY, use_threads=False).aggregate([])
    return found.to_pandas().sort_values(KEY, ignore_index=True)


def _levels(contract: Contract, words: pa.ChunkedArray) -> pa.ChunkedArray:
    known = contract.raw[contract.first("place_level")].values
    words = pc.fill_null(words.cast(pa.string()), "")
    if not known:
        return words
    index = pc.index_in(words, pa.array(list(known)))
    return pc.fill_null(pa.array(list(known.values())).take(index.combine_chunks()), "")


def resolved(engine: Engine, contract: Contract, table: pa.Table) -> Places:
    """Return the places of the references in ``table`` that the warehouse does not know yet.

    When the places have changed since, all references of the source are resolved again. Nothing is written.
    """
    wanted = distinct(contract, table)
    with engine.connect() as connection:
        return _resolved(connection, contract, wanted)


def _resolved(connection: Connection, contract: Contract, wanted: pd.DataFrame) -> Places:
    sha256 = registry_sha256()
    known = pd.DataFrame(
        connection.execute(
            text(f"select {', '.join(KEY)} from places.place_reference where source_id = :s"),  # noqa: S608
            {"s": contract.source},
        ).all(),
        columns=KEY,
        dtype="object",
    )
    made_with = connection.scalar(
        text("select registry_sha256 from places.resolution where source_id = :s"), {"s": contract.source}
    )
    if made_with != sha256:
        everything = pd.concat([wanted, known], ignore_index=True).drop_duplicates(ignore_index=True)
        return Places(resolve(contract, everything), sha256, complete=True)
    merged = wanted.merge(known, on=KEY, how="left", indicator=True)
    new = merged.loc[merged["_merge"] == "left_only", KEY].reset_index(drop=True)
    return Places(resolve(contract, new), sha256, complete=False)


def resolve(contract: Contract, references: pd.DataFrame) -> pd.DataFrame:
    """Return ``references`` (columns `KEY`) with their places: `RESULT`. No database is involved."""
    if references.empty:
        return references.assign(**dict.fromkeys(RESULT))
    from statloom import places

    levelled = references["place_level"] != ""
    found = places.resolve(
        references[levelled],
        scheme=contract.place.scheme,
        level="place_level",
        date=contract.place.date or _first_day(contract),
        name="place_name" if references["place_name"].any() else None,
        code="place_code" if references["place_code"].any() else None,
        parent="place_parent" if references["place_parent"].any() else None,
        source=contract.source,
    )
    resolved = references.join(found[RESULT].astype("object"))
    return resolved.assign(method=resolved["method"].where(levelled, "unresolved"))


def _first_day(contract: Contract) -> str | None:
    from statloom.contracts import period

    if contract.period.value is None:
        return None
    given = contract.period
    return period.parse(given.value, given.type, given.fiscal_year_start).period_start.isoformat()


def registry_sha256() -> str:
    """Return a hash of the place seeds, and of the code that resolves."""
    here = settings.load()
    total = hashlib.sha256()
    folders = (here.dbt_project / "seeds" / "places", here.project / "plugins" / "statloom" / "places")
    for folder, pattern in zip(folders, ("*.csv", "**/*.py"), strict=True):
        for path in sorted(folder.glob(pattern)):
            total.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def write(connection: Connection, contract: Contract, places: Places) -> None:
    """Write resolved references within the connection's transaction."""
    if places.complete:
        connection.execute(
            text("delete from places.place_reference where source_id = :s"), {"s": contract.source}
        )
        connection.execute(
            text(
                "insert into places.resolution (source_id, registry_sha256) values (:s, :sha256)"
                " on conflict (source_id) do update set registry_sha256 = excluded.registry_sha256,"
                " resolved_at = now()"
            ),
            {"s": contract.source, "sha256": places.registry_sha256},
        )
    if places.frame.empty:
        return
    from statloom.landing.loading import copy

    frame = places.frame
    rows = pa.table(
        {
            "source_id": pa.array([contract.source] * len(frame), pa.string()),
            **{name: pa.array(frame[name].tolist(), pa.string()) for name in KEY},
            "place_id": pa.array([_missing(v) for v in frame["place_id"]], pa.string()),
            "method": pa.array(frame["method"].tolist(), pa.string()),
            "score": pa.array([_missing(v) for v in frame["score"]], pa.float64()),
            "margin": pa.array([_missing(v) for v in frame["margin"]], pa.float64()),
            "candidates": pa.array([_json(v) for v in frame["candidates"]], pa.string()),
        }
    )
    copy(connection, "places.place_reference", rows)


def _missing(value):
    return None if pd.isna(value) else value


def _json(value) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return "[]"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def resolve_places(engine: Engine, contracts: Iterable[Contract] | None = None) -> dict[str, int]:
    """Resolve all references again of the sources whose places were made with another registry.

    Returns source → number of references that were resolved. Costs nothing when the places have not changed.
    """
    from statloom.contracts.loading import load_all

    done = {}
    nothing = pd.DataFrame(columns=KEY, dtype="object")
    for contract in load_all().values() if contracts is None else contracts:
        with (
            stopped_database_named(f"the places of {contract.source} were being resolved"),
            engine.begin() as connection,
        ):
            known = connection.scalar(
                text("select registry_sha256 from places.resolution where source_id = :s"),
                {"s": contract.source},
            )
            if known in (None, registry_sha256()):
                continue
            places = _resolved(connection, contract, nothing)
            write(connection, contract, places)
            done[contract.source] = len(places.frame)
    return done
