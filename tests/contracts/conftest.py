import textwrap

import pytest

CONTRACT = """\
source: toilets
title: {en: "Toilets"}
custodian: Office
owner: a@b.example
kind: census
licence: MIT
provenance: Office
sensitivity: low
schedule: "@daily"
maximum_age_days: 400
connector: {type: file, url: toilets.csv}
format: {type: csv}
columns:
  level: {type: text, role: place_level, values: {country: country, district: district}}
  code: {type: text, role: place_code}
  toilet: {type: text, role: dimension, categories: [FLUSH, NONE]}
  sex: {type: text, role: dimension, categories: [female, male]}
  total: {type: integer, role: measure, minimum: 0}
key: [level, code, toilet, sex]
place: {scheme: S, date: 2011-06-22}
period: {type: year, value: "2011"}
series:
  - series: NONE
    numerator: {measure: total, where: {toilet: [NONE]}}
    denominator: {measure: total}
    breakdown: {SEX: {column: sex, codes: {female: F, male: M}}}
"""


@pytest.fixture
def write(tmp_path):
    """Write a contract with replacements of its text; return its path."""

    def written(*replacements, name="toilets", text=CONTRACT):
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / f"{name}.yml"
        path.write_text(textwrap.dedent(text))
        return path

    return written
