"""The auditor as the last gate of a release: what it stops, what it leaves behind, where it looks."""

from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("highspy")

from statloom import release, settings
from statloom.errors import GateError
from statloom.exports import parquet
from statloom.release import audit, audit_formats, marts
from statloom.release.protection import apply
from tests.publication.marts import query, run
from tests.release import chain

pytestmark = pytest.mark.database


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Leave out of these releases what no table is part of."""
    monkeypatch.setenv("STATLOOM_WORKBOOKS", ",")
    monkeypatch.setenv("STATLOOM_SDMX_ML_CELLS", "0")


@pytest.fixture
def country(database):
    """Publish a country whose census leaves out counts below five."""
    made = chain.Country(seed=1)
    chain.prepare_country(database.engine)
    chain.publish_country(database.engine, made)
    return made


def make(database):
    release.prepare(database.engine, run_id="test")
    return release.write(database.engine, run_id="test")


def only_primaries(connection) -> None:
    """Stand in for a protector that has forgotten companions."""
    run_ = connection.exec_driver_sql
    for name in ("revised", "given_before"):
        run_(f"alter table release.candidate_cell add column {name} boolean not null default false")
    apply.memory.prepare(connection)


def test_a_release_without_companions_is_stopped_and_the_next_takes_its_number(
    database, country, monkeypatch
):
    with monkeypatch.context() as forgetful:
        forgetful.setattr(apply, "protect", only_primaries)
        release.prepare(database.engine, run_id="test")
        # The look at single sums, before the files, does not see it in time.
        run(database.engine, "update release.candidate_dataset set cells_recoverable = 0")
        with pytest.raises(GateError, match=r"1/data/NP_\w+\.csv, row \d+: NP_\w+ of census .* is exactly"):
            release.write(database.engine, run_id="test")
    open_data = settings.load().open_data
    assert sorted(path.name for path in open_data.iterdir()) == [
        "index.html",
        "index.ne.html",
        "releases.json",
    ]
    assert query(database.engine, "select count(*) from release.release") == [(0,)]
    assert query(database.engine, "select count(*) from release.cell") == [(0,)]
    ((gate_run_id, passed, failed),) = query(
        database.engine,
        "select gate_run_id, passed, failed from quality.gate_run where subject = 'release.files'",
    )
    assert (passed, failed > 0) == (False, True)
    unmet = query(
        database.engine,
        "select expectation_type, dimension, severity, rows_unexpected > 0, message, "
        "examples -> 0 ->> 'file' "
        f"from quality.expectation_result where gate_run_id = {gate_run_id} and not passed order by position",
    )
    assert unmet[0][:4] == ("auditor: recoverable", "accuracy", "fail", True)
    assert unmet[0][5].startswith("1/data/NP_")
    # Who reads the report does not learn what the cell is.
    assert all("exactly" not in row[4] for row in unmet)
    made = make(database)
    assert (made.release_id, made.changed) == (1, True)


def test_what_the_auditor_reads_by_is_the_offices_and_not_public(database, country):
    made = make(database)
    office = settings.load().home / audit.FOLDER
    assert (office / "disclosure.yml").is_file()
    assert office.stat().st_mode & 0o077 == 0
    assert not list(made.folder.rglob("disclosure.yml"))


def test_a_figure_of_a_left_out_cell_in_another_file_stops_the_release(database, country, monkeypatch):
    write_table = parquet.write

    def careless(frame, path, **options):
        if path.stem == "NP_POP":
            filled = [value if value is not None else 3.0 for value in frame["value"].to_pylist()]
            at = frame.schema.get_field_index("value")
            frame = frame.set_column(at, frame.schema.field("value"), pa.array(filled, pa.float64()))
        return write_table(frame, path, **options)

    monkeypatch.setattr(parquet, "write", careless)
    with pytest.raises(GateError, match=r"data/NP_POP\.parquet, row \d+: observation .* is shown"):
        make(database)


def test_every_mart_is_looked_through(database, country):
    made = make(database)
    assert not len(audit_formats.shown(made.folder))
    keys = {
        table["observation_key"]
        for table in pq.read_table(made.folder / "data" / "NP_POP.parquet").to_pylist()
        if table["obs_status"] == "Q"
    }
    path = made.folder / marts.FOLDER / "observation.parquet"
    frame = pq.read_table(path)
    row = next(n for n, key in enumerate(frame["observation_key"].to_pylist()) if key in keys)
    values = frame["numerator"].to_pylist()
    values[row] = 2.0
    at = frame.schema.get_field_index("numerator")
    path.chmod(0o644)
    pq.write_table(
        frame.set_column(at, frame.schema.field("numerator"), pa.array(values, pa.float64())), path
    )
    found = audit_formats.shown(made.folder)
    assert found[["file", "line", "verdict"]].values.tolist() == [
        ["marts/observation.parquet", row + 1, audit_formats.VERDICT]
    ]


def test_csv_marts_and_sdmx_show_nothing_of_left_out_cells(database, country):
    import pandas as pd

    made = make(database)
    series = pd.concat(pd.read_csv(p, dtype=str) for p in sorted((made.folder / "data").glob("*.csv")))
    out = series[series["obs_status"] == "Q"]
    assert len(out) > 20
    looked = 0
    for path in sorted(made.folder.rglob("*.csv*")):
        if path.name == "csv-metadata.json":
            continue
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        if "observation_key" in frame:
            mine = frame[frame["observation_key"].isin(set(out["observation_key"]))]
            assert (mine[[name for name in audit.MEASURES if name in mine]] == "").all(axis=None), path
            looked += len(mine) > 0
        elif {"SERIES", "REF_AREA", "OBS_VALUE"} <= set(frame.columns):
            assert (frame.loc[frame["OBS_STATUS"] == "Q", "OBS_VALUE"].isin(["", "NaN"])).all(), path
            looked += (frame["OBS_STATUS"] == "Q").any()
    assert looked >= 4


def test_of_totals_of_magnitudes_their_respondents_are_the_counts():
    said = {
        "measure_type": "count",
        "unit": "NPR",
        "numerator_definition": "",
        "denominator_definition": "",
    }
    rule = {"minimum_respondents": 5, "p_percent": 10}
    contract = SimpleNamespace(disclosure=rule, estimates=False, magnitudes=True)
    total, respondents = audit._tables("TURNOVER", said, "census", contract)
    assert (total["value"], total["threshold"], total["small"]) == ("value", 0, "allowed")
    assert (respondents["value"], respondents["threshold"], respondents["small"]) == ("n", 4, "refused")
    contract.magnitudes = False
    (counts,) = audit._tables("PERSONS", said, "census", contract)
    assert (counts["threshold"], counts["small"]) == (4, "refused")
