"""What the marts are built from, part by part, and as one fingerprint.

The parts are kept with each build, so that a publication can say which of them changed:
deliveries, what their gates hold back, contracts, resolved places, place decisions, the registry of places,
the crosswalk, metadata (reference seeds) and code.
"""

import csv
import hashlib
import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from statloom import settings

# What changes the marts when it changes; tests, docs and demo do not. Seeds and contracts are parts apart.
_CODE = (
    ("dbt_project", (".sql", ".yml")),
    ("expectations/marts", (".yml",)),
    ("plugins/statloom", (".py", ".sql")),
)
_SEEDS = "dbt_project/seeds"

_STATE = {
    "delivery": (
        "select source_id, sha256, jsonb_build_object('delivery_id', delivery_id, 'file', file_name)"
        " from landing.current_delivery"
    ),
    "contract": "select source_id, contract_sha256, '{}'::jsonb from landing.source",
    "place_reference": """
        select source_id, md5(string_agg(md5(place_reference::text), '' order by md5(place_reference::text))),
            '{}'::jsonb
        from places.place_reference
        group by source_id
    """,
    # What the raw gates hold back. What the gate of the marts does is no input of a build, but its outcome.
    "held_back": """
        select source_id, md5(string_agg(said, chr(10) order by said)), coalesce(
            jsonb_agg(delivery) filter (where delivery is not null) -> 0, '{}'::jsonb
        )
        from (
            select source_id, null::jsonb as delivery,
                concat_ws('|', extent, delivery_id, series_code, period, expectation) as said
            from quality.held_back where lifted_at is null and gate = 'raw'
            union all
            select source_id,
                jsonb_build_object('delivery_id', delivery_id, 'file', file_name, 'status', status),
                concat_ws('|', delivery_id, status, reason)
            from landing.refused_delivery
        ) held
        group by source_id
    """,
}


@dataclass(frozen=True)
class Part:
    """One input: its kind, its name within the kind, a digest of it, and what else is worth knowing."""

    kind: str
    name: str
    digest: str
    detail: dict = field(default_factory=dict)


