"""The religion table of 2011: in its national rows the labels are shifted, and one category is the total."""

import shutil

import pytest

from statloom import contracts, landing, settings
from statloom.quality import gates
from statloom.settings import PROJECT, Settings

SOURCE = "census_2011_religion"


def project_without_defect(folder, *, keep_defect: bool):
    sources = folder / "dags" / "sources" / "census_2011"
    sources.mkdir(parents=True)
    real = PROJECT / "dags" / "sources" / "census_2011"
    shutil.copy(real / "_collection.yml", sources)
    text = (real / f"{SOURCE}.yml").read_text()
    before, after = text.split("defects:")
    (sources / f"{SOURCE}.yml").write_text(text if keep_defect else before)
    assert "Hindu carries the national total" in after
    for each in ("demo", "expectations", "dbt_project", "plugins"):
        (folder / each).symlink_to(PROJECT / each)
    return folder


@pytest.mark.database
@pytest.mark.parametrize("known", [True, False])
def test_the_gate_finds_the_category_that_is_the_total(database, tmp_path, monkeypatch, known) -> None:
    here = Settings(
        project=project_without_defect(tmp_path / "office", keep_defect=known), home=database.home
    )
    monkeypatch.setattr(settings, "load", lambda: here)
    contract = contracts.load(SOURCE)
    contracts.register(database.engine)
    fetched = landing.fetch(contract, archive=here.archive, engine=database.engine, run_id="test")
    loaded = landing.load(contract, fetched.delivery_id, engine=database.engine, archive=here.archive)
    assert loaded.rows_quarantined == (22 if known else 0)
    result = gates.judge("raw", SOURCE, engine=database.engine, delivery_id=fetched.delivery_id)
    assert result.passed == known, result.message
    if not known:
        assert "No religion of the nation carries the sum of all the others" in result.message, result.message
        assert "category=Hindu, value=13645463, others=13616364" in result.message
