"""The framework and the contracts that feed it."""

import csv
import re

import pytest

from statloom import contracts, settings
from statloom.contracts import generate


def seed(name: str) -> list[dict[str, str]]:
    with (settings.load().dbt_project / "seeds" / "reference" / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_framework_is_wide_enough():
    targets = {row["target"]: row["goal"] for row in seed("target")}
    indicators = {row["indicator_code"]: targets[row["target"]] for row in seed("indicator")}
    real = [row for row in seed("series") if row["synthetic"] == "false"]
    assert len(real) >= 40
    assert len({indicators[row["indicator_code"]] for row in real}) >= 8


def test_indicator_codes_are_sdg_codes_or_marked_as_national():
    for row in seed("indicator"):
        national = row["global_or_national"] == "national"
        pattern = r"NP-\d+\.[0-9a-z]+" if national else r"\d+\.[0-9a-d]+\.\d+"
        assert re.fullmatch(pattern, row["indicator_code"]), row
        assert re.fullmatch(r"\d+\.[0-9a-d]+\.\d+", row["global_indicator_code"]), row
        assert row["target"] == row["global_indicator_code"].rpartition(".")[0], row


def test_a_series_under_a_global_code_says_how_it_approximates_it():
    for row in seed("series"):
        assert (row["global_or_national"] == "global") == (not row["indicator_code"].startswith("NP-")), row
        assert bool(row["approximation"]) >= (row["global_or_national"] == "global"), row["series_code"]


def test_shares_and_ratios_say_what_their_parts_are():
    for row in seed("series"):
        parts = bool(row["numerator_definition"]) and bool(row["denominator_definition"])
        assert parts == (row["measure_type"] in ("share", "ratio")), row["series_code"]


@pytest.fixture(scope="module")
def declared():
    return contracts.load_all()


def test_every_series_is_fed_and_every_fed_series_is_declared(declared):
    fed = {series.series for contract in declared.values() for series in contract.series}
    assert fed == {row["series_code"] for row in seed("series")}


def test_series_come_in_the_shape_that_their_type_needs(declared):
    kinds = {row["series_code"]: row["measure_type"] for row in seed("series")}
    for contract in declared.values():
        for series in contract.series:
            if not contract.estimation:
                in_parts = series.numerator is not None
                assert in_parts == (kinds[series.series] in ("share", "ratio")), (
                    contract.source,
                    series.series,
                )


def test_breakdowns_are_those_that_the_framework_promises(declared):
    promised = {row["series_code"]: set(row["breakdowns"].split()) for row in seed("series")}
    listed = {(row["dimension"], row["code"]) for row in seed("code_list")}
    given: dict[str, set[str]] = {code: set() for code in promised}
    for contract in declared.values():
        for series in contract.series:
            for dimension, breakdown in series.breakdown.items():
                given[series.series].add(dimension.lower())
                assert {(dimension.lower(), code) for code in breakdown.codes.values()} <= listed
    assert given == promised


def test_only_synthetic_sources_feed_synthetic_series(declared):
    synthetic = {row["series_code"] for row in seed("series") if row["synthetic"] == "true"}
    for contract in declared.values():
        for series in contract.series:
            assert contract.synthetic == (series.series in synthetic), (contract.source, series.series)


def test_preferred_sources_feed_their_series(declared):
    feeds = {(series.series, source) for source, contract in declared.items() for series in contract.series}
    for row in seed("source_preference"):
        assert (row["series_code"], row["source_id"]) in feeds, row


def test_series_with_several_sources_have_a_declared_order(declared):
    sources: dict[str, set[str]] = {}
    for source, contract in declared.items():
        for series in contract.series:
            sources.setdefault(series.series, set()).add(source)
    ordered: dict[str, set[str]] = {}
    for row in seed("source_preference"):
        ordered.setdefault(row["series_code"], set()).add(row["source_id"])
    assert {code: found for code, found in sources.items() if len(found) > 1} == ordered


def test_what_is_generated_from_the_contracts_is_up_to_date(declared):
    assert generate.out_of_date(declared.values()) == []