def code_version() -> str:
    """Return the git commit of the project, with ``+changes`` when files differ from it.

    Without git (an installed package), the hash of the code's own files.
    """
    project = settings.load().project
    try:
        commit = _git(project, "rev-parse", "--short=12", "HEAD")
        changed = _git(project, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return f"files {_sha256(part.digest for part in _code(project))[:12]}"
    return f"{commit}+changes" if changed else commit


def parts(engine: Engine) -> list[Part]:
    """Return all inputs of the marts as they are now, by kind and name."""
    project = settings.load().project
    found = [*_code(project), *_seeds(project / _SEEDS)]
    with engine.connect() as connection:
        for kind, query in _STATE.items():
            found += [Part(kind, *row) for row in connection.execute(text(query))]
    return sorted(found, key=lambda part: (part.kind, part.name))


def fingerprint(engine: Engine, of: list[Part] | None = None) -> str:
    """Return a sha256 over ``of`` (default: all inputs as they are now)."""
    return _sha256(f"{part.kind}|{part.name}|{part.digest}" for part in of or parts(engine))


def remember(connection: Connection, inputs: str, of: list[Part]) -> None:
    """Keep the parts of fingerprint ``inputs`` until the build that began with them is complete."""
    connection.execute(text("delete from publication.input"))
    connection.execute(
        text(
            "insert into publication.input (inputs, kind, name, digest, detail)"
            " values (:inputs, :kind, :name, :digest, cast(:detail as jsonb))"
        ),
        [
            {
                "inputs": inputs,
                "kind": part.kind,
                "name": part.name,
                "digest": part.digest,
                "detail": json.dumps(
                    ({"version": code_version()} if part.kind == "code" else {}) | part.detail
                ),
            }
            for part in of
        ],
    )


def keep(connection: Connection, build_id: int, inputs: str) -> None:
    """Keep the parts of ``inputs`` as those of build ``build_id``.

    Deliveries, and the parts of them that are held back, are those that dbt in fact read: one may have been
    accepted after the fingerprint was taken.
    """
    connection.execute(
        text(
            "insert into publication.build_input (build_id, kind, name, digest, detail)"
            " select :build, kind, name, digest, detail from publication.input where inputs = :inputs"
        ),
        {"build": build_id, "inputs": inputs},
    )
    if connection.scalar(text("select to_regclass('harmonised.row_outcome')")) is not None:
        connection.execute(
            text(
                "insert into publication.build_input (build_id, kind, name, digest, detail)"
                " select distinct on (d.source_id) :build, 'delivery', d.source_id, d.sha256,"
                " jsonb_build_object('delivery_id', d.delivery_id, 'file', d.file_name)"
                " from harmonised.row_outcome o join landing.delivery d using (delivery_id)"
                " on conflict (build_id, kind, name) do update"
                " set digest = excluded.digest, detail = excluded.detail"
            ),
            {"build": build_id},
        )
    if connection.scalar(text("select to_regclass('harmonised.held_back_part')")) is not None:
        connection.execute(
            text(
                "insert into publication.build_input (build_id, kind, name, digest, detail)"
                " select :build, 'held_back', source_id, md5(jsonb_agg(part order by part)::text),"
                " jsonb_build_object('parts', jsonb_agg(part order by part))"
                " from (select source_id, jsonb_build_object('series', series_code, 'period', period,"
                "  'status', gate_status, 'reason', gate_reason) as part from harmonised.held_back_part) held"
                " group by source_id"
                " on conflict (build_id, kind, name) do update set digest = excluded.digest,"
                " detail = publication.build_input.detail || excluded.detail"
            ),
            {"build": build_id},
        )


@cache
def _code(project: Path) -> tuple[Part, ...]:
    found = []
    for folder, endings in _CODE:
        total = hashlib.sha256()
        for path in _files(project / folder, endings):
            if (project / _SEEDS) not in path.parents:
                total.update(str(path.relative_to(project)).encode())
                total.update(path.read_bytes())
        found.append(Part("code", folder, total.hexdigest()))
    return tuple(found)


def _seeds(folder: Path) -> list[Part]:
    found = []
    for path in _files(folder, (".csv", ".yml")):
        name = str(path.relative_to(folder))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if path.name == "place_decision.csv":
            by_source = _rows_by(path, "source_id")
            found += [Part("place_decision", source, rows) for source, rows in by_source.items()]
        elif path.name.startswith("crosswalk"):
            found.append(Part("crosswalk", name, digest))
        elif path.parent.name == "places":
            found.append(Part("place_registry", name, digest))
        else:
            rows = _rows_by(path, "series_code") if path.suffix == ".csv" else {}
            found.append(Part("metadata", name, digest, {"rows": rows} if rows else {}))
    return found


def _rows_by(path: Path, column: str) -> dict[str, str]:
    """A short digest of the rows of a seed for each value of ``column``; empty without that column."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        header = next(lines, [])
        if column not in header:
            return {}
        at, rows = header.index(column), {}
        for line in lines:
            rows.setdefault(line[at] if at < len(line) else "", []).append("\x1f".join(line))
    head = "\x1f".join(header)
    return {value: _sha256([head, *of])[:16] for value, of in rows.items()}


def _files(folder: Path, endings: tuple[str, ...]) -> Iterable[Path]:
    found = (path for path in folder.rglob("*") if path.suffix in endings)
    yield from sorted(path for path in found if path.is_file() and "target" not in path.parts)


def _sha256(texts: Iterable[str]) -> str:
    total = hashlib.sha256()
    for one in texts:
        total.update(one.encode())
        total.update(b"\x1e")
    return total.hexdigest()


def _git(project: Path, *words: str) -> str:
    run = subprocess.run(["git", *words], cwd=project, capture_output=True, text=True, check=True, timeout=20)
    return run.stdout.strip()
