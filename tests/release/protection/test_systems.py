"""What a release leaves out of linked tables: the true small cells stay unknown, whatever is shown."""

import pytest

from statloom import release
from statloom.errors import StatloomError
from tests.publication.marts import query, run
from tests.release.country import declare
from tests.release.protection.attacker import largest
from tests.release.protection.tables import (
    census,
    left_out,
    measured,
    publish_cells,
    released,
    rules,
)

pytestmark = pytest.mark.database

WOMEN = {"11": 1, "12": 2, "13": 40, "21": 30, "22": 50}
MEN = {"11": 60, "12": 70, "13": 80, "21": 30, "22": 45}


def by_sex(women: dict, men: dict, *, age: str = "_T") -> dict[tuple, int]:
    """A count by place and sex with all totals: (place, sex) → persons."""
    cells = {(p, "F"): n for p, n in women.items()} | {(p, "M"): n for p, n in men.items()}
    for sex in ("F", "M"):
        for district in sorted({p[0] for p in women}):
            inside = [n for (p, s), n in cells.items() if s == sex and len(p) == 2 and p[0] == district]
            cells[district, sex] = sum(inside)
        cells["NP", sex] = sum(n for (p, s), n in cells.items() if s == sex and len(p) == 1)
    for p in [*women, *sorted({p[0] for p in women}), "NP"]:
        cells[p, "_T"] = cells[p, "F"] + cells[p, "M"]
    return cells


def sums_of(cells: dict[tuple, int]) -> list[tuple]:
    """The sums of a table by place and sex."""
    found = [((p, "_T"), [(p, "F"), (p, "M")]) for p in {p for p, _ in cells}]
    for sex in ("F", "M", "_T"):
        districts = [p for p, s in cells if s == sex and len(p) == 1]
        found.append((("NP", sex), [(p, sex) for p in districts]))
        for d in districts:
            found.append(((d, sex), [(p, s) for p, s in cells if s == sex and len(p) == 2 and p[0] == d]))
    return found


def rows_of(cells: dict[tuple, int], **more) -> list[dict]:
    return [{"place": p, "sex": sex, "value": n} | more for (p, sex), n in cells.items()]


def test_no_small_cell_is_known_to_be_small(database):
    cells = by_sex(WOMEN, MEN)
    publish_cells(database.engine, rows_of(cells))
    census(database.engine)
    release.prepare(database.engine, run_id="test")
    hidden = left_out(database.engine)
    # Two gaps in a sum are not enough where both are small: 1 and 2 make 3.
    greedy = {("11", "F"), ("12", "F"), ("11", "M"), ("12", "M")}
    assert largest(cells, greedy, sums_of(cells), ("11", "F"), least=1) <= 4
    for small in (("11", "F"), ("12", "F")):
        assert small in hidden
        assert largest(cells, hidden, sums_of(cells), small, least=1) >= 5
    assert query(database.engine, "select sum(cells_recoverable) from release.candidate_dataset") == [(0,)]
    # Totals of the country are not worth a cell of a village.
    assert not any(p == "NP" for p, _ in hidden)


def test_nothing_small_nothing_left_out(database):
    publish_cells(database.engine, rows_of(by_sex({p: n + 10 for p, n in WOMEN.items()}, MEN)))
    census(database.engine)
    release.prepare(database.engine, run_id="test")
    assert left_out(database.engine) == set()


def test_the_same_figure_on_another_level_is_left_out_too(database):
    cells = by_sex(WOMEN, MEN)
    districts = {key: n for key, n in cells.items() if len(key[0]) == 1 or key[0] == "NP"}
    publish_cells(database.engine, rows_of(cells) + rows_of(districts, level="local_unit"))
    census(database.engine)
    # A district that is small itself.
    run(database.engine, "update landing.source set contract = jsonb_set(contract, "
        "'{disclosure,minimum_respondents}', '50')")  # fmt: skip
    release.prepare(database.engine, run_id="test")
    found = query(
        database.engine,
        "select place_code, sex, count(distinct suppressed) from release.candidate_cell "
        "where place_level <> 'local_unit' group by 1, 2",
    )
    assert {count for _, _, count in found} == {1}
    assert ("1", "F") in left_out(database.engine)


def share(numerators: dict[str, int], denominators: dict[str, int], **more) -> list[dict]:
    return [
        {"place": p, "numerator": n, "denominator": denominators[p]} | more for p, n in numerators.items()
    ]


