"""What the public reads is named in English and in Nepali, in the seeds."""

import csv
import re
from pathlib import Path

import pytest

from statloom.exports.sdmx.layout import PARTS
from statloom.release.columns import CELL, PLACE

SEEDS = Path(__file__).parents[2] / "dbt_project" / "seeds" / "reference"
NAMED = {
    "goal": ("title",),
    "target": ("title",),
    "indicator": ("title",),
    "series": ("title", "definition"),
    "unit": ("title",),
    "breakdown": ("title",),
    "code_list": ("title",),
    "term": ("title",),
}


def rows(seed: str) -> list[dict]:
    with (SEEDS / f"{seed}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("seed", NAMED)
def test_every_name_is_there_in_both_languages(seed):
    for row in rows(seed):
        for name in NAMED[seed]:
            assert row[name], row
            assert re.search("[\u0900-\u097f]", row[f"{name}_ne"]), row


def test_every_column_and_concept_has_a_name():
    terms = {(row["kind"], row["code"]) for row in rows("term")}
    dimensions = {row["dimension"]: row["concept"] for row in rows("breakdown")}
    assert [name for name in CELL | PLACE if name not in dimensions and ("column", name) not in terms] == []
    concepts = {part.concept for part in PARTS} - set(dimensions.values())
    assert [concept for concept in sorted(concepts) if ("concept", concept) not in terms] == []
