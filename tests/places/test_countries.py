"""Lists of other countries, taken into an empty registry as docs/places-new-country.md says."""

from pathlib import Path

import pandas as pd
import pytest

from statloom import cli, places

LISTS = Path(__file__).parent / "lists"


def run(*words):
    """Run ``statloom places`` and expect that it does."""
    assert cli.main(["places", *map(str, words)]) == 0


def take_in(folder, file, vintage, valid_from, *more):
    run(
        *("compare", LISTS / file, "--registry", folder, "--type", "type", *more),
        *("--take-in", vintage, "--new-scheme", vintage.replace("-", "-CODE-"), "--valid-from", valid_from),
        *("--custodian", "the body", "--from", "the list, its licence"),
    )


def one(folder, level, scheme, date=None, **reference):
    frame = pd.DataFrame({key: [value] for key, value in reference.items()})
    columns = {key: key for key in reference}
    registry = places.load(folder)
    return places.resolve(frame, scheme=scheme, level=level, date=date, registry=registry, **columns).iloc[0]


@pytest.fixture
def folder(tmp_path):
    run("new", tmp_path / "places")
    return tmp_path / "places"


def test_england_before_and_after_the_mergers_of_2021_and_2023(folder, capsys):
    take_in(folder, "uk_gss_2020.csv", "GB-2020", "2020-04-01")
    assert "local_authority: created 41" in capsys.readouterr().out
    before = ("--scheme", "GB-CODE-2020", "--date", "2021-01-01")
    run("compare", LISTS / "uk_gss_2023.csv", "--registry", folder, *before)
    # No unit is taken for another because their names are alike (South and North Northamptonshire).
    assert "local_authority: unchanged 15, recoded 2, created 6, dissolved 24" in capsys.readouterr().out
    successors = ("--successors", LISTS / "uk_gss_2023_successors.csv")
    take_in(folder, "uk_gss_2023.csv", "GB-2023", "2023-04-01", *before, *successors)
    assert "local_authority: unchanged 15, recoded 2, created 6, merged 24" in capsys.readouterr().out
    run("check", "--registry", folder)

    level, today = "local_authority", "GB-CODE-2023"
    assert one(folder, level, today, name="Cumberland")["place_id"] == "GB-2023:local_authority:E06000063"
    assert one(folder, level, today, code="e08000039")["method"] == "normalised_code"
    gone = one(folder, level, today, name="Mendip")
    assert gone["place_id"] is None
    assert gone["candidates"][0]["place_id"] == "GB-2023:local_authority:E06000066"
    assert one(folder, level, "GB-CODE-2020", "2021-01-01", name="Mendip")["method"] == "alias"
    assert one(folder, level, "GB-CODE-2020", "2024-01-01", code="E08000016")["place_id"] is None
    links = places.load(folder).seeds["crosswalk"].set_index("from_place_id")["to_place_id"]
    assert links["GB-2020:local_authority:E07000189"] == "GB-2023:local_authority:E06000066"
    assert links["GB-2020:local_authority:E08000016"] == "GB-2023:local_authority:E08000038"
    assert links["GB-2023:local_authority:E08000038"] == "GB-2020:local_authority:E08000016"
    assert "GB-2023:local_authority:E06000066" not in links.index  # back it would be divided


