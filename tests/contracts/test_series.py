"""Series of contracts as rows of landing.series_mapping."""

import json

from statloom.contracts.loading import load_file
from statloom.contracts.series import mapping


def test_a_list_becomes_one_row_a_combination(write):
    contract = load_file(write(("where: {toilet: [NONE]}", "where: {toilet: [NONE, FLUSH], sex: [male]}")))
    rows = mapping(contract)
    numerators = [json.loads(r["categories"]) for r in rows if r["role"] == "numerator"]
    assert numerators == [{"toilet": "NONE", "sex": "male"}, {"toilet": "FLUSH", "sex": "male"}]
    assert [json.loads(r["categories"]) for r in rows if r["role"] == "denominator"] == [{}]
    assert {r["measure"] for r in rows} == {"total"}
    assert json.loads(rows[0]["breakdown"]) == {
        "sex": {"column": "sex", "codes": {"female": "F", "male": "M"}}
    }


SURVEY = (
    ("kind: census", "kind: survey"),
    ("  total: {type: integer, role: measure, minimum: 0}", "  weight: {type: number, role: weight}"),
    (", values: {country: country, district: district}", ""),
    ("role: place_level", "role: dimension"),
    ("role: place_code}", "role: place_code, level: district}"),
    ("place: {scheme: S,", "place: {code: NP, scheme: S,"),
    (
        "series:\n",
        "estimation:\n  design: {weight: weight}\n  domains: [[], [code, sex], [toilet]]\n"
        "  estimands: [{measure: total, type: proportion, column: toilet, category: NONE, multiplier: 100}]\n"
        "series:\n",
    ),
    (
        "    numerator: {measure: total, where: {toilet: [NONE]}}\n    denominator: {measure: total}\n",
        "    value: {measure: total}\n",
    ),
)


def test_estimates_are_never_added_up(write):
    contract = load_file(write(*SURVEY))
    assert contract.raw_key == ("place_level", "place_code", "estimand", "sex", "toilet")
    assert contract.raw["sex"].categories == ("female", "male", "_T")
    (row,) = mapping(contract)
    assert row["measure"] == "value"
    assert json.loads(row["categories"]) == {"estimand": "total", "toilet": "_T"}
    assert json.loads(row["breakdown"])["sex"]["codes"] == {"female": "F", "male": "M", "_T": "_T"}
