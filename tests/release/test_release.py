"""Releases as they stand in the folder and before the portal role."""

import pytest

from statloom import release
from statloom.exports import checksums
from tests.publication.marts import query
from tests.release.country import publish_country

pytestmark = pytest.mark.database


def make(database, **options):
    publish_country(database.engine, **options)
    release.prepare(database.engine, run_id="test")
    return release.write(database.engine, run_id="test")


def test_release_is_whole_and_shown(database):
    made = make(database)
    assert (made.release_id, made.changed) == (1, True)
    files = sorted(p.relative_to(made.folder).as_posix() for p in made.folder.rglob("*") if p.is_file())
    assert files == [
        "README.md", "SHA256SUMS", "catalogue.json", "data/NP_POP.csv", "data/NP_POP.parquet", "data/NP_TOILET.csv",
        "data/NP_TOILET.parquet", "datapackage.json", "index.html", "places.csv", "series.csv",
    ]  # fmt: skip
    assert checksums.problems(made.folder) == []
    assert (made.folder.parent / "latest").resolve() == made.folder
    portal = database.engine_for("portal")
    assert query(portal, "select release_id, publication_id, datasets, cells from open_data.release") == [(1, 1, 2, 112)]
    assert query(portal, "select count(*), count(value) from open_data.observation") == [(112, 112)]
    assert query(portal, "select series_code, title from open_data.dataset order by 1") == [
        ("NP_POP", "Population"),
        ("NP_TOILET", "Households without a toilet"),
    ]


def test_frictionless(database):
    import subprocess, sys
    made = make(database)
    out = subprocess.run([sys.executable, "-m", "frictionless", "validate", "datapackage.json"], cwd=made.folder, capture_output=True, text=True)
    print(out.stdout[-5000:], out.stderr[-3000:])
    assert out.returncode == 0