def test_the_philippines_recoded_and_a_province_split(folder, capsys):
    take_in(folder, "ph_psgc_2019.csv", "PH-2019", "2019-01-01")
    capsys.readouterr()
    take_in(
        folder,
        "ph_psgc_2021.csv",
        "PH-2021",
        "2021-04-01",
        "--scheme",
        "PH-CODE-2019",
        "--date",
        "2020-05-01",
    )
    said = capsys.readouterr().out
    assert "region: recoded 2\nprovince: recoded 7\nmunicipality: recoded 36\n" in said
    take_in(
        *(folder, "ph_psgc_2023.csv", "PH-2023", "2022-09-17", "--scheme", "PH-CODE-2021"),
        *("--date", "2021-06-01", "--successors", LISTS / "ph_psgc_2023_successors.csv"),
    )
    said = capsys.readouterr().out
    assert "province: unchanged 6, created 2, split 1\nmunicipality: recoded 36, moved 36\n" in said
    run("check", "--registry", folder)

    gone = one(folder, "province", "PH-CODE-2023", name="Maguindanao")
    assert gone["place_id"] is None
    successors = {c["place_id"] for c in gone["candidates"] if c["why"] == "successor"}
    assert successors == {"PH-2023:province:1908700000", "PH-2023:province:1908800000"}
    # Over two editions: the code of nine digits, asked for today.
    old = one(folder, "municipality", "PH-CODE-2019", "2023-01-01", code="153818000")
    assert [c["place_id"] for c in old["candidates"]] == ["PH-2023:municipality:1908701000"]
    # A namesake on another level, and the kind of unit beside a name.
    assert one(folder, "municipality", "PH-CODE-2023", name="Sultan Kudarat", parent="Maguindanao del Norte")[
        "place_id"
    ] == ("PH-2023:municipality:1908710000")
    assert one(folder, "province", "PH-CODE-2023", name="Sultan Kudarat Province")["place_id"] == (
        "PH-2023:province:1206500000"
    )
    weights = places.load(folder).seeds["crosswalk"]
    split = weights[weights["from_place_id"] == "PH-2021:province:1903800000"]
    split = split[split["to_place_id"].str.startswith("PH-2023")]
    assert split.groupby("basis")["weight"].agg(lambda w: w.astype(float).sum()).round(9).tolist() == [
        1,
        1,
        1,
    ]


def test_myanmar_with_names_in_burmese_and_shares_that_nobody_knows(folder, capsys):
    names = ("--other-name", "name_my=my:Mymr")
    take_in(folder, "mm_pcodes_2020.csv", "MM-2020", "2015-01-01", *names)
    assert "township: created 45" in capsys.readouterr().out
    assert one(folder, "township", "MM-CODE-2020", name="အင်းစိန်")["place_id"] == "MM-2020:township:MMR013001"
    take_in(
        *(folder, "mm_pcodes_2022.csv", "MM-2022", "2021-01-01", "--scheme", "MM-CODE-2020", *names),
        *("--date", "2020-01-01", "--successors", LISTS / "mm_pcodes_2022_successors.csv"),
    )
    assert "township: unchanged 44, created 2, split 1" in capsys.readouterr().out
    run("check", "--registry", folder)
    for name in ("Hlaingtharya", "လှိုင်သာယာ"):
        gone = one(folder, "township", "MM-CODE-2022", name=name)
        assert gone["place_id"] is None
        assert {c["place_id"] for c in gone["candidates"] if c["why"] == "successor"} == {
            "MM-2022:township:MMR013046",
            "MM-2022:township:MMR013047",
        }
    assert one(folder, "township", "MM-CODE-2022", name="Hlaing")["place_id"] == "MM-2022:township:MMR013040"
    seeds = places.load(folder).seeds
    assert "MM-2020:township:MMR013008" not in set(seeds["crosswalk"]["from_place_id"])
    change = seeds["place_change"].set_index("from_place_id")["change_type"]
    assert change["MM-2020:township:MMR013008"].tolist() == ["split", "split"]


def test_a_second_list_needs_the_scheme_before(folder, capsys):
    take_in(folder, "uk_gss_2020.csv", "GB-2020", "2020-04-01")
    assert cli.main(["places", "compare", str(LISTS / "uk_gss_2023.csv"), "--registry", str(folder)]) == 1
    assert "--scheme names the release before; the registry has GB-CODE-2020" in capsys.readouterr().err


def test_a_folder_that_has_seeds_is_not_begun_anew(folder, capsys):
    assert cli.main(["places", "new", str(folder)]) == 1
    assert "has seeds already" in capsys.readouterr().err
