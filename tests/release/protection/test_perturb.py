"""Rounded and perturbed releases, from published marts to files and back over several releases."""

import json

import numpy as np
import pandas as pd
import pytest

from statloom import release
from statloom.errors import StatloomError
from statloom.publication import publish
from statloom.quality import gates
from statloom.release import audit
from statloom.release.protection import secret
from tests.publication.marts import build, query, run
from tests.release.country import build_country, contract, declare

pytestmark = pytest.mark.database

ROUNDING = {"method": "controlled_rounding", "base": 5}
RANDOM = {"method": "random_rounding", "base": 5}
NOISE = {"method": "cell_key", "variance": 3, "deviation": 5, "smallest": 3}


def protect(engine, **block) -> None:
    """Declare both sources with ``block`` and a minimum of 5 respondents."""
    given = {"minimum_respondents": 5, "reason": "test", **block}
    declare(engine, "census", contract(5, disclosure=given), {"NP_POP": "value"})
    declare(
        engine,
        "survey",
        contract(5, disclosure=given, synthetic=False, title={"en": "A register"}),
        {"NP_TOILET": "numerator"},
    )


def publish_whole(engine, **options) -> None:
    """Publish the country with figures that add up over places and sexes, small ones among them."""
    build_country(engine, **options)
    run(
        engine,
        # Local units: small counts. The district and the country are their sums.
        "update candidate.observation set numerator = (hashtext(place_id || period || 'n') & 7), "
        "denominator = 8 + (hashtext(place_id || period || 'd') & 31) where series_code = 'NP_TOILET'",
        "update candidate.observation set value = (hashtext(place_id || period || sex) & 15) "
        "where series_code = 'NP_POP' and sex <> '_T'",
        *(
            f"update candidate.observation o set {part} = s.amount from (select series_code, period, sex, "
            f"sum({part}) as amount from candidate.observation where place_level = 'local_unit' "
            f"group by 1, 2, 3) s where o.place_level <> 'local_unit' and (o.series_code, o.period, o.sex) = "
            f"(s.series_code, s.period, s.sex) and s.amount is not null"
            for part in ("value", "numerator", "denominator")
        ),
        "update candidate.observation o set value = s.amount from (select place_id, period, sum(value) "
        "as amount from candidate.observation where series_code = 'NP_POP' and sex <> '_T' group by 1, 2) s "
        "where o.series_code = 'NP_POP' and o.sex = '_T' and (o.place_id, o.period) = (s.place_id, s.period)",
        "update candidate.observation set value = 100 * numerator / denominator, n = null, comment = null "
        "where series_code = 'NP_TOILET'",
        "update candidate.observation set source_level = 'local_unit'",
        "drop table if exists candidate.indicator_series",
    )
    build(engine, "indicator_series", "select * from candidate.observation", "observation_key")
    publish(engine, run_id="test", code_version="abc")


COLUMNS = ["observation_key", "series_code", "place_id", "place_level", "period", "sex", "value"]
COLUMNS += ["numerator", "denominator", "obs_status", "comment"]


def figures(database, table: str) -> pd.DataFrame:
    """The figures of ``table`` by observation key."""
    found = pd.DataFrame(query(database.engine, f"select {', '.join(COLUMNS)} from {table}"), columns=COLUMNS)
    found["observation_key"] = found["observation_key"].astype(str)
    numbers = ["value", "numerator", "denominator"]
    found[numbers] = found[numbers].astype(float)
    return found.set_index("observation_key").sort_index()


def prepared(database) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Prepare what is published; return the true figures and the candidates."""
    release.prepare(database.engine, run_id="test")
    return figures(database, "marts.observation"), figures(database, "release.candidate_cell")


def released(database) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Release what is published; return the true figures and those of the files."""
    true, _ = prepared(database)
    made = release.write(database.engine, run_id="test")
    with database.engine.connect() as connection:
        verdict = audit.standing(connection, made.folder.parent)
    assert verdict is None or verdict.passed, verdict.message
    shown = pd.concat(pd.read_csv(path, dtype={"place_code": str}) for path in made.folder.glob("data/*.csv"))
    shown.attrs["folder"] = made.folder
    return true, shown.set_index("observation_key").sort_index()


