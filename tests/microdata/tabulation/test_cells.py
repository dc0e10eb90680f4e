"""Cells of a tabulation, against pandas; parts that are added up; data that cannot be used."""

import pandas as pd
import pyarrow as pa
import pytest

from statloom.errors import ContractError
from statloom.microdata.tabulation import (
    DuckDB,
    TabulationError,
    cells,
    combine,
    load_request,
    long,
    roll_up,
    tabulate,
)
from tests.microdata.tabulation.persons import REQUEST, by_hand, made

KEYS = ["place_level", "place_code", "sex", "age_group", "measure"]


def planned(tmp_path, text=REQUEST):
    path = tmp_path / "request.yml"
    path.write_text(text)
    (plan,) = load_request(path)
    return plan


def written(tmp_path, frame, name="persons.parquet"):
    frame.to_parquet(tmp_path / name, row_group_size=500)
    return tmp_path / name


def as_hand(table, plan):
    frame = long(table, plan).to_pandas().rename(columns={"respondents": "n"})
    return frame[[*KEYS, "value", "n"]].sort_values(KEYS, ignore_index=True).convert_dtypes()


def expected(frame, **how):
    return by_hand(frame, **how)[[*KEYS, "value", "n"]].sort_values(KEYS, ignore_index=True).convert_dtypes()


def test_every_cell_is_that_of_a_tabulation_by_hand(tmp_path):
    frame, plan = made(), planned(tmp_path)
    table = tabulate(written(tmp_path, frame), plan)
    pd.testing.assert_frame_equal(as_hand(table, plan), expected(frame), check_exact=True)
    # Units of a cell, those without an answer included; and no row for units without a ward.
    whole = table.to_pandas().set_index(["place_level", "place_code", "sex", "age_group"])
    assert whole.loc[("country", "NP", "_T", "_T"), "units"] == len(frame)
    wards = whole.loc["ward"].xs(("_T", "_T"), level=["sex", "age_group"])
    assert len(wards) == 30 and wards["units"].sum() == frame["ward"].notna().sum() < len(frame)


def test_weighted_cells_are_weighted_and_still_say_how_many_units_they_have(tmp_path):
    frame = made()
    plan = planned(tmp_path, REQUEST + "  weight: weight\n")
    table = tabulate(written(tmp_path, frame), plan)
    pd.testing.assert_frame_equal(as_hand(table, plan), expected(frame, weighted=True), check_exact=True)


def test_cells_do_not_depend_on_order_threads_or_parts(tmp_path):
    frame = made()
    plan = planned(tmp_path, REQUEST + "  weight: weight\n")
    whole = tabulate(written(tmp_path, frame), plan, engine=DuckDB(threads=1))
    mixed = written(tmp_path, frame.sample(frac=1, random_state=1), "mixed.parquet")
    assert tabulate(mixed, plan, engine=DuckDB(threads=4)).equals(whole)
    parts = [written(tmp_path, frame[i::3], f"part{i}.parquet") for i in range(3)]
    assert tabulate(parts, plan).equals(whole)
    made_apart = [cells(part, plan) for part in parts]
    assert roll_up(made_apart, plan).equals(whole)
    added = combine(made_apart, plan)
    assert len(added) == len(cells(written(tmp_path, frame), plan)) < sum(map(len, made_apart))
    assert added.schema == made_apart[0].schema
    assert roll_up(added, plan).equals(whole)


def test_only_the_wanted_combinations_are_made(tmp_path):
    plan = planned(tmp_path, REQUEST + "  by: [[], [sex]]\n")
    table = tabulate(written(tmp_path, made()), plan)
    assert "age_group" not in table.column_names
    assert set(table["sex"].to_pylist()) == {"F", "M", "_T", "_U"}


