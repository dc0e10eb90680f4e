"""The data repository for Open SDG against the rules of its build tool."""

import json

import pandas as pd
import pytest
import yaml

from statloom.exports import open_sdg
from tests.exports import portal_sample as sample
from tests.exports.open_sdg_rules import problems


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("open_sdg")
    figures, shapes, _ = sample.release(folder)
    open_sdg.write(folder, sample.ABOUT, figures, shapes)
    return folder / "open_sdg"


def read(path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_build_tools_rules_hold(repository):
    assert problems(repository) == []


def test_every_indicator_is_there_also_those_without_figures(repository):
    assert sorted(path.stem for path in (repository / "indicator-config").iterdir()) == [
        "6-1-1", "6-1-xx-a", "6-2-1", "6-3-1",
    ]  # fmt: skip
    assert sorted(path.stem for path in (repository / "data").iterdir()) == [
        "indicator_6-1-1", "indicator_6-1-xx-a", "indicator_6-2-1",
    ]  # fmt: skip
    assert read(repository / "indicator-config" / "6-3-1.yml")["reporting_status"] == "notstarted"
    config = read(repository / "indicator-config" / "6-1-1.yml")
    assert {name: config[name] for name in ("reporting_status", "indicator_number", "graph_type")} == {
        "reporting_status": "complete", "indicator_number": "6.1.1", "graph_type": "line",
    }  # fmt: skip
    assert config["computation_units"] == "Per cent" and config["national_geographical_coverage"] == "Xland"
    assert read(repository / "indicator-config" / "6-2-1.yml")["graph_type"] == "bar"


def test_figures_are_those_of_the_release(repository):
    frame = pd.read_csv(repository / "data" / "indicator_6-1-1.csv")
    assert list(frame.columns) == [
        "Year", "Series", "Units", "Sex", "Group", "SE", "CV", "GeoCode", "Value",
    ]  # fmt: skip
    wanted = [row for row in sample.series()["X_WATER"][1] if row["value"] is not None]
    assert len(frame) == len(wanted)
    assert frame["Value"].sum() == pytest.approx(sum(row["value"] for row in wanted))
    assert set(frame["Sex"].dropna()) == {"Female", "Male"}
    assert set(frame["Group"].dropna()) == {"Other (A)", "Other (B)"}  # two codes of one name stay two
    total = frame[frame["GeoCode"].isna() & frame["Sex"].isna() & frame["Group"].isna()]
    assert list(total["Year"]) == [2011, 2021] and list(total["Value"]) == [40.0, 40 + 35 / 4]
    assert (frame["SE"] == 2).all()
    # A place whose total is left out has no row of it.
    assert (
        frame[(frame["GeoCode"] == "V:unit:22") & (frame["Year"] == 2021) & frame["Sex"].isna()]["Group"]
        .notna()
        .all()
    )


def test_only_preferred_and_whole_years(repository):
    assert (pd.read_csv(repository / "data" / "indicator_6-1-xx-a.csv")["Value"] > 0).all()
    toilets = pd.read_csv(repository / "data" / "indicator_6-2-1.csv")
    assert set(toilets["Year"]) == {2021} and len(toilets) == 7


def test_metadata_says_where_figures_come_from(repository):
    meta = read(repository / "meta" / "6-2-1.yml")
    assert meta["SDG_GOAL"] == "Goal 6: Clean water" and meta["source_active_1"] is True
    assert meta["source_organisation_1"] == "Ministry" and "Synthetic." in meta["source_other_info_1"]
    assert meta["STAT_CONC_DEF"] == "Toilets <b>, defined."
    assert read(repository / "meta" / "6-1-xx-a.yml")["COMPARABILITY"] == "By eye."


def test_map_layers_join_without_remainder(repository):
    config = read(repository / "config_data.yml")
    assert [layer["geojson_file"] for layer in config["map_layers"]] == [
        "map_layers/province.geojson", "map_layers/unit.geojson",
    ]  # fmt: skip
    units = json.loads((repository / "map_layers" / "unit.geojson").read_text())["features"]
    assert {feature["properties"]["place_id"] for feature in units} == set(sample.UNITS)


def test_texts_in_nepali(repository):
    texts = read(repository / "translations" / "ne" / "data.yml")
    assert texts["Female"] == "महिला" and texts["Water"] == "पानी" and texts["Per cent"] == "प्रतिशत"
    assert read(repository / "translations" / "ne" / "global_goals.yml")["6-short"] == "स्वच्छ पानी"
    assert read(repository / "translations" / "en" / "global_indicators.yml")["6-1-1-title"] == "Safe water"


def damaged(path, old: str, new: str, count: int = 1):
    def damage(root):
        text = (root / path).read_text(encoding="utf-8")
        assert old in text
        (root / path).write_text(text.replace(old, new, count), encoding="utf-8")

    return damage


WATER = "data/indicator_6-1-1.csv"
FAULTS = {
    "Year": damaged(WATER, '"Year"', '"YEAR"'),
    "no number": damaged(WATER, ",40\n", ",many\n"),
    "blanks": damaged(WATER, '"Female"', '"Female "'),
    "two values": damaged(WATER, '2021,"Water"', '2011,"Water"', 99),
    "on no map": damaged(WATER, "V:unit:11", "V:unit:99"),
    "would be removed": damaged("config_data.yml", "name_property: place_name", "name_property: name"),
    "lacks": damaged("map_layers/unit.geojson", '"place_id"', '"id"'),
    "not to be had": damaged("config_data.yml", "TranslationInputYaml", "TranslationInputSdgTranslations"),
    "is complete, and has no data": damaged("indicator-config/6-3-1.yml", "notstarted", "complete"),
    "is not one of": damaged("indicator-config/6-1-1.yml", "graph_type: line", "graph_type: pie"),
    "graph_title": damaged("indicator-config/6-1-1.yml", "graph_title", "graph_name"),
    "an attribute": damaged("config_data.yml", "- SE\n", "- SEX\n"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_checker_finds_planted_faults(tmp_path, repository, fault):
    import shutil

    root = tmp_path / "open_sdg"
    shutil.copytree(repository, root)
    FAULTS[fault](root)
    assert any(fault in problem for problem in problems(root)), problems(root)


def test_the_smallest_places_have_totals_only(tmp_path, monkeypatch):
    monkeypatch.setattr(open_sdg, "FINEST_DIVIDED", 1)
    figures, shapes, _ = sample.release(tmp_path)
    open_sdg.write(tmp_path, sample.ABOUT, figures, shapes)
    frame = pd.read_csv(tmp_path / "open_sdg" / "data" / "indicator_6-1-1.csv")
    units = frame[frame["GeoCode"].isin(sample.UNITS)]
    assert len(units) == 7 and units[["Sex", "Group"]].isna().all(axis=None)
    assert frame[frame["GeoCode"] == "V:province:1"]["Sex"].notna().any()
