"""Rounding and cell keys in contracts: what is read, and what is refused with file, line and reason."""

import pytest

from statloom.contracts.loading import load_file
from statloom.contracts.perturbation import method_of
from statloom.contracts.registration import as_json
from statloom.errors import ContractError
from tests.contracts.conftest import CONTRACT

SECOND = """\
  - {series: ALL, value: {measure: total}}
"""


def declared(block: str, text: str = CONTRACT) -> str:
    return f"{text}disclosure: {{minimum_respondents: 5, reason: test, {block}}}\n"


def test_methods_of_sources_and_series_are_read(write):
    import json

    other = "methods: [{series: [NONE], method: random_rounding, base: 5}]"
    contract = load_file(write(text=declared(f"method: suppression, {other}")))
    block = json.loads(as_json(contract))["disclosure"]
    assert method_of(block, "NONE") | {"smallest": 1} == {
        "method": "random_rounding",
        "base": 5,
        "variance": None,
        "deviation": None,
        "smallest": 1,
    }
    assert method_of(block, "OTHER")["method"] == "suppression"
    assert method_of({}, "NONE")["method"] == "suppression"
    contract = load_file(write(text=declared("method: cell_key, variance: 3, deviation: 5, smallest: 3")))
    assert (contract.disclosure.variance, contract.disclosure.deviation) == (3, 5)
    assert method_of(json.loads(as_json(contract))["disclosure"], "NONE")["smallest"] == 3


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ("method: rounding, base: 5", r"disclosure.method: 'rounding' is not one of suppression, random_rou"),
        ("method: random_rounding, base: 4", r"disclosure.base: 4 is not one of 3, 5"),
        ("method: random_rounding", r"disclosure: method random_rounding needs 'base'"),
        ("method: controlled_rounding, base: 3", r"disclosure.base: .*the base must be 5 or more"),
        ("base: 5", r"disclosure.base: belongs to method random_rounding or controlled_rounding"),
        ("method: cell_key, base: 5, variance: 3, deviation: 5", r"disclosure.base: belongs to method"),
        ("method: cell_key, variance: 3", r"disclosure: method cell_key needs 'deviation'"),
        (
            "method: cell_key, variance: 1, deviation: 5, smallest: 2",
            r"disclosure.variance: no noise for a count",
        ),
        ("method: cell_key, variance: 1, deviation: 2", r"disclosure.deviation: a shown 1 would tell"),
        ("method: cell_key, variance: -1, deviation: 2", r"disclosure.variance: -1"),
        ("method: random_rounding, base: 5, group: true", r"does not do what 'group' asks for"),
        ("methods: [{series: [NOEN], method: random_rounding, base: 5}]", r"feeds no series 'NOEN'.*NONE"),
        (
            "methods: [{series: [NONE, NONE], method: random_rounding, base: 5}]",
            r"disclosure.methods\[0\].series\[1\]: 'NONE' has a method already",
        ),
    ],
)
def test_what_protects_nobody_is_refused(write, block, reason):
    with pytest.raises(
        ContractError, match=rf"toilets.yml, line \d+, {reason}" if "disc" in reason else reason
    ):
        load_file(write(text=declared(block)))


def test_without_a_minimum_there_is_nothing_to_perturb(write):
    text = CONTRACT + "disclosure: {minimum_respondents: 0, reason: r, method: random_rounding, base: 5}\n"
    with pytest.raises(ContractError, match=r"disclosure.method: 'minimum_respondents' is 0"):
        load_file(write(text=text))


def test_what_is_no_count_is_refused(write):
    text = declared("method: random_rounding, base: 5").replace(
        "total: {type: integer", "total: {type: number"
    )
    with pytest.raises(ContractError, match="NONE is made of 'total', which is no count"):
        load_file(write(text=text))


def test_two_series_of_the_same_count_are_protected_alike(write):
    block = "methods: [{series: [NONE], method: random_rounding, base: 5}]"
    with pytest.raises(ContractError, match=r"series\[1\].value: ALL and NONE are both made of 'total'"):
        load_file(write(text=declared(block, CONTRACT + SECOND)))
    free = block + ", free: [{series: ALL, reason: public}]"
    assert load_file(write(text=declared(free, CONTRACT + SECOND))).disclosure.methods[0].base == 5