def test_places_and_breakdowns_may_be_expressions(tmp_path):
    text = """
columns: {ward: text, age: integer, literate: boolean}
tabulation:
  places: {half: "substring(ward, 1, 1)"}
  numerators: {literate: literate}
  breakdowns: {decade: "age // 10 * 10", grown: age >= 18}
  by: [[decade, grown]]
"""
    frame = made().dropna(subset=["age", "ward"])
    table = tabulate(written(tmp_path, frame), planned(tmp_path, text)).to_pandas()
    by = [
        frame["ward"].str[0],
        (frame["age"] // 10 * 10).astype(str),
        (frame["age"] >= 18).map({True: "true", False: "false"}),
    ]
    found = table.set_index(["place_code", "decade", "grown"])["literate"]
    wanted = frame["literate"].fillna(False).astype(int).groupby(by).sum()
    assert set(table["place_level"]) == {"half"}
    assert found.to_dict() == wanted.to_dict()


def faulty(frame, where, column, value):
    frame = frame.copy()
    frame.loc[where, column] = value
    return frame


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("weight", 0.0, "^2 units have a weight that is missing, zero, negative or too large$"),
        ("weight", -1.0, "^2 units have a weight"),
        ("weight", None, "^2 units have a weight"),
        ("weight", float("inf"), "^2 units have a weight"),
        ("income", 1e300, "^2 units have a value of income that is not a number below"),
        ("income", float("-inf"), "^2 units have a value of income"),
        ("province", "3", "^district 'D0' lies in two places of level province: '1' and '3'$"),
        ("province", None, "^district 'D0' lies in two places of level province: none and '1'$"),
        ("sex", "X", "^breakdown sex: 2 units have 'X', no declared category$"),
        ("sex", "_T", "^breakdown sex: '_T' is no category"),
    ],
)
def test_units_that_cannot_be_counted_are_named_by_what_is_wrong(tmp_path, column, value, reason):
    frame = made()
    first = frame.index[
        (frame["district"] == "D0") & (frame["age"] > 20) & frame["income"].notna() & frame["ward"].notna()
    ][:2]
    plan = planned(tmp_path, REQUEST + "  weight: weight\n")
    data = written(tmp_path, faulty(frame, first, column, value))
    with pytest.raises(TabulationError, match=reason):
        tabulate(data, plan)
    # Also in one part of several.
    with pytest.raises(TabulationError, match=reason):
        roll_up([cells(data, plan), cells(written(tmp_path, frame, "fine.parquet"), plan)], plan)


def test_data_that_are_not_those_of_the_request_are_refused(tmp_path):
    plan, frame = planned(tmp_path), made(100)
    with pytest.raises(TabulationError, match="the data have no column 'age'"):
        tabulate(written(tmp_path, frame.drop(columns="age")), plan)
    with pytest.raises(TabulationError, match="column 'age' is varchar in the data, not integer"):
        tabulate(written(tmp_path, frame.astype({"age": "str"})), plan)
    with pytest.raises(TabulationError, match="no such file"):
        tabulate(tmp_path / "nothing.parquet", plan)
    with pytest.raises(TabulationError, match="no rows"):
        tabulate(written(tmp_path, frame[:0]), plan)
    (tmp_path / "text.parquet").write_text("no Parquet")
    with pytest.raises(TabulationError, match="cannot be tabulated"):
        tabulate(tmp_path / "text.parquet", plan)
    part = cells(written(tmp_path, frame), plan)
    with pytest.raises(TabulationError, match="not of the same tabulation"):
        combine([part, part.drop_columns(["v0"])], plan)


def test_too_little_memory_is_said(tmp_path):
    with pytest.raises(TabulationError, match="memory"):
        tabulate(written(tmp_path, made(50_000)), planned(tmp_path), engine=DuckDB(memory="1MB", threads=1))


def test_faults_of_a_request_are_named_with_their_lines(tmp_path):
    text = REQUEST.replace("province: province,", "province: provinz,").replace(
        "literate}", "literate; drop table units}"
    )
    text = text.replace("    years: age", "    years: median(age)\n    adults: age > 15")
    with pytest.raises(ContractError, match=r"line 19, tabulation.*adults: the name 'adults' is taken"):
        planned(tmp_path, text)
    text = text.replace("    adults: age > 15\n", "")
    with pytest.raises(ContractError) as refused:
        planned(tmp_path, text)
    found = [line.removeprefix(f"{tmp_path}/request.yml, ") for line in str(refused.value).splitlines()]
    assert found == [
        "line 13, tabulation.places.province: unknown column 'provinz'; did you mean 'province'?",
        "line 21, tabulation.numerators.literate_adults.expression: one expression is allowed: ';' begins a"
        " second statement",
        "line 23, tabulation.numerators.years.expression: MEDIAN(age) is not additive: cells of two"
        " parts of the data could not be added up (statloom.microdata.survey estimates quantiles)",
    ]


def test_long_form_has_one_row_a_cell_and_measure(tmp_path):
    plan = planned(tmp_path)
    table = tabulate(written(tmp_path, made(500)), plan)
    rows = long(table, plan)
    assert rows.column_names == [
        "place_level",
        "place_code",
        "measure",
        "sex",
        "age_group",
        "value",
        "respondents",
    ]
    assert len(rows) == len(table) * len(plan.figures)
    assert rows.schema.field("respondents").type == pa.int64()
