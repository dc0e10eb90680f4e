"""Random tables in a row of releases: an attacker with all files never knows a small figure to be small."""

import numpy as np
import pandas as pd
import pytest

from statloom.release.columns import DIMENSIONS
from statloom.release.protection import apply, cells
from tests.release.protection.attacker import largest

UNITS = [f"{d}{u}" for d in "123" for u in "123"]
PLACES = [*UNITS, "1", "2", "3", "NP"]
SUMS = [("NP", ["1", "2", "3"])] + [(d, [f"{d}{u}" for u in "123"]) for d in "123"]
PARENT = {u: u[0] for u in UNITS} | dict.fromkeys("123", "NP")
LEVEL = {"NP": "country"} | dict.fromkeys("123", "district")
THRESHOLD = 4


def draw(random: np.random.Generator) -> dict:
    """Households and how many of them have light and water, by unit and head's sex: (what, place, sex)."""
    found = {}
    for unit in UNITS:
        for sex in "FM":
            households = int(random.choice([0, 3, 6, 12, 30, 60])) + int(random.integers(0, 4))
            found["hh", unit, sex] = households
            found["light", unit, sex] = int(random.binomial(households, 0.5))
            found["water", unit, sex] = int(random.binomial(households, random.choice([0.05, 0.5, 1.0])))
    return total(found)


def total(found: dict) -> dict:
    found = {key: n for key, n in found.items() if key[1] in UNITS and key[2] != "_T"}
    for what in ("hh", "light", "water"):
        for unit in UNITS:
            found[what, unit, "_T"] = found[what, unit, "F"] + found[what, unit, "M"]
        for sex in ("F", "M", "_T"):
            for whole, parts in reversed(SUMS):
                found[what, whole, sex] = sum(found[what, part, sex] for part in parts)
    return found


def revised(random: np.random.Generator, before: dict) -> dict:
    found = dict(before)
    for unit in random.choice(UNITS, 2, replace=False):
        for sex in "FM":
            more = int(random.integers(0, 6))
            found["hh", unit, sex] += more
            found["light", unit, sex] += int(random.integers(0, more + 1))
    return total(found)


def rows_of(table: dict, release: int) -> pd.DataFrame:
    rows = []
    for series in ("hh", "light", "water"):
        for place in PLACES:
            for sex in ("F", "M", "_T"):
                n, d = table[series, place, sex], table["hh", place, sex]
                share = series != "hh"
                small = {n, d, d - n} if share else {n}
                rows.append(
                    dict.fromkeys(DIMENSIONS, "_T")
                    | {
                        "observation_key": f"{series} {place} {sex}",
                        "release": release,
                        "source_id": "census",
                        "series_code": series,
                        "source_level": LEVEL.get(place, "local_unit"),
                        "place_id": place,
                        "parent_id": PARENT.get(place),
                        "place_level": LEVEL.get(place, "local_unit"),
                        "place_vintage": "V",
                        "period": "2021",
                        "time_detail": "2021",
                        "sex": sex,
                        "numerator": float(n) if share else None,
                        "denominator": float(d) if share else None,
                        "value": None if share else float(n),
                        "n": None,
                        "kind": "count",
                        "minimum_respondents": THRESHOLD + 1,
                        "protection_level": None,
                        "is_primary": bool(small & set(range(1, THRESHOLD + 1))),
                        "may_be_left_out": release == cells.NOW,
                    }
                )
    found = pd.DataFrame(rows)
    figures = ["numerator", "denominator", "value", "n", "protection_level"]
    return found.astype(dict.fromkeys(figures, float)).assign(left_out=found["is_primary"])


SIGNATURES = {
    ("census", "hh", "value"): "households",
    ("census", "light", "denominator"): "households",
    ("census", "water", "denominator"): "households",
    ("census", "light", "numerator"): "light",
    ("census", "water", "numerator"): "water",
}


def released(table: dict, earlier: list[pd.DataFrame]) -> pd.DataFrame | None:
    """The rows of a release and what is left out; none when the release would be refused."""
    rows = pd.concat([rows_of(table, cells.NOW), *earlier], ignore_index=True)
    places = (PARENT, pd.DataFrame(columns=["whole", "part"]), SIGNATURES)
    figures, chosen = apply.choose(rows, *places)
    if chosen.unprotected.any():
        return None
    now = figures.rows["release"].eq(cells.NOW).to_numpy()
    return figures.rows[now].assign(left_out=chosen.left_out[now], may_be_left_out=False)


def attack(releases: list[tuple[dict, pd.DataFrame]]) -> None:
    """Assert that every small figure of a left-out row may be above the threshold, whatever all releases
    show; a figure is one unknown in all releases in which it is the same."""
    values, rows_with, hidden_in, sums, asked = {}, {}, {}, set(), set()
    for table, rows in releases:
        out = set(rows.loc[rows["left_out"], "observation_key"])

        def cell(part: str, place: str, sex: str, table=table) -> tuple:
            n = table[part.removeprefix("no "), place, sex]
            n = table["hh", place, sex] - n if part.startswith("no ") else n
            values[part, place, sex, n] = n
            return part, place, sex, n

        for series in ("hh", "light", "water"):
            for place in PLACES:
                for sex in ("F", "M", "_T"):
                    parts = ["hh"] if series == "hh" else [series, f"no {series}", "hh"]
                    names = [cell(part, place, sex) for part in parts]
                    for name in names:
                        rows_with[name] = rows_with.get(name, 0) + 1
                        is_out = f"{series} {place} {sex}" in out
                        hidden_in[name] = hidden_in.get(name, 0) + is_out
                        if is_out and values[name] <= THRESHOLD and (series != "hh" or values[name]):
                            asked.add(name)
                    if series != "hh":
                        sums.add((names[2], tuple(names[:2])))
        for part in ("hh", "light", "water", "no light", "no water"):
            for place in PLACES:
                both = (cell(part, place, "F"), cell(part, place, "M"))
                sums.add((cell(part, place, "_T"), both))
            for sex in ("F", "M", "_T"):
                for whole, inside in SUMS:
                    sums.add((cell(part, whole, sex), tuple(cell(part, p, sex) for p in inside)))
    hidden = {name for name, count in hidden_in.items() if count and count == rows_with[name]}
    equations = [(whole, list(parts)) for whole, parts in sums]
    # A figure that some row shows is public: then its row is out for another part's sake.
    for name in asked & hidden:
        assert largest(values, hidden, equations, name) > THRESHOLD, name


@pytest.mark.parametrize("seed", range(4))
def test_no_small_figure_is_known_to_be_small_over_three_releases(seed):
    random = np.random.default_rng(seed)
    table = draw(random)
    history: list[tuple[dict, pd.DataFrame]] = []
    for _ in range(5):
        rows = released(table, [rows.assign(release=n) for n, (_, rows) in enumerate(history, start=1)])
        # So small and dense a table may leave no way to protect a revision: it is refused, not released.
        if rows is not None:
            history.append((table, rows))
            attack(history)
            assert 0 < rows["left_out"].mean() < 0.9
        if len(history) == 3:
            break
        table = revised(random, table)
    assert history


def test_without_memory_the_attacker_wins():
    """The same tables, each release protected for itself: the attack finds what the memory prevents."""
    found = 0
    for seed in range(4):
        random = np.random.default_rng(seed)
        table, history = draw(random), []
        for _ in range(3):
            history.append((table, released(table, [])))
            table = revised(random, table)
        try:
            attack(history)
        except AssertionError:
            found += 1
    assert found