def test_shares_of_one_denominator_are_linked(database):
    households = {"11": 40, "12": 9, "13": 60, "1": 109, "NP": 109}
    toilets = {"11": 20, "12": 5, "13": 30, "1": 55, "NP": 55}
    lights = {"11": 2, "12": 3, "13": 30, "1": 35, "NP": 35}
    publish_cells(
        database.engine,
        share(toilets, households, series="TOILET")
        + share(lights, households, series="LIGHT")
        + [{"place": p, "value": n, "series": "HH"} for p, n in households.items()],
    )
    census(database.engine, series=("HH", "TOILET", "LIGHT"))
    measured(
        database.engine,
        "census",
        {
            "HH": {"value": "household"},
            "TOILET": {"numerator": "toilet", "denominator": "household"},
            "LIGHT": {"numerator": "light", "denominator": "household"},
        },
    )
    release.prepare(database.engine, run_id="test")
    lights_out = {p for p, _ in left_out(database.engine, "LIGHT")}
    households_out = {p for p, _ in left_out(database.engine, "HH")}
    toilets_out = {p for p, _ in left_out(database.engine, "TOILET")}
    # Toilets in 12: 9 less 5 is 4, a small rest.
    assert {"11", "12"} <= lights_out and "12" in toilets_out
    values, hidden, sums = {}, set(), []
    for name, numerators, out in (("light", lights, lights_out), ("toilet", toilets, toilets_out)):
        for p, n in numerators.items():
            values |= {(name, p): n, (f"no {name}", p): households[p] - n, ("hh", p): households[p]}
            hidden |= {(name, p), (f"no {name}", p)} if p in out else set()
            sums.append((("hh", p), [(name, p), (f"no {name}", p)]))
    # A denominator is known where any of the three shows it.
    hidden |= {("hh", p) for p in lights_out & households_out & toilets_out}
    for name in ("light", "no light", "toilet", "no toilet", "hh"):
        sums += [((name, "NP"), [(name, "1")]), ((name, "1"), [(name, "11"), (name, "12"), (name, "13")])]
    for cell in [("light", "11"), ("light", "12"), ("no toilet", "12")]:
        assert largest(values, hidden, sums, cell) >= 5


def test_a_share_of_nobody_hides_in_its_row(database):
    persons = {"11": 30, "12": 30, "13": 40, "1": 100, "NP": 100}
    able = {"11": 30, "12": 27, "13": 20, "1": 77, "NP": 77}
    publish_cells(database.engine, share(able, persons))
    census(database.engine)
    release.prepare(database.engine, run_id="test")
    hidden = {p for p, _ in left_out(database.engine)}
    values = {("n", p): n for p, n in able.items()} | {("r", p): persons[p] - n for p, n in able.items()}
    values |= {("d", p): n for p, n in persons.items()}
    out = {(part, p) for part in "nrd" for p in hidden}
    sums = [(("d", p), [("n", p), ("r", p)]) for p in persons]
    for part in "nrd":
        sums += [((part, "NP"), [(part, "1")]), ((part, "1"), [(part, q) for q in ("11", "12", "13")])]
    assert "12" in hidden and "1" not in hidden
    # Who hides with it may be empty: that cannot be seen either.
    for p in hidden:
        for part in "nrd":
            assert largest(values, out, sums, (part, p)) >= 5


def test_categories_that_make_a_whole_are_found_among_series(database):
    households = {str(n): 100 + 7 * n for n in range(11, 29)}
    flush = {p: 20 + int(p) % 7 for p in households}
    pit = {p: 30 + (int(p) * 3) % 11 for p in households}
    none = {p: households[p] - flush[p] - pit[p] for p in households}
    none["12"], households["12"] = 2, flush["12"] + pit["12"] + 2
    tables = {"FLUSH": flush, "PIT": pit, "NONE": none, "HH": households}
    publish_cells(
        database.engine,
        [
            {"place": p, "value": n, "series": name}
            for name, table in tables.items()
            for p, n in table.items()
        ],
    )
    census(database.engine, series=tuple(tables))
    release.prepare(database.engine, run_id="test")
    out = {name: {p for p, _ in left_out(database.engine, name)} for name in tables}
    assert "12" in out["NONE"]
    # Households less flush and pit would tell it.
    assert any("12" in out[name] for name in ("FLUSH", "PIT", "HH"))


def test_nested_ages_are_sums_of_their_own(database):
    codes = {"Y0T14": lambda n: 20 + n % 5, "Y15T49": lambda n: 30 + n % 7, "Y50T64": lambda n: 10 + n % 3,
             "Y_GE65": lambda n: 6 + n % 4}  # fmt: skip
    cells = []
    for n in range(11, 29):
        ages = {code: count(n) for code, count in codes.items()}
        if n == 15:
            ages["Y50T64"] = 3
        ages["Y15T64"] = ages["Y15T49"] + ages["Y50T64"]
        ages["_T"] = ages["Y0T14"] + ages["Y15T64"] + ages["Y_GE65"]
        cells += [{"place": str(n), "age": age, "value": count} for age, count in ages.items()]
    publish_cells(database.engine, cells)
    census(database.engine)
    release.prepare(database.engine, run_id="test")
    hidden = left_out(database.engine, columns="place_code, age")
    assert ("15", "Y50T64") in hidden
    assert hidden & {("15", "Y15T49"), ("15", "Y15T64")}
    assert all(place == "15" for place, _ in hidden)


