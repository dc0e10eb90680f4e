"""Twenty releases side by side: revised, with a boundary change, and tables that hang together."""

import csv
import json
import shutil

import pandas as pd
import pytest

pytest.importorskip("highspy")

from statloom import cli, release, settings
from statloom.errors import GateError
from statloom.release import audit
from statloom.release.protection import memory
from tests.publication.marts import query
from tests.release import chain

pytestmark = pytest.mark.database
RELEASES, BOUNDARY_CHANGE = 20, 11


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Leave out of these releases what no table is part of."""
    monkeypatch.setenv("STATLOOM_WORKBOOKS", ",")
    monkeypatch.setenv("STATLOOM_SDMX_ML_CELLS", "0")


def make(database, releases: int, seed: int = 1):
    """Release a country so often, each time a little revised, and divide a unit of it; yield the releases."""
    country = chain.Country(seed)
    chain.prepare_country(database.engine)
    for number in range(1, releases + 1):
        if number > 1:
            country.revise(cells=number % 3)
        if number == BOUNDARY_CHANGE:
            country.divide()
        chain.publish_country(database.engine, country)
        release.prepare(database.engine, run_id=f"run {number}")
        yield release.write(database.engine, run_id=f"run {number}")


def judged(database):
    """Judge all releases as they stand."""
    with database.engine.connect() as connection:
        return audit.standing(connection, settings.load().open_data)


def left_out(folder) -> set[tuple]:
    """Return the left-out rows of a release's files."""
    frames = [pd.read_csv(path, dtype=str) for path in sorted((folder / "data").glob("*.csv"))]
    rows = pd.concat(frames)
    out = rows[rows["obs_status"] == "Q"]
    return set(out[["series_code", "place_id", "sex", "age"]].itertuples(index=False, name=None))


def plant(folder, name: str, change) -> None:
    """Change the rows of one of a release's files."""
    path = folder / "data" / f"{name}.csv"
    path.chmod(0o644)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    change(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_nothing_is_recoverable_over_twenty_releases_and_what_is_planted_is_found(database, capsys):
    made = list(make(database, RELEASES))
    assert [one.release_id for one in made] == list(range(1, RELEASES + 1))
    patterns = [left_out(one.folder) for one in made]
    assert min(map(len, patterns)) > 20
    # Both editions of the places are there, and each release is another one.
    assert {place.split(":")[0] for _, place, *_ in patterns[0]} == {chain.OLD}
    assert {place.split(":")[0] for _, place, *_ in patterns[-1]} == {chain.NEW}
    verdict = judged(database)
    assert verdict.passed, verdict.message
    assert (verdict.releases, verdict.release_id) == (RELEASES, RELEASES)
    assert verdict.left_out > 500
    assert verdict.revised > 50
    recorded = query(
        database.engine,
        "select g.passed, g.run_id, count(*), bool_and(e.passed), "
        "count(*) filter (where e.severity = 'fail') "
        "from quality.gate_run g join quality.expectation_result e using (gate_run_id) "
        "where g.gate = 'release' and g.subject = 'release.files' "
        "group by gate_run_id, 1, 2 order by gate_run_id",
    )
    assert recorded == [(True, f"run {n}", 5, True, 4) for n in range(1, RELEASES + 1)]
    # A withdrawn release still lies there, and is read.
    release.withdraw(database.engine, 5, "a test")
    assert cli.main(["release", "audit", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["releases"] == RELEASES

    kept = made[-1].folder.with_name("kept")
    shutil.copytree(made[-1].folder, kept)

    # A left-out cell that is filled in, as if nobody had left it out.
    def filled(rows: list[dict]) -> None:
        row = next(row for row in rows if row["obs_status"] == "Q" and row["sex"] == "F")
        row.update(value="3", obs_status="A", comment="")

    plant(made[-1].folder, "NP_POP", filled)
    leaks = judged(database).leaks
    assert "shown" in set(leaks["verdict"])
    assert "20/data/NP_POP.csv" in set(leaks["file"])
    assert cli.main(["release", "audit"]) == 1
    assert "data/NP_POP.csv, row" in capsys.readouterr().out
    shutil.rmtree(made[-1].folder)
    shutil.copytree(kept, made[-1].folder)

    # One that is left out, and whose share's numerator stands beside it all the same.
    def half(rows: list[dict]) -> None:
        next(row for row in rows if row["obs_status"] == "Q")["numerator"] = "2"

    plant(made[-1].folder, "NP_LIT", half)
    assert "shown" in set(judged(database).leaks["verdict"])


def test_without_the_memory_of_earlier_releases_the_chain_is_stopped(database, monkeypatch):
    made = []
    named = r"stopped by the auditor: .*data/NP_\w+\.csv, row \d+: .*(exactly|between)"
    with monkeypatch.context() as forgetful, pytest.raises(GateError, match=named):
        forgetful.setattr(memory, "read", lambda connection, rows: rows.head(0))
        for one in make(database, RELEASES):
            made.append(one)
    stopped = made[-1].release_id + 1
    # Nothing of it appears, its number is free, and the report knows.
    open_data = settings.load().open_data
    assert sorted(int(p.name) for p in open_data.iterdir() if p.name.isdigit()) == list(range(1, stopped))
    assert not list(open_data.glob(".*"))
    assert query(database.engine, "select max(release_id) from release.release") == [(stopped - 1,)]
    failed = query(
        database.engine,
        "select g.passed, e.message, e.examples::text "
        "from quality.gate_run g join quality.expectation_result e "
        "using (gate_run_id) where g.subject = 'release.files' and not e.passed",
    )
    assert failed
    assert all("exactly" not in message and "between" not in message for _, message, _ in failed)
    # With it, the same figures go out under that number.
    release.prepare(database.engine, run_id="again")
    assert release.write(database.engine, run_id="again").release_id == stopped
