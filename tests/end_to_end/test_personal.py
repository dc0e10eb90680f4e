"""After a whole run, no personal identifier of the demo's microdata is found anywhere in the state folder."""

import gzip
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from statloom import contracts
from statloom.landing.read.units import Units

pytestmark = [pytest.mark.end_to_end, pytest.mark.airflow, pytest.mark.timeout(900)]

# Shorter values may stand somewhere by chance.
_SHORTEST, _MOST = 10, 3000


def needles(project: Path, work: Path) -> list[str]:
    """Return personal identifiers of all microdata, as the deliveries have them."""
    found = []
    for contract in contracts.load_all(project / "dags" / "sources").values():
        if not contract.microdata:
            continue
        personal = [
            n for n, c in contract.columns.items() if c.role == "personal_identifier" and c.type == "text"
        ]
        seen = {
            n: replace(c, role="key", pseudonymise=False) if n in personal else c
            for n, c in contract.columns.items()
        }
        folder = work / contract.source
        folder.mkdir()
        paths = [project / url for url in (contract.connector.url, *contract.connector.beside)]
        path = paths[0]
        if len(paths) > 1:
            for each in paths:
                (folder / each.name).symlink_to(each)
            (folder / "manifest.json").write_text(json.dumps({"parts": [each.name for each in paths]}))
            path = folder
        values = {name: set() for name in personal}
        for batches in Units(replace(contract, columns=seen), path, path.name, folder):
            for batch in batches:
                for name in set(personal) & set(batch.table.column_names):
                    values[name].update(batch.table[name].to_pylist())
        for name in personal:
            long = sorted(v for v in values[name] if v and len(v) >= _SHORTEST)
            assert long, f"{contract.source}: {name} has no value to search for"
            found += long[:: max(1, len(long) // _MOST)]
    return found


def with_needles(paths: list[Path], patterns: Path, content: bytes | None = None) -> list[str]:
    """Return the files at or below ``paths`` (or ``content``) in which a pattern stands."""
    command = ["grep", "-r", "-l", "-a", "-F", "-f", str(patterns), *(["-"] if content else map(str, paths))]
    answer = subprocess.run(command, input=content, capture_output=True, env={"LC_ALL": "C"}, check=False)
    assert answer.returncode in (0, 1), answer.stderr
    return answer.stdout.decode().splitlines()


def test_personal_identifiers_are_found_nowhere(first_run, installation, tmp_path):
    wanted = needles(installation.project, tmp_path)
    assert len(wanted) > 1000
    patterns = tmp_path / "needles"
    patterns.write_text("\n".join(wanted) + "\n")
    # Database files, logs, report, archive, exports: everything as it lies there.
    assert with_needles([installation.home], patterns) == []
    known = set(wanted)
    for path in installation.home.rglob("*.parquet"):
        for name, kind, *_ in duckdb.execute(f"describe select * from '{path}'").fetchall():
            if kind == "VARCHAR":
                values = duckdb.execute(f"select distinct \"{name}\" from '{path}'").fetchall()
                assert not known & {value for (value,) in values}, (path, name)
    for path in installation.home.rglob("*.gz"):
        assert with_needles([], patterns, gzip.decompress(path.read_bytes())) == [], path
    # The search finds what is there.
    planted = tmp_path / "planted.log"
    planted.write_bytes(b"\x00read " + wanted[7].encode() + b"\xff")
    assert with_needles([planted], patterns) == [str(planted)]
