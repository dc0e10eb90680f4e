"""What a contract may say of disclosure control, and what it is told when it says it wrongly."""

import pytest

from statloom.contracts.loading import load_file
from statloom.errors import ContractError
from tests.contracts.conftest import CONTRACT

TAIL = CONTRACT.rstrip("\n").splitlines()


def with_disclosure(write, block: str, *changes):
    last = TAIL[-1]
    return write(*changes, (last, f"{last}\n{block}"))


def test_all_rules_are_read(write):
    block = (
        "disclosure:\n  minimum_respondents: 5\n  sensitivity: personal\n  group: true\n"
        "  free: [{series: NONE, reason: a public list, periods: ['2011']}]\n"
        "  coarser: [{series: [NONE], place_level: vdc, without: [SEX]}]\n"
    )
    rules = load_file(with_disclosure(write, block)).disclosure
    assert (rules.minimum_respondents, rules.sensitivity, rules.group) == (5, "personal", True)
    assert (rules.free[0].series, rules.free[0].periods) == ("NONE", ("2011",))
    assert (rules.coarser[0].place_level, rules.coarser[0].without) == ("vdc", ("SEX",))


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("disclosure: {minimum_respondents: 0}", "declared free with its 'reason' only"),
        ("disclosure: {minimum_respondents: 0, reason: ' '}", "declared free with its 'reason' only"),
        ("disclosure: {minimum_respondents: 0, sensitivity: public}", "declared free with its 'reason' only"),
        (
            "disclosure: {minimum_respondents: 5, sensitivity: public, reason: x}",
            "what is public has no rules of protection",
        ),
        (
            "disclosure: {minimum_respondents: 5, dominance: {largest: 2, share: 85}}",
            "needs 2 columns of role contribution; there are 0",
        ),
        ("disclosure: {minimum_respondents: 5, p_percent: 10}", "needs 2 columns of role contribution"),
        (
            "disclosure: {minimum_respondents: 5, free: [{series: NO, reason: x}]}",
            "the contract feeds no series 'NO'",
        ),
        (
            "disclosure: {minimum_respondents: 5, coarser: [{series: [NO]}]}",
            "the contract feeds no series 'NO'",
        ),
        ("disclosure: {minimum_respondents: 5, coarser: [{without: [TEETH]}]}", "broken down by 'TEETH'"),
        ("disclosure: {minimum_respondent: 5}", "not a known key; did you mean 'minimum_respondents'"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(write, block, message):
    line = len(TAIL) + 1
    with pytest.raises(ContractError, match=rf"\.yml, line {line}, disclosure") as raised:
        load_file(with_disclosure(write, block))
    assert message in str(raised.value)
