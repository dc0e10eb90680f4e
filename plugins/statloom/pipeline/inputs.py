"""What the marts are built from, as one fingerprint: accepted deliveries, place decisions and code."""

import hashlib
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from sqlalchemy import Engine, text

from statloom import settings

# What changes the marts when it changes; tests, docs and demo do not.
_CODE = (
    ("dbt_project", (".sql", ".csv", ".yml")),
    ("dags/sources", (".yml",)),
    ("expectations/marts", (".yml",)),
    ("plugins/statloom", (".py", ".sql")),
)

_STATE = (
    "select source_id, sha256 from landing.current_delivery order by 1",
    "select source_id, contract_sha256 from landing.source order by 1",
    """
    select source_id, md5(string_agg(md5(place_reference::text), '' order by md5(place_reference::text)))
    from places.place_reference
    group by 1 order by 1
    """,
)


def code_version() -> str:
    """Return the git commit of the project, with ``+changes`` when files differ from it.

    Without git (an installed package), the hash of the code's own files.
    """
    project = settings.load().project
    try:
        commit = _git(project, "rev-parse", "--short=12", "HEAD")
        changed = _git(project, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return f"files {_code_hash(project)[:12]}"
    return f"{commit}+changes" if changed else commit


def fingerprint(engine: Engine) -> str:
    """Return a sha256 over each source's current delivery, the places of their references, and the code."""
    total = hashlib.sha256(_code_hash(settings.load().project).encode())
    with engine.connect() as connection:
        for query in _STATE:
            for row in connection.execute(text(query)):
                total.update("|".join(map(str, row)).encode())
    return total.hexdigest()


@cache
def _code_hash(project: Path) -> str:
    total = hashlib.sha256()
    for path in _code_files(project):
        total.update(str(path.relative_to(project)).encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def _code_files(project: Path) -> Iterable[Path]:
    for folder, endings in _CODE:
        found = (path for path in (project / folder).rglob("*") if path.suffix in endings)
        yield from sorted(path for path in found if path.is_file() and "target" not in path.parts)


def _git(project: Path, *words: str) -> str:
    run = subprocess.run(["git", *words], cwd=project, capture_output=True, text=True, check=True, timeout=20)
    return run.stdout.strip()
