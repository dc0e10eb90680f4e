"""Borders as arcs: a line that two units share is held once, so that it stays shared when simplified.

An arc is a line between two points at which three or more lines meet, or a whole ring. A ring is a list of
arc numbers in the way of TopoJSON: ``~n`` is arc ``n`` walked backwards.
"""

from itertools import pairwise

import numpy as np

Rings = list[list[int]]


def cut(rings: list[np.ndarray]) -> tuple[list[np.ndarray], Rings]:
    """Cut closed rings into arcs that each occur once.

    ``rings``: arrays of points (n × 2), the last point equal to the first; neighbours share their points
    exactly. Returns the arcs, arrays of points, and for each ring its arcs. Raises ValueError for a ring that
    is not closed.
    """
    for number, ring in enumerate(rings):
        if len(ring) < 4 or (ring[0] != ring[-1]).any():
            raise ValueError(f"ring {number} is not closed")
    points, index = np.unique(np.concatenate(rings), axis=0, return_inverse=True)
    lengths = np.cumsum([len(ring) for ring in rings])[:-1]
    # A point that is written twice in a row says nothing.
    walks = [_without_repeats(walk) for walk in np.split(index.ravel(), lengths)]
    meets = _meeting_points(walks, len(points))
    arcs: list[np.ndarray] = []
    numbers: dict[tuple[int, ...], int] = {}
    cut_rings = []
    for walk in walks:
        open_walk = walk[:-1]
        at = np.flatnonzero(meets[open_walk])
        start = at[0] if len(at) else int(open_walk.argmin())
        turned = np.append(np.roll(open_walk, -start), open_walk[start])
        ends = np.append(np.flatnonzero(meets[turned[:-1]]) if len(at) else [0], len(turned) - 1)
        ring = []
        for first, last in pairwise(ends):
            piece = tuple(turned[first : last + 1].tolist())
            backwards = piece[::-1]
            if piece in numbers:
                ring.append(numbers[piece])
            elif backwards in numbers:
                ring.append(~numbers[backwards])
            else:
                numbers[piece] = len(arcs)
                ring.append(len(arcs))
                arcs.append(points[list(piece)])
        cut_rings.append(ring)
    return arcs, cut_rings


def _without_repeats(walk: np.ndarray) -> np.ndarray:
    return walk[np.append(True, walk[1:] != walk[:-1])]


def _meeting_points(walks: list[np.ndarray], size: int) -> np.ndarray:
    """Return for each point whether rings pass through it with different neighbours."""
    low, high = np.full(size, -1), np.full(size, -1)
    meets = np.zeros(size, bool)
    for walk in walks:
        here, before, after = walk[:-1], np.roll(walk[:-1], 1), walk[1:]
        smaller, larger = np.minimum(before, after), np.maximum(before, after)
        known = low[here] >= 0
        meets[here[known & ((low[here] != smaller) | (high[here] != larger))]] = True
        low[here], high[here] = smaller, larger
    return meets


def simplify(line: np.ndarray, tolerance: float) -> np.ndarray:
    """Return ``line`` (n × 2) with as few of its points as keep it within ``tolerance`` of where it was.

    Its ends stay; a closed line keeps at least four points. The way of Douglas and Peucker (1973).
    """
    if len(line) <= 2:
        return line
    keep = np.zeros(len(line), bool)
    keep[[0, -1]] = True
    closed = (line[0] == line[-1]).all()
    if closed:
        if len(line) <= 4:
            return line
        far = int(np.square(line - line[0]).sum(axis=1).argmax())
        apart = _distances(line[1:-1], line[0], line[far])
        keep[[far, 1 + int(apart.argmax())]] = True
    corners = np.flatnonzero(keep).tolist()
    pieces = list(pairwise(corners))
    while pieces:
        first, last = pieces.pop()
        if last - first < 2:
            continue
        apart = _distances(line[first + 1 : last], line[first], line[last])
        worst = int(apart.argmax())
        if apart[worst] > tolerance:
            middle = first + 1 + worst
            keep[middle] = True
            pieces += [(first, middle), (middle, last)]
    return line[keep]


def _distances(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return how far ``points`` are from the straight piece between ``start`` and ``end``."""
    along = end - start
    length = along @ along
    share = np.clip((points - start) @ along / length, 0, 1) if length else np.zeros(len(points))
    return np.hypot(*(points - start - share[:, None] * along).T)


def walked(arcs: list[np.ndarray], ring: list[int]) -> np.ndarray:
    """Return the closed line of points of ``ring``."""
    pieces = [arcs[number] if number >= 0 else arcs[~number][::-1] for number in ring]
    return np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])])


def area(line: np.ndarray) -> float:
    """Return the area within a closed line, in its units squared; positive when it runs anticlockwise."""
    x, y = line[:, 0] - line[0, 0], line[:, 1] - line[0, 1]
    return float(x[:-1] @ y[1:] - x[1:] @ y[:-1]) / 2
