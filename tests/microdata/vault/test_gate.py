"""A delivery of microdata from fetching to its gate: what is loaded, and what holds it back."""

import pytest

from statloom import contracts
from statloom.errors import DeliveryError, GateError
from statloom.microdata import vault
from tests.microdata.vault import census

pytestmark = pytest.mark.database
CONTENT = census.lines(60)


def changed(changes):
    """The census with the lines at these places changed."""
    return [changes.get(i, lambda line: line)(line) for i, line in enumerate(CONTENT)]


def test_figures_profile_and_codes_are_loaded_and_units_are_not(office):
    office.take_in(CONTENT)
    (delivery,) = office.rows("select * from landing.delivery")
    assert delivery["status"] == "accepted" and delivery["archive_key"].startswith("sealed/")
    assert (
        office.rows("select count(*) as n from raw.census where estimand = 'mean_age'")[0]["n"] == 1 + 5 + 2
    )
    persons = sum(line[0] == "2" for line in CONTENT)
    records = office.rows(
        "select record, parent, rows, orphans, duplicate_keys, childless from landing.record_profile"
    )
    assert records == [
        {"record": "household", "parent": None, "rows": 60, "orphans": 0, "duplicate_keys": 0}
        | {"childless": {"person": {"rows": 0, "first_row": None}}},
        {"record": "person", "parent": "household", "rows": persons, "orphans": 0, "duplicate_keys": 0}
        | {"childless": {}},
    ]
    profile = {row["column_name"]: row for row in office.rows("select * from landing.column_profile")}
    assert (profile["age"]["type"], profile["age"]["rows"]) == ("integer", persons)
    ages = [int(line[24:27]) for line in CONTENT if line[0] == "2"]
    found = profile["age"]
    assert (found["minimum"], found["maximum"]) == (str(min(ages)), str(max(ages)))
    assert found["distinct_values"] == len(set(ages))
    assert (profile["p1_name"]["minimum"], profile["p1_name"]["distinct_values"]) == (None, persons)
    assert (profile["h6_phone"]["missing"], profile["h6_phone"]["distinct_values"]) == (None, None)
    codes = office.rows(
        "select code, language, label from landing.code_list where column_name = 'toilet' order by 2, 1"
    )
    assert [tuple(row.values()) for row in codes][:3] == [
        ("1", "en", "Flush toilet"),
        ("2", "en", "Ordinary toilet"),
        ("3", "en", "No toilet"),
    ]
    assert [row["label"] for row in codes if row["language"] == "ne"] == ["फ्लस", "साधारण", "छैन"]
    stored = vault.stored(contracts.load("census"), delivery["sha256"])
    assert (stored.rows("household"), stored.rows("person")) == (60, persons)


def test_the_same_delivery_again_changes_nothing(office):
    office.take_in(CONTENT)
    before = office.rows("select loaded_at from landing.delivery")
    office.take_in(CONTENT)
    assert office.rows("select loaded_at from landing.delivery") == before
    # Another contract has the same delivery read again, from the archive's encrypted bytes.
    office.declare(columns={"h4_rooms_2": {"role": "ignored", "type": "integer", "record": "household"}})
    office.take_in(CONTENT)
    assert office.rows("select loaded_at from landing.delivery") != before
    assert office.rows("select count(*) as n from landing.record_profile")[0]["n"] == 2