def counts(frame: pd.DataFrame) -> pd.Series:
    """All counts of a release: values of NP_POP, parts of NP_TOILET."""
    return pd.concat(
        [
            frame.loc[frame["series_code"] == "NP_POP", "value"],
            frame.loc[frame["series_code"] == "NP_TOILET", "numerator"],
            frame.loc[frame["series_code"] == "NP_TOILET", "denominator"],
        ],
        keys=["value", "numerator", "denominator"],
    )


def additive(frame: pd.DataFrame) -> bool:
    pop = frame[frame["series_code"] == "NP_POP"].pivot(
        index=["place_id", "period"], columns="sex", values="value"
    )
    parts = frame[frame["place_level"] == "local_unit"]
    wholes = frame[frame["place_level"] == "district"]
    keys, figures = ["series_code", "period", "sex"], ["numerator", "denominator"]
    added, above = parts.groupby(keys)[figures].sum(), wholes.groupby(keys)[figures].sum()
    people, of = parts.groupby(keys)["value"].sum(), wholes.groupby(keys)["value"].sum()
    return (
        bool((pop["F"] + pop["M"] == pop["_T"]).all())
        and added.equals(above)
        and bool((people.loc["NP_POP"] == of.loc["NP_POP"]).all())
    )


def test_controlled_rounding_keeps_all_sums_and_shares_within_bounds(database):
    publish_whole(database.engine)
    protect(database.engine, **ROUNDING)
    true, shown = released(database)
    assert additive(true)
    assert additive(shown)
    assert np.all(counts(shown) % 5 == 0)
    assert np.abs(counts(shown) - counts(true)).max() < 5
    assert (counts(true).between(1, 4)).sum() > 20
    share = shown[shown["series_code"] == "NP_TOILET"]
    there = share["denominator"] > 0
    assert share.loc[there, "value"].to_numpy() == pytest.approx(
        (100 * share["numerator"] / share["denominator"])[there].to_numpy(), abs=1e-6
    )
    assert share.loc[~there, "value"].isna().all()
    assert set(share.loc[~there, "obs_status"]) <= {"M"}
    assert shown["comment"].str.contains("rounded to base 5 to protect respondents").all()
    series = pd.read_csv(shown.attrs["folder"] / "series.csv", index_col="series_code")
    assert set(series["perturbation"]) == {"controlled_rounding:5"}
    assert series.loc["NP_POP", "definition"].endswith("so that all sums of the table still hold.")
    assert set(series["cells_suppressed"]) == {0}


@pytest.mark.parametrize("block", [ROUNDING, RANDOM, NOISE], ids=lambda block: block["method"])
def test_a_figure_that_has_not_changed_stays_the_same_in_the_next_release(database, block):
    publish_whole(database.engine)
    protect(database.engine, **block)
    out = released if block is ROUNDING else prepared
    true, shown = out(database)
    run(
        database.engine,
        "update candidate.observation set value = value + 1 where series_code = 'NP_POP' and period = '2011' "
        "and (place_level <> 'local_unit' or place_code = '103') and sex in ('F', '_T')",
    )
    publish(database.engine, run_id="test", code_version="abc")
    later, again = out(database)
    same = counts(true) == counts(later).reindex(counts(true).index)
    assert (~same).sum() == 6
    kept = counts(shown)[same] == counts(again)[same]
    # Rounding that is to add up may have to move figures beside the revised ones.
    assert (~kept).sum() <= (6 if block is ROUNDING else 0)
    assert not (counts(again) == counts(later)).all()


