"""Public-use files from the vault: protected as declared, and what was lost is counted."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from statloom.contracts.loading import build
from statloom.microdata.public_use import PublicUseError, examine, make
from tests.microdata.public_use import survey

SECRET = b"s" * 32


def made(home, rows=None, secret=SECRET, **changes):
    declared = survey.contract(**changes)
    stored = survey.store(declared, *(rows or survey.rows()))
    return declared, make(stored, declared, secret)


def failed(declared, tables) -> dict[str, str]:
    findings, _ = examine(declared, tables)
    return {finding.check: finding.message for finding in findings if not finding.passed}


def test_the_file_is_protected_as_declared(home):
    above, below = survey.rows()
    declared, found = made(home, (above, below))
    findings, measures = examine(declared, found.tables)
    assert [finding.message for finding in findings if not finding.passed] == []
    assert measures.k >= 3 and measures.k_households >= 3
    assert measures.l["illness"]["distinct"] >= 2
    sizes = np.bincount(below["_household"])[1:]
    assert found.left_out == sizes[sizes > 6].sum()
    assert found.tables["household"].num_rows == (sizes <= 6).sum()
    assert found.rows == len(below["line"])
    kept = (sizes <= 6)[below["_household"] - 1]
    assert found.weights[0] == pytest.approx(above["weight"][below["_household"] - 1][kept].sum())
    assert found.weights[1] == pytest.approx(found.weights[0], rel=0.01)
    shown = found.tables["household"]["weight"].to_numpy()
    assert (shown % 10 == 0).all() and shown.min() > 0


def test_what_is_not_left_out_is_as_it_was(home):
    above, below = survey.rows()
    _, found = made(home, (above, below))
    kept = (np.bincount(below["_household"]) <= 6)[below["_household"]]
    persons = found.tables["person"]
    for name in ("sex", "illness", "literate"):
        before = pc.value_counts(pa.array(below[name][kept])).to_pylist()
        before = {entry["values"]: entry["counts"] for entry in before}
        after = {entry["values"]: entry["counts"] for entry in pc.value_counts(persons[name]).to_pylist()}
        gone = next(loss.suppressed for loss in found.losses if loss.variable == name)
        assert sum(before[value] - after.get(value, 0) for value in before if value is not None) == gone
    losses = {loss.variable: loss for loss in found.losses}
    assert losses["age"].suppressed == persons["age"].null_count > 0
    assert losses["age"].coded_top == (below["age"][kept] >= 70).sum()
    assert losses["illness"].suppressed == losses["literate"].suppressed == 0
    assert losses["literate"].values == (np.not_equal(below["literate"][kept], None)).sum()
    assert losses["age"].categories_before > 30 > losses["age"].categories_after
    assert 0.2 < losses["age"].kept < 0.8 and losses["literate"].kept == 1
    assert losses["consumption"].bits_recoded < losses["consumption"].bits_before


def test_the_same_input_gives_the_same_file_and_another_secret_another(home):
    _, first = made(home)
    _, second = made(home)
    _, other = made(home, secret=b"t" * 32)
    assert all(first.tables[name].equals(second.tables[name]) for name in first.tables)
    assert not first.tables["household"].equals(other.tables["household"])
    # The same households in another order.
    total = [pc.sum(each.tables["household"]["weight"]).as_py() for each in (first, other)]
    assert total[0] == total[1]


def test_a_part_is_drawn_by_household(home):
    declared, found = made(home, sample=0.5)
    _, whole = made(home)
    assert found.tables["household"].num_rows == round(whole.tables["household"].num_rows / 2)
    assert found.not_drawn == whole.tables["person"].num_rows - found.tables["person"].num_rows
    assert found.weights[1] == pytest.approx(whole.weights[1], rel=0.15)
    assert failed(declared, found.tables) == {}


def test_rows_of_one_record_are_put_together_by_a_column(home):
    above, below = survey.rows()
    at = below["_household"] - 1
    data = survey.declaration(household="household_id", household_variables=["province", "area"])
    del data["records"]
    data["key"] = ["household_id", "line"]
    for column in data["columns"].values():
        column.pop("record")
    data["estimation"].pop("record")
    declared = build(data, sha256="test")
    flat = {name: values[at] for name, values in above.items()} | below
    del flat["_household"]
    flat |= {"_unit": np.arange(len(at)) + 1, "_row_number": np.arange(len(at)) + 2}
    from statloom.microdata import vault

    with vault.Writer(declared, survey.SHA256) as writer:
        writer.write("unit", pa.table(flat))
        writer.finish()
        stored = writer.commit()
    found = make(stored, declared, SECRET)
    assert failed(declared, found.tables) == {}
    assert found.tables["household"].column_names == [
        "household_number", "province", "area", "units_in_household"
    ]  # fmt: skip
    flat["area"] = np.where(np.arange(len(at)) == 1, "Elsewhere", flat["area"])
    other = dataclasses.replace(
        declared, public_use=dataclasses.replace(declared.public_use, household_variables=("sex",))
    )
    with pytest.raises(
        PublicUseError, match=r"public_use: sex is declared a variable of households, and \d+"
    ):
        make(stored, other, SECRET)


def test_what_cannot_be_protected_is_said(home):
    with pytest.raises(PublicUseError, match=r"survey_2021: public_use: .* rows, fewer than k = 9000"):
        made(home, k=9000)
    with pytest.raises(PublicUseError, match="illness: the file as a whole is not as diverse"):
        made(home, l={"distinct": 4})
    with pytest.raises(PublicUseError, match="values that always show have fewer than k = 3"):
        made(home, survey.rows(60), largest_household=20)
