"""A whole connected table: solved in blocks, then in groups of blocks, then mended over all.

A block is what one sum of the longest hierarchy holds together (a district with its townships). Nearly all
suppression stays within blocks, so they are solved each for itself, in full. What a block must cost at
least, and the cuts found in it, hold in every larger group of cells too; there only what links the blocks
remains to be found.
"""

import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from scipy import sparse

from statloom.disclosure.secondary_attack import Problem, load, solver, unmet
from statloom.disclosure.secondary_blocks import Solution, protect
from statloom.disclosure.secondary_cover import Cuts
from statloom.disclosure.secondary_quick import quick

WHOLE = 300  # cells up to which a table is solved without taking it apart
GROUP = 1500  # cells up to which groups of blocks are joined to larger ones
MENDED = 500_000  # open demands times cells up to which the cheapest way is looked for over all cells
LARGEST = 6000  # cells up to which a block is joined with all those that hang on it alone


@dataclass
class Budget:
    """When work began and must end (``time.monotonic``), the gap to stop at, and a list of notes."""

    began: float
    deadline: float
    gap: float
    notes: list[str]

    def note(self, text: str) -> None:
        """Write down what has been reached."""
        self.notes.append(f"{time.monotonic() - self.began:.1f} s: {text}")

    @property
    def late(self) -> bool:
        """Say whether the time is over."""
        return time.monotonic() > self.deadline

    def until(self, share: float) -> float:
        """Return the moment when ``share`` of the time left is over."""
        now = time.monotonic()
        return now + share * max(0.0, self.deadline - now)