def test_noise_never_shows_a_small_count_and_stays_near(database):
    publish_whole(database.engine, units=60)
    protect(database.engine, **NOISE)
    # A mart whose figures are differences of true ones, and one that repeats them.
    select = (
        "select series_code, place_id, '2011' as baseline_period, '2012' as latest_period, 1.5 as difference"
    )
    build(
        database.engine,
        "sdg_progress",
        f"{select} from candidate.observation where sex = '_T' group by series_code, place_id",
        "series_code, place_id",
    )
    build(database.engine, "place_profile", "select * from candidate.observation", "observation_key")
    publish(database.engine, run_id="test", code_version="abc")
    true, shown = released(database)
    marts = shown.attrs["folder"] / "marts"
    assert len(pd.read_csv(marts / "sdg_progress.csv")) == 0
    profile = pd.read_csv(marts / "place_profile.csv", index_col="observation_key").sort_index()
    for name in ("value", "numerator", "denominator"):
        assert profile[name].equals(shown[name])
    noise = counts(shown) - counts(true)
    assert np.abs(noise).max() <= 5
    assert not counts(shown).isin([1, 2]).any()
    assert (noise[counts(true) == 0] == 0).all()
    assert abs(noise.mean()) < 4 * np.sqrt(3 / len(noise))
    share = shown.loc[shown["series_code"] == "NP_TOILET", "value"].dropna()
    assert share.between(0, 100).all()
    series = pd.read_csv(shown.attrs["folder"] / "series.csv", index_col="series_code")
    assert set(series["perturbation"]) == {"cell_key"}
    assert shown["comment"].str.contains("small random noise added to protect respondents").all()


def test_no_file_of_the_release_has_a_true_count_and_the_gate_passes(database):
    publish_whole(database.engine)
    protect(database.engine, **NOISE)
    release.prepare(database.engine, run_id="test")
    result = query(
        database.engine,
        "select count(*) filter (where num_nonnulls(n, se, cv, ci_low, ci_high, deff) > 0), "
        "count(*) filter (where value <> 0 and value < 3 and numerator is null), bool_and(perturbed), "
        "max(minimum_respondents), count(*) filter (where obs_status not in ('A', 'M')) "
        "from release.candidate_cell",
    )
    assert result == [(0, 0, True, 3, 0)]
    judged = gates.judge("release", "release", engine=database.engine)
    assert judged.passed, judged.message
    for planted, said in (
        ("value = 2 where series_code = 'NP_POP'", "No rounded or perturbed count is smaller"),
        ("n = 7 where series_code = 'NP_TOILET'", "A figure that is to be rounded or perturbed"),
        (
            "perturbed = false where series_code = 'NP_POP'",
            "A figure that is to be rounded or perturbed",
        ),
    ):
        release.prepare(database.engine, run_id="test")
        run(database.engine, f"update release.candidate_cell set {planted} and place_code = '103'")
        judged = gates.judge("release", "release", engine=database.engine)
        assert not judged.passed and said in judged.message


def test_one_series_may_be_protected_otherwise_than_its_source(database):
    publish_whole(database.engine)
    protect(database.engine, methods=[{"series": ["NP_TOILET"], **RANDOM}])
    true, shown = released(database)
    toilet, people = (shown[shown["series_code"] == code] for code in ("NP_TOILET", "NP_POP"))
    assert (toilet["denominator"] % 5 == 0).all()
    assert (people["obs_status"] == "Q").any()
    open_ = people[people["obs_status"] == "A"]
    assert (open_["value"] == true.loc[open_.index, "value"]).all()


def test_the_secret_may_not_change_unseen(database, monkeypatch):
    publish_whole(database.engine)
    protect(database.engine, **NOISE)
    monkeypatch.setenv("STATLOOM_PERTURBATION_KEY", "11" * 32)
    _, shown = prepared(database)
    monkeypatch.setenv("STATLOOM_PERTURBATION_KEY", "22" * 32)
    with pytest.raises(StatloomError, match="another one than in earlier releases"):
        release.prepare(database.engine, run_id="test")
    monkeypatch.setenv(secret.CHANGED, "yes")
    _, again = prepared(database)
    assert not counts(again).equals(counts(shown))
    monkeypatch.delenv(secret.CHANGED)
    _, third = prepared(database)
    assert counts(third).equals(counts(again))
    monkeypatch.setenv("STATLOOM_PERTURBATION_KEY", "short")
    with pytest.raises(StatloomError, match="64 hexadecimal digits are needed"):
        release.prepare(database.engine, run_id="test")


def test_what_is_no_count_is_refused(database):
    publish_whole(database.engine)
    protect(database.engine, **NOISE)
    text = json.loads(contract(5, "number", disclosure={"minimum_respondents": 5, "reason": "t", **NOISE}))
    declare(database.engine, "census", json.dumps(text), {"NP_POP": "value"})
    with pytest.raises(StatloomError, match="NP_POP of census is no count of units"):
        release.prepare(database.engine, run_id="test")
