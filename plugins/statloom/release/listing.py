"""The list of all releases that are or were public, beside them: ``releases.json`` and ``index.html``.

It says what stands, what is withdrawn and why; the releases themselves never change.
"""

import json
from pathlib import Path

from sqlalchemy import Connection

from statloom.exports import release_list
from statloom.publication.sql import run
from statloom.release.about import texts


def write(connection: Connection, open_data: Path) -> None:
    """Write the list into ``open_data``, where it says something new; each file is replaced at one stroke."""
    rows = run(
        connection,
        "select release_id as release, publication_id as publication, status, "
        "(released_at at time zone 'UTC')::text || 'Z' as released_at, datasets, cells, cells_suppressed, "
        "manifest_sha256, (withdrawn_at at time zone 'UTC')::text || 'Z' as withdrawn_at, withdrawn_reason "
        "from release.visible order by release_id desc",
    ).mappings()
    releases = [dict(row) for row in rows]
    for release in releases:
        release["cells"] = int(release["cells"] or 0)
        release["cells_suppressed"] = int(release["cells_suppressed"] or 0)
    in_force = next((r["release"] for r in releases if r["status"] == "released"), None)
    said = {"title": texts()["title"], "latest": in_force, "releases": releases}
    _replace(open_data / "releases.json", json.dumps(said, indent=2, ensure_ascii=False) + "\n")
    for language, name in (("en", "index.html"), ("ne", "index.ne.html")):
        _replace(open_data / name, release_list.page(texts(), releases, in_force, language))


def _replace(path: Path, content: str) -> None:
    if path.exists() and path.read_text(encoding="utf-8") == content:
        return
    new = path.with_name(f".{path.name}.new")
    new.write_text(content, encoding="utf-8")
    new.replace(path)