FIRST = next(i for i, line in enumerate(CONTENT) if line[0] == "2")
HOUSES = [i for i, line in enumerate(CONTENT) if line[0] == "1"]
KEYS, CODES = "Keys are unique", "Values are in their code list"
RANGES = "Values are between the contract's minimum and maximum"
PARENTS, CHILDREN = "Rows belong to a row of their parent", "Rows have the records below that are required"
FILLED = "Required columns are filled"
FAULTS = {
    "of values and persons": (
        [
            *changed(
                {
                    FIRST: lambda line: line[:23] + "7" + line[24:],
                    HOUSES[2]: lambda line: line[:10] + "1500.0" + line[16:],
                    HOUSES[5]: lambda line: line[:9] + " " + line[10:],
                }
            ),
            CONTENT[FIRST],
        ],
        {
            CODES: ("column_name=sex", "faults=1", f"first_row={FIRST + 1}"),
            RANGES: ("column_name=h2_area", "faults=1", f"first_row={HOUSES[2] + 1}"),
            KEYS: ("record=person", "faults=1", f"first_row={len(CONTENT) + 1}"),
            FILLED: ("column_name=toilet", "faults=1", f"first_row={HOUSES[5] + 1}"),
        },
    ),
    "of households": (
        [
            *(
                line[:24] + "115" + line[27:] if i == FIRST else line
                for i, line in enumerate(CONTENT)
                # One household is away, and of another all persons are.
                if i != HOUSES[1] and not HOUSES[3] < i < HOUSES[4]
            ),
            CONTENT[HOUSES[8]],
        ],
        {
            CODES: ("column_name=age", "faults=1", f"first_row={FIRST + 1}"),
            KEYS: ("record=household", "faults=1"),
            PARENTS: ("record=person", f"faults={HOUSES[2] - HOUSES[1] - 1}", f"first_row={HOUSES[1] + 1}"),
            CHILDREN: ("record=household", "fault=without person", "faults=2", f"first_row={HOUSES[3]}"),
        },
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_hold_the_delivery_back(office, fault):
    content, expectations = FAULTS[fault]
    with pytest.raises(GateError) as caught:
        office.take_in(content)
    found = {}
    for line in str(caught.value).splitlines():
        _, _, said = line.partition("failed: profile of census: ")
        if said:
            found[said.partition(": ")[0]] = f"{said},"
    assert set(found) == set(expectations)
    for expectation, words in expectations.items():
        assert all(f"{word}," in found[expectation] for word in ("file_name=census.dat", *words))
    (delivery,) = office.rows("select status, reason from landing.delivery")
    assert delivery["status"] == "held_back" and KEYS in delivery["reason"]


def test_faults_that_the_contract_bears_pass(office):
    share = 0.1
    office.declare(
        tolerance={"out_of_code_list": share, "orphans": share, "duplicate_keys": share, "missing": share}
        | {"out_of_range": share}
    )
    content = list(CONTENT)
    content[FIRST] = content[FIRST][:23] + "7" + content[FIRST][24:]
    content[HOUSES[2]] = content[HOUSES[2]][:9] + " 1500.0" + content[HOUSES[2]][16:]
    del content[HOUSES[4]]
    office.take_in([*content, CONTENT[HOUSES[7] + 1]])
    assert office.rows("select status from landing.delivery") == [{"status": "accepted"}]
    faults = "select sum(out_of_code_list) as codes, sum(out_of_range) as ranges, sum(missing) as missing"
    assert office.rows(f"{faults} from landing.column_profile") == [{"codes": 1, "ranges": 1, "missing": 1}]
    assert office.rows(
        "select orphans, duplicate_keys from landing.record_profile where record = 'person'"
    ) == [{"orphans": HOUSES[5] - HOUSES[4] - 1, "duplicate_keys": 1}]


def test_a_source_may_judge_its_profile_itself(office):
    suites = office.project / "expectations" / "raw"
    suites.mkdir(parents=True)
    (suites / "census.profile.yml").write_text(
        "suite: raw.census.profile\nexpectations:\n  - type: expect_rows_to_satisfy\n"
        "    kwargs: {condition: distinct_values > 2, where: \"column_name = 'sex' and fault = 'missing'\"}\n"
        "    dimension: completeness\n    severity: fail\n    description: There is a third sex\n"
    )
    with pytest.raises(GateError, match="There is a third sex: 1 of 1 rows unexpected"):
        office.take_in(CONTENT)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("".join(f"{line}\n" for line in CONTENT)[:-7], "the file ends in the middle of a record"),
        (
            changed({HOUSES[1]: lambda line: line[:28] + "   0" + line[32:]}),
            "column h5_weight: the weight is zero",
        ),
        (
            changed({HOUSES[1]: lambda line: line[:28] + " -10" + line[32:]}),
            "h5_weight: the weight is negative",
        ),
        (
            changed({HOUSES[1]: lambda line: line[:28] + "    " + line[32:]}),
            "h5_weight: the weight is missing",
        ),
        (changed({FIRST: lambda line: "9" + line[1:]}), "the dictionary does not match: the record type"),
    ],
)
def test_what_cannot_be_used_is_named_and_nothing_is_loaded(office, content, message):
    with pytest.raises(DeliveryError) as caught:
        office.take_in(content)
    assert message in str(caught.value) and "census.dat, row " in str(caught.value)
    (delivery,) = office.rows("select status, reason from landing.delivery")
    assert delivery["status"] == "rejected" and message in delivery["reason"]
    assert office.rows("select count(*) as n from raw.census") == [{"n": 0}]
    assert office.rows("select count(*) as n from landing.record_profile") == [{"n": 0}]
    assert not list((office.home / "vault").rglob("*.parquet"))