def test_a_whole_with_a_few_missing_still_tells_how_large_its_parts_can_be(database):
    # One person's sex is not stated: women are at most 24 less 20.
    cells = {("11", "_T"): 24, ("11", "F"): 3, ("11", "M"): 20}
    publish_cells(database.engine, rows_of(cells))
    census(database.engine)
    release.prepare(database.engine, run_id="test")
    assert left_out(database.engine) > {("11", "F")}


def test_estimates_are_left_out_for_themselves_alone(database):
    cells = by_sex(WOMEN, MEN)
    publish_cells(database.engine, [row | {"n": row["value"], "se": 1.0} for row in rows_of(cells)])
    census(database.engine)
    release.prepare(database.engine, run_id="test")
    assert left_out(database.engine) == {("11", "F"), ("12", "F")}
    said = query(database.engine, "select distinct comment from release.candidate_cell where suppressed")
    assert said == [("suppressed: fewer than 5 respondents",)]


def test_what_is_free_elsewhere_cannot_be_protected_and_stops_the_release(database):
    cells = by_sex(WOMEN, MEN)
    publish_cells(database.engine, rows_of(cells) + rows_of(cells, source="list"))
    census(database.engine)
    declare(database.engine, "list", rules(0, reason="a public list"), {"S": "value"})
    named = r"cannot be protected: S of census, V:local_unit:1[12], 2021, sex F.*"
    why = r"series that is declared free shows the same.*'coarser'"
    with pytest.raises(StatloomError, match=named + why):
        release.prepare(database.engine, run_id="test")


def test_a_free_series_is_shown_and_a_free_source_needs_its_reason(database):
    publish_cells(database.engine, rows_of(by_sex(WOMEN, MEN)))
    census(database.engine, rules(5, free=[{"series": "S", "reason": "a list of villages"}]))
    release.prepare(database.engine, run_id="test")
    assert left_out(database.engine) == set()
    census(database.engine, rules(0, reason=""))
    with pytest.raises(
        StatloomError, match=r"census \(dags/sources/census\.yml\) protects no cell and gives no"
    ):
        release.prepare(database.engine, run_id="test")


def test_a_series_is_free_in_the_periods_that_are_named(database):
    cells = by_sex(WOMEN, MEN)
    publish_cells(database.engine, rows_of(cells) + rows_of(cells, period="2022"))
    census(database.engine, rules(5, free=[{"series": "S", "reason": "given away", "periods": ["2021"]}]))
    release.prepare(database.engine, run_id="test")
    assert {period for (period,) in left_out(database.engine, columns="period")} == {"2022"}


def test_all_of_a_group_in_one_category(database):
    persons = {"11": 30, "12": 30, "13": 40, "1": 100, "NP": 100}
    able = {"11": 30, "12": 17, "13": 20, "1": 67, "NP": 67}
    publish_cells(database.engine, share(able, persons))
    census(database.engine)
    release.prepare(database.engine, run_id="test")
    assert left_out(database.engine) == set()
    census(database.engine, rules(5, group=True))
    release.prepare(database.engine, run_id="test")
    hidden = {p for p, _ in left_out(database.engine)}
    assert "11" in hidden and len(hidden) > 1


def test_figures_declared_coarser_are_in_no_table(database):
    publish_cells(database.engine, rows_of(by_sex(WOMEN, MEN)))
    census(
        database.engine,
        rules(5, coarser=[{"series": ["S"], "place_level": "local_unit", "without": ["SEX"]}]),
    )
    made = released(database.engine)
    text = (made.folder / "data" / "S.csv").read_text()
    assert "local_unit" in text and "district" in text
    found = query(
        database.engine,
        "select place_level, sex, count(*) from release.candidate_cell group by 1, 2 order by 1, 2",
    )
    assert ("local_unit", "_T", 5) in found and ("district", "F", 2) in found
    assert not any(level == "local_unit" and sex != "_T" for level, sex, _ in found)
    assert left_out(database.engine) == set()
    loss = query(
        database.engine,
        "select place_level, not_released_cells, suppressed_cells from release.loss order by place_level",
    )
    assert ("local_unit", 10, 0) in loss and ("all", 10, 0) in loss
