"""Patterns are judged by an attacker of the test's own, and by the cheapest of all patterns on small
tables."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

highspy = pytest.importorskip("highspy")

from benchmarks import disclosure_tables  # noqa: E402
from statloom.disclosure.secondary import suppress  # noqa: E402
from statloom.disclosure.tables import Dimension, Table  # noqa: E402


def highest(
    table: Table, suppressed: np.ndarray, least: float | np.ndarray, cells: np.ndarray, sign: float = 1.0
) -> np.ndarray:
    """The largest value (with ``sign`` -1: the smallest) that published figures allow each of the
    ``cells``."""
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    lowest = np.broadcast_to(least, len(table.value))
    for value, gap, low in zip(table.value, suppressed, lowest, strict=True):
        solver.addVar(low if gap else value, highspy.kHighsInf if gap else value)
    equations = table.equations
    for row in range(equations.shape[0]):
        span = slice(equations.indptr[row], equations.indptr[row + 1])
        columns = equations.indices[span].astype(np.int32)
        solver.addRow(0.0, 0.0, len(columns), columns, equations.data[span])
    found = []
    for cell in cells:
        solver.clearSolver()
        solver.changeColCost(int(cell), -sign)
        solver.run()
        optimal = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
        found.append(solver.getSolution().col_value[cell] if optimal else sign * np.inf)
        solver.changeColCost(int(cell), 0.0)
    return np.array(found)


def grid(inner: np.ndarray) -> Table:
    full = np.vstack([inner, inner.sum(axis=0)])
    full = np.hstack([full, full.sum(axis=1, keepdims=True)])
    rows = [f"r{r}" for r in range(len(inner))] + ["_T"]
    columns = [f"c{c}" for c in range(inner.shape[1])] + ["_T"]
    frame = pd.DataFrame(
        [(r, c, full[i, j]) for i, r in enumerate(rows) for j, c in enumerate(columns)],
        columns=["row", "column", "value"],
    )
    return Table.of(frame, [Dimension.flat("row", rows), Dimension.flat("column", columns)])


def small(table: Table, threshold: float) -> np.ndarray:
    return (table.value > 0) & (table.value <= threshold)


@pytest.mark.parametrize("seed", range(25))
def test_no_cheaper_pattern_protects_a_small_table(seed):
    table = grid(np.random.default_rng(seed).integers(0, 9, (3, 2)))
    primary = small(table, 2)
    pattern = suppress(table, primary, threshold=2, gap=0.0)
    cells = np.flatnonzero(primary)
    assert (highest(table, pattern.suppressed, 1.0, cells) >= 3 - 1e-6).all()
    assert not (pattern.secondary & (primary | (table.value == 0))).any()
    others = np.flatnonzero(~primary & (table.value > 0))
    for size in range(pattern.secondary.sum() + 2):
        for chosen in combinations(others, size):
            if table.value[list(chosen)].sum() < pattern.value - 1e-6:
                trial = primary.copy()
                trial[list(chosen)] = True
                assert (
                    not may_protect(table, trial, cells) or highest(table, trial, 1.0, cells).min() < 3 - 1e-6
                )


def may_protect(table: Table, trial: np.ndarray, cells: np.ndarray) -> bool:
    """False where one of the ``cells`` is alone in a sum: quicker than a programme."""
    sums = abs(table.equations)
    alone = sums @ trial.astype(float) == 1
    return not (sums[:, cells].sum(axis=1)[alone] > 0).any()


def nested(seed: int) -> Table:
    """Four places in two districts in a country, by two sexes: 21 cells, 5 of them inner sums of places."""
    inner = np.random.default_rng(seed).integers(0, 7, (4, 2))
    places = np.vstack([inner, inner[:2].sum(axis=0), inner[2:].sum(axis=0), inner.sum(axis=0)])
    full = np.hstack([places, places.sum(axis=1, keepdims=True)])
    names = ["t1", "t2", "t3", "t4", "d1", "d2", "_T"]
    frame = pd.DataFrame(
        [(p, s, full[i, j]) for i, p in enumerate(names) for j, s in enumerate(["F", "M", "_T"])],
        columns=["place", "sex", "value"],
    )
    parents = {"t1": "d1", "t2": "d1", "t3": "d2", "t4": "d2", "d1": "_T", "d2": "_T"}
    return Table.of(frame, [Dimension.tree("place", parents), Dimension.flat("sex", ["F", "M", "_T"])])


@pytest.mark.parametrize("size", [1, 12, 100], ids=["blocks", "groups", "whole"])
@pytest.mark.parametrize("seed", [0, 6, 9])
def test_the_bound_from_blocks_is_never_above_the_cheapest_pattern(monkeypatch, seed, size):
    from statloom.disclosure import secondary_whole

    monkeypatch.setattr(secondary_whole, "WHOLE", 0)
    monkeypatch.setattr(secondary_whole, "GROUP", size)
    monkeypatch.setattr(secondary_whole, "LARGEST", size)
    table = nested(seed)
    primary = small(table, 2)
    pattern = suppress(table, primary, threshold=2, gap=0.0)
    cells = np.flatnonzero(primary)
    assert highest(table, pattern.suppressed, 1.0, cells).min() >= 3 - 1e-6
    others = np.flatnonzero(~primary & (table.value > 0))
    best = pattern.value
    for many in range(1, 6):
        for chosen in combinations(others, many):
            if table.value[list(chosen)].sum() < best:
                trial = primary.copy()
                trial[list(chosen)] = True
                if may_protect(table, trial, cells) and highest(table, trial, 1.0, cells).min() >= 3 - 1e-6:
                    best = table.value[list(chosen)].sum()
    assert pattern.bound <= best + 1e-6
    if size == 100:
        assert pattern.value == pattern.bound == best


def test_small_benchmark_table_is_protected_within_one_per_cent_of_the_proven_bound():
    table = disclosure_tables.table("s1")
    primary = small(table, 4)
    pattern = suppress(table, primary, threshold=4, time_limit=120)
    assert highest(table, pattern.suppressed, 1.0, np.flatnonzero(primary)).min() >= 5 - 1e-6
    assert 0 < pattern.bound <= pattern.value <= 1.01 * pattern.bound
    # The primary cells alone do not protect each other here: the test would notice a pattern of nothing.
    assert highest(table, primary, 1.0, np.flatnonzero(primary)).min() < 5


def test_blocks_give_a_protecting_pattern_too(monkeypatch):
    from statloom.disclosure import secondary_whole

    monkeypatch.setattr(secondary_whole, "GROUP", 150)
    monkeypatch.setattr(secondary_whole, "LARGEST", 150)
    table = disclosure_tables.table("s1")
    primary = small(table, 2)
    pattern = suppress(table, primary, threshold=2, time_limit=60)
    assert highest(table, pattern.suppressed, 1.0, np.flatnonzero(primary)).min() >= 3 - 1e-6
    assert pattern.bound <= pattern.value


def test_time_that_has_run_out_still_gives_a_protecting_pattern():
    table = disclosure_tables.table("s1")
    primary = small(table, 4)
    pattern = suppress(table, primary, threshold=4, time_limit=0.0)
    assert highest(table, pattern.suppressed, 1.0, np.flatnonzero(primary)).min() >= 5 - 1e-6


def test_free_cells_are_never_suppressed_and_what_they_give_away_is_said():
    table = grid(np.array([[1, 8], [6, 9]]))
    free = (table.cells["row"] == "_T").to_numpy() | (table.cells["column"] == "_T").to_numpy()
    pattern = suppress(table, small(table, 2), threshold=2, free=free)
    assert pattern.secondary.sum() == 3
    free |= (table.cells["row"] == "r0").to_numpy() & (table.value > 2)
    pattern = suppress(table, small(table, 2), threshold=2, free=free)
    assert pattern.unprotected.sum() == 1
    assert not (pattern.secondary & free).any()


def test_magnitudes_have_their_own_protection_and_may_be_as_low_as_zero():
    table = grid(np.array([[500, 800, 20], [600, 900, 30], [10, 40, 50]]))
    primary = table.value == 500
    pattern = suppress(table, primary, threshold=0, rise=np.full(16, 45.0), least=0.0, gap=0.0)
    assert highest(table, pattern.suppressed, 0.0, np.flatnonzero(primary))[0] >= 545 - 1e-6


def test_a_table_without_small_cells_loses_nothing():
    table = grid(np.array([[10, 20], [30, 40]]))
    pattern = suppress(table, small(table, 4), threshold=4)
    assert not pattern.suppressed.any()
    assert (pattern.value, pattern.bound, pattern.gap) == (0.0, 0.0, 0.0)


def test_what_cannot_be_asked_is_refused():
    table = grid(np.array([[1, 8], [6, 9]]))
    with pytest.raises(ValueError, match="primary and free"):
        suppress(table, small(table, 2), threshold=2, free=np.ones(9, dtype=bool))


def test_no_secondary_cell_is_left_out_for_nothing():
    from statloom.disclosure.secondary_attack import UP, Problem
    from statloom.disclosure.secondary_repair import settled

    table = grid(np.array([[1, 8, 7], [6, 9, 5], [4, 20, 30]]))
    pattern = np.zeros(16, dtype=bool)
    pattern[[0, 1, 4, 5, 10]] = True  # a square, and a cell that is alone in its row
    given = np.arange(16) == 0
    problem = Problem(
        table.equations,
        table.value - 1,
        table.value,
        np.zeros(16, dtype=bool),
        given,
        np.array([0]),
        np.array([UP]),
        np.array([1.0]),
    )
    known = settled(problem, pattern, 1.0)
    assert np.flatnonzero(known).tolist() == [10]


def test_what_was_left_out_before_stays_so_and_what_was_published_too():
    table = grid(np.array([[1, 8, 7], [6, 9, 5], [4, 20, 30]]))
    primary = table.value == 1
    alone = suppress(table, primary, threshold=2, gap=0.0)
    keep = np.zeros(16, dtype=bool)
    keep[[1, 9]] = True
    free = alone.secondary & ~keep
    pattern = suppress(table, primary, threshold=2, gap=0.0, keep=keep, free=free)
    assert (pattern.secondary & keep).sum() == 2
    assert not (pattern.secondary & free).any()
    assert highest(table, pattern.suppressed, 1.0, np.flatnonzero(primary))[0] >= 3 - 1e-6
    assert pattern.value == pattern.bound == table.value[pattern.secondary].sum()
    with pytest.raises(ValueError, match="keep left out and free"):
        suppress(table, primary, threshold=2, keep=keep, free=keep)


def test_protection_below_and_in_both_directions_together():
    table = grid(np.array([[500, 800, 20], [600, 900, 30], [10, 40, 50]]))
    primary = table.value == 500
    nothing, by = np.zeros(16), np.full(16, 60.0)
    above = suppress(table, primary, rise=np.full(16, 45.0), least=0.0, gap=0.0)
    below = suppress(table, primary, rise=nothing, fall=by, least=0.0, gap=0.0)
    wide = suppress(table, primary, rise=nothing, spread=2 * by, least=0.0, gap=0.0)
    cell = np.flatnonzero(primary)
    ends = [
        (highest(table, p.suppressed, 0.0, cell, -1.0)[0], highest(table, p.suppressed, 0.0, cell)[0])
        for p in (above, below, wide)
    ]
    assert ends[0][1] >= 545 - 1e-6
    assert ends[1][0] <= 440 + 1e-6
    assert ends[2][1] - ends[2][0] >= 120 - 1e-6
    assert wide.bound == wide.value
    with pytest.raises(ValueError, match="cannot fall as far"):
        suppress(table, primary, rise=nothing, fall=10 * by, least=0.0)


def test_two_processes_find_the_same_pattern_as_one(monkeypatch):
    from statloom.disclosure import secondary, secondary_whole

    asked = []

    class Two(secondary_whole.Workers):
        def __init__(self, count):
            asked.append(count)
            super().__init__(2 if len(asked) > 1 else 1)

    monkeypatch.setattr(secondary, "Workers", Two)
    monkeypatch.setattr(secondary_whole, "WHOLE", 0)
    wide = pd.concat(
        [nested(seed).cells.assign(value=nested(seed).value, part=str(seed)) for seed in (0, 3, 6)]
    )
    parents = {"t1": "d1", "t2": "d1", "t3": "d2", "t4": "d2", "d1": "_T", "d2": "_T"}
    dimensions = [Dimension.tree("place", parents), Dimension.flat("sex", ["F", "M", "_T"])]
    table = Table.of(wide, dimensions, apart=["part"])
    one, two = (suppress(table, small(table, 2), threshold=2, time_limit=600, workers=2) for _ in range(2))
    assert np.array_equal(one.secondary, two.secondary)
    assert one.secondary.any()
    assert one.bound == two.bound


@pytest.mark.parametrize("seed", [1, 2, 3, 5])
def test_no_cheaper_pattern_protects_in_both_directions_together(seed):
    table = grid(np.random.default_rng(seed).integers(5, 60, (3, 2)))
    primary = table.value == table.value.min()
    cells = np.flatnonzero(primary)
    spread = 3.0 * table.value  # more than the cell can fall: it must be able to rise, too
    pattern = suppress(table, primary, rise=np.zeros(12), spread=spread, least=0.0, gap=0.0)

    def width(suppressed):
        least = highest(table, suppressed, 0.0, cells, -1.0)
        return (highest(table, suppressed, 0.0, cells) - least - spread[cells]).min()

    assert width(pattern.suppressed) >= -1e-6
    assert pattern.bound == pattern.value
    others = np.flatnonzero(~primary)
    for size in range(pattern.secondary.sum() + 2):
        for chosen in combinations(others, size):
            if table.value[list(chosen)].sum() < pattern.value - 1e-6:
                trial = primary.copy()
                trial[list(chosen)] = True
                assert not may_protect(table, trial, cells) or width(trial) < -1e-6


@pytest.mark.parametrize("seed", range(6))
def test_no_cheaper_pattern_protects_where_zeros_may_be_left_out(seed):
    """A share of one denominator by a category: numerator + rest = denominator, in equations of our own."""
    random = np.random.default_rng(seed)
    inner = random.integers(0, 4, (2, 3)) * random.integers(1, 4, (2, 3))
    inner[1, 0] = 0
    full = np.vstack([inner, inner.sum(axis=0)])  # rows: numerator, rest, denominator
    full = np.hstack([full, full.sum(axis=1, keepdims=True)])
    value = full.ravel().astype(float)
    rows = [[0, 4, 8], [1, 5, 9], [2, 6, 10], [3, 7, 11], [0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    equations = np.zeros((len(rows), 12))
    for number, row in enumerate(rows):
        equations[number, row] = -1.0
        equations[number, row[-1]] = 1.0
    table = Table(pd.DataFrame({"cell": np.arange(12)}), value, sparse.csr_array(equations))
    zeros = (value == 0) & (np.arange(12) < 8)
    primary = ((value > 0) & (value <= 2)) | (zeros & (np.arange(12) % 4 == 0))
    least = np.where(np.arange(12) < 8, 0.0, 1.0)
    assert primary.any() and zeros.any()
    pattern = suppress(table, primary, threshold=2, zeros=zeros, least=least, gap=0.0)
    cells = np.flatnonzero(primary)
    assert highest(table, pattern.suppressed, least, cells).min() >= 3 - 1e-6
    assert not (pattern.suppressed & (value == 0) & ~zeros).any()
    assert pattern.bound == pattern.value == np.where(zeros, 1.0, value)[pattern.secondary].sum()
    others = np.flatnonzero(~primary & ((value > 0) | zeros))
    for size in range(len(others) + 1):
        for chosen in combinations(others, size):
            if np.where(zeros, 1.0, value)[list(chosen)].sum() < pattern.value - 1e-6:
                trial = primary.copy()
                trial[list(chosen)] = True
                assert (
                    not may_protect(table, trial, cells)
                    or highest(table, trial, least, cells).min() < 3 - 1e-6
                )


def test_zeros_must_be_zero():
    table = grid(np.array([[1, 8], [6, 9]]))
    with pytest.raises(ValueError, match="of zeros have another value"):
        suppress(table, small(table, 2), threshold=2, zeros=np.ones(9, dtype=bool))


@pytest.mark.parametrize("limit", [0.0, 20.0])
def test_equations_without_blocks_are_protected_with_and_without_time(limit):
    full = disclosure_tables.table("s1", 5)
    table = Table(full.cells, full.value, full.equations)
    primary = small(table, 2)
    pattern = suppress(table, primary, threshold=2, time_limit=limit, gap=0.05)
    assert highest(table, pattern.suppressed, 1.0, np.flatnonzero(primary)).min() >= 3 - 1e-6
    assert pattern.bound <= pattern.value
    assert (pattern.bound > 0) == (limit > 0)


@pytest.mark.parametrize("levels", ["none", "blocks", "groups"])
def test_a_quick_pattern_protects_wherever_it_looks_first(monkeypatch, levels):
    from statloom.disclosure import secondary_quick
    from statloom.disclosure.secondary_attack import UP, Problem

    monkeypatch.setattr(secondary_quick, "BALL", 5)  # too small for most cells: wider ones must follow
    table = nested(6)
    primary = small(table, 2)
    cells = np.flatnonzero(primary)
    live = np.flatnonzero(table.value > 0)
    problem = Problem(
        sparse.csr_array(table.equations[:, live]),
        table.value[live] - 1,
        table.value[live],
        np.zeros(len(live), dtype=bool),
        primary[live],
        np.flatnonzero(primary[live]),
        np.full(len(cells), UP),
        3.0 - table.value[cells],
    )
    blocks = [np.flatnonzero(np.isin(live, block)) for block in table.blocks]
    regions = {"none": [], "blocks": [blocks], "groups": [blocks, [np.arange(len(live))]]}[levels]
    found = secondary_quick.quick(problem, regions, problem.given, until=np.inf)
    suppressed = np.zeros(len(primary), dtype=bool)
    suppressed[live] = found
    assert highest(table, primary, 1.0, cells).min() < 3
    assert highest(table, suppressed, 1.0, cells).min() >= 3 - 1e-6


def test_linked_shares_are_protected_in_little_time():
    whole = disclosure_tables.table("linked")
    assert set(whole.cells["part"]) == {"_T", "literate", "illiterate", "employed", "not_employed"}
    level = whole.cells["place"].str[0]
    block = next(block for block in whole.blocks if set(level.iloc[block]) == {"d", "t"})
    inside = np.zeros(len(whole.value))
    inside[block] = 1.0
    sums = abs(whole.equations)
    rows = np.flatnonzero(sums @ inside == sums.sum(axis=1))
    cells = whole.cells.iloc[block].reset_index(drop=True)
    district = Table(cells, whole.value[block], sparse.csr_array(whole.equations[rows][:, block]))
    persons = (cells["part"] == "_T").to_numpy()
    primary, zeros, least = small(district, 4), (district.value == 0) & ~persons, np.where(persons, 1.0, 0.0)
    assert zeros.any() and (primary & persons).any()
    pattern = suppress(district, primary, threshold=4, zeros=zeros, least=least, time_limit=0.0)
    assert highest(district, pattern.suppressed, least, np.flatnonzero(primary)).min() >= 5 - 1e-6
    assert not (pattern.suppressed & persons & (district.value == 0)).any()


def test_no_cell_stays_alone_in_a_sum():
    from statloom.disclosure.secondary_attack import UP, Problem
    from statloom.disclosure.secondary_cover import companions
    from statloom.disclosure.secondary_repair import accompanied

    table = grid(np.array([[1, 8, 7], [6, 9, 5], [4, 20, 30]]))
    given = np.arange(16) == 0
    nothing = np.zeros(16, dtype=bool)
    problem = Problem(
        table.equations,
        table.value - 1,
        table.value,
        nothing,
        given,
        np.array([0]),
        np.array([UP]),
        np.ones(1),
    )
    square = np.isin(np.arange(16), [0, 1, 4, 5])
    lonely = square | (np.arange(16) == 10)
    assert np.array_equal(accompanied(problem, lonely), square)
    rows = companions(problem, given)
    assert (rows @ square >= 0).all()
    assert (rows @ lonely < 0).sum() == 2  # one in its row, one in its column
    assert (rows @ given >= 0).all()  # what must be left out demands nothing here