class Workers:
    """Processes that take tasks; with one, the tasks are done here."""

    def __init__(self, count: int) -> None:
        self.count, self._pool = count, None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def map(self, function, tasks: list) -> Iterable:
        """Return the results of ``function`` for the ``tasks``, in their order."""
        if self.count == 1 or len(tasks) < 2:
            return [function(task) for task in tasks]
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.count, mp_context=get_context("fork"))
        return list(self._pool.map(function, tasks, chunksize=max(1, len(tasks) // (32 * self.count))))


@dataclass
class Piece:
    """A set of ``cells`` of a larger problem, the problem that they are, and what is known of it."""

    cells: np.ndarray
    problem: Problem
    solution: Solution | None = None


def solve(
    parts: list[tuple[np.ndarray, Problem, list[np.ndarray]]], budget: Budget, crew: Workers
) -> list[Solution]:
    """Solve connected tables: of each its cells, what they are, and its blocks (positions among its cells),
    which may overlap."""
    small = [len(blocks) < 2 or len(cells) <= WHOLE for cells, _, blocks in parts]
    pieces = [Piece(cells, problem) for cells, problem, _ in parts]
    todo = sum(len(piece.problem.cell) for piece in pieces)
    alone = [piece for piece, is_small in zip(pieces, small, strict=True) if is_small]
    mine = sum(len(piece.problem.cell) for piece in alone)
    if alone:
        until = budget.until(mine / todo)
        _alone(alone, until, budget.gap, crew)
        budget.note(f"{len(alone)} tables as a whole")
    todo -= mine
    for piece, is_small, (_, problem, blocks) in zip(pieces, small, parts, strict=True):
        if not is_small:
            own = Budget(budget.began, budget.until(len(problem.cell) / todo), budget.gap, budget.notes)
            piece.solution = _solve_in_blocks(problem, blocks, own, crew)
            todo -= len(problem.cell)
    return [piece.solution for piece in pieces]


def _alone(pieces: list[Piece], deadline: float, gap: float, crew: Workers) -> None:
    """Solve tables that have no blocks or few cells."""
    demands = sum(len(piece.problem.cell) for piece in pieces)
    total = max(0.0, deadline - time.monotonic()) * crew.count
    tasks = [
        (piece.problem, deadline, 3.0 * total * len(piece.problem.cell) / demands, gap) for piece in pieces
    ]
    for piece, solution in zip(pieces, crew.map(_protect_alone, tasks), strict=True):
        piece.solution = solution


def _protect_alone(task: tuple[Problem, float, float, float]) -> Solution:
    """Solve one table: the problem, deadline, seconds, gap."""
    problem, deadline, seconds, gap = task
    now = time.monotonic()
    deadline = min(deadline, now + seconds)
    sure = None
    if len(problem.cost) > WHOLE or now > deadline:
        sure = quick(problem, [], problem.given, until=now + 0.3 * max(0.0, deadline - now))
    return protect(problem, deadline=deadline, gap=gap, sure=sure)


def _solve_in_blocks(problem: Problem, blocks: list[np.ndarray], budget: Budget, crew: Workers) -> Solution:
    """Solve one connected table."""
    groups = grouped(blocks)
    sure = quick(problem, [blocks, groups], problem.given, until=budget.until(0.3), run=crew.map)
    budget.note(f"at first: {problem.price(sure):,.0f}")
    if budget.late:
        return Solution(sure, problem.price(sure), 0.0, Cuts(problem))
    leaves = _pieces(problem, blocks)
    _protect_all(leaves, [], sure, budget.until(0.5), budget.gap / 2, crew)
    budget.note(
        f"{len(leaves)} blocks: at least {sum(leaf.solution.bound for leaf in leaves):,.0f}, overlaps twice"
    )
    groups = _pieces(problem, groups)
    pattern, bound = sure, 0.0
    for fine, share in ((1.0, 0.75), (0.5, 0.75), (0.25, 0.8)):
        _protect_all(groups, leaves, sure, budget.until(share), budget.gap * fine, crew)
        union, bound = _union(problem, groups), packed(problem, [*leaves, *groups])
        if problem.price(union) < problem.price(pattern):
            pattern = union
        budget.note(f"{len(groups)} groups: {problem.price(pattern):,.0f}, at least {bound:,.0f}")
        if problem.price(pattern) <= bound * (1 + budget.gap) or budget.late:
            break
    # The cheapest way over all costs a programme of all cells for each open demand; regions need far less.
    few = unmet(problem, pattern).sum() * len(problem.cost) < MENDED / (3 if budget.late else 1)
    wide = [[np.arange(len(problem.cost))]] if few else []
    pattern = quick(problem, wide, pattern, until=budget.deadline)
    if problem.price(sure) < problem.price(pattern):
        pattern = sure
    budget.note(f"mended over all: {problem.price(pattern):,.0f}")
    return Solution(pattern, problem.price(pattern), bound, Cuts(problem))


def _pieces(problem: Problem, sets: list[np.ndarray]) -> list[Piece]:
    """Return the sets of cells in which something is demanded as problems of their own, easiest first: a
    hard one may use up the time, and then only itself is left far from its bound."""
    pieces = [Piece(cells, problem.part(cells)) for cells in sets]
    pieces = [piece for piece in pieces if len(piece.problem.cell)]
    return sorted(pieces, key=lambda piece: len(piece.problem.cell))


def _protect_all(
    pieces: list[Piece], inner: list[Piece], sure: np.ndarray, deadline: float, gap: float, crew: Workers
) -> None:
    """Solve all ``pieces`` that are not yet known within ``gap``, with what is known of the ``inner`` ones
    that lie within them, and of a pattern of the whole, ``sure`` to meet all demands."""
    pieces = [piece for piece in pieces if piece.solution is None or not piece.solution.within(gap)]
    demands = sum(len(piece.problem.cell) for piece in pieces)
    total = max(0.0, deadline - time.monotonic()) * crew.count
    tasks = []
    for piece in pieces:
        # A hard piece may take more than its share of the time, but not all of it.
        seconds = 3.0 * total * len(piece.problem.cell) / demands
        known = [piece] if piece.solution else _known(piece, inner)
        tasks.append((piece.cells, piece.problem, known, sure[piece.cells], deadline, seconds, gap))
    for piece, solution in zip(pieces, crew.map(_protect, tasks), strict=True):
        piece.solution = solution


def _known(piece: Piece, inner: list[Piece]) -> list[Piece]:
    """Return the ``inner`` pieces whose cells all lie in ``piece``."""
    within = set(piece.cells.tolist())
    return [one for one in inner if within.issuperset(one.cells.tolist())]


def _protect(task: tuple[np.ndarray, Problem, list[Piece], np.ndarray, float, float, float]) -> Solution:
    """Solve one piece: its cells, what they are, what is known within it, a pattern that is sure, deadline,
    seconds, gap."""
    inside, problem, known, sure, deadline, seconds, gap = task
    deadline = min(deadline, time.monotonic() + seconds)
    if not known:
        return protect(problem, deadline=deadline, gap=gap, sure=sure)
    cuts = Cuts(problem)
    cuts.seed(problem)
    start = problem.given.copy()
    place = np.full(int(inside.max()) + 1, -1)
    place[inside] = np.arange(len(inside))
    for one in known:
        cells = place[one.cells]
        start[cells] |= one.solution.pattern
        for columns, values in one.solution.cuts.rows:
            cuts.put(cells[columns], values)
        cuts.worth(cells, problem.cost, one.solution.bound)
    bound = packed(problem, [Piece(place[one.cells], one.problem, one.solution) for one in known])
    return protect(problem, deadline=deadline, gap=gap, cuts=cuts, start=start, sure=sure, bound=bound)


def _union(problem: Problem, pieces: list[Piece]) -> np.ndarray:
    pattern = problem.given.copy()
    for piece in pieces:
        pattern[piece.cells] |= piece.solution.pattern
    return pattern


def packed(problem: Problem, pieces: list[Piece]) -> float:
    """Return what any protecting pattern costs at least, as the pieces' bounds together prove.

    Each piece's bound is one of what is paid within its cells. Weighted so that no cell is counted more than
    once in all, the bounds add up; the best weights are a linear programme.
    """
    import highspy

    bounds = np.array([piece.solution.bound for piece in pieces])
    if not len(pieces) or not bounds.any():
        return 0.0
    member = np.zeros((len(problem.cost), len(pieces)), dtype=bool)
    for number, piece in enumerate(pieces):
        member[piece.cells, number] = True
    member = np.unique(member, axis=0)
    rows = sparse.csr_array(member[member.any(axis=1)].astype(float))
    highs = solver()
    count = len(pieces)
    load(
        highs, bounds, np.zeros(count), np.ones(count), rows, np.zeros(rows.shape[0]), np.ones(rows.shape[0])
    )
    highs.changeObjectiveSense(highspy.ObjSense.kMaximize)
    highs.run()
    weight = np.clip(np.array(highs.getSolution().col_value), 0.0, None)
    weight /= max(1.0, float((rows @ weight).max()))
    return float(bounds @ weight)


def grouped(blocks: list[np.ndarray]) -> list[np.ndarray]:
    """Return groups of cells: each block together with all those that share cells with it alone (a state
    with its districts), and so on upwards while a group has few enough cells.

    Never with some of those only: the group would share cells with the rest, and the bounds of pieces that
    share cells do not add up.
    """
    groups, limit = [np.unique(block) for block in blocks], LARGEST
    everything = np.unique(np.concatenate(groups))
    if len(everything) <= GROUP:
        return [everything]
    while True:
        member = sparse.csr_array(
            (
                np.ones(sum(map(len, groups))),
                (np.repeat(np.arange(len(groups)), [len(group) for group in groups]), np.concatenate(groups)),
            ),
            shape=(len(groups), int(everything.max()) + 1),
        )
        shared = sparse.csr_array(member @ member.T)
        shared.setdiag(0.0)
        shared.eliminate_zeros()
        others = np.split(shared.indices, shared.indptr[1:-1])
        stars: dict[int, list[int]] = {}
        for number, near in enumerate(others):
            if len(near) == 1 and not (len(others[near[0]]) == 1 and near[0] > number):
                stars.setdefault(int(near[0]), []).append(number)
        taken: set[int] = set()
        joined = []
        for middle, around in stars.items():
            union = np.unique(np.concatenate([groups[number] for number in (middle, *around)]))
            if len(union) <= limit and not taken & {middle, *around}:
                taken |= {middle, *around}
                joined.append(union)
        if not joined:
            return groups
        groups = [group for number, group in enumerate(groups) if number not in taken] + joined
        limit = GROUP
