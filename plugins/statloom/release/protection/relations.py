"""Which sums hold between the columns of a table on each of its lines."""

import numpy as np

FEWEST_DIFFERENT = 3
"""A column with fewer different figures could fit a sum by chance."""


def relations(table: np.ndarray) -> list[np.ndarray]:
    """Return relations between columns with factors 1 and -1 that hold on every line: factors over columns.

    ``table`` is lines by columns; a figure that is missing is not a number. Together the relations say what
    the figures leave of freedom: a basis of the null space, reduced so that each has few columns. Only
    columns that most lines have are looked at, on lines that have all of them; where there are hardly more
    lines than columns nothing is concluded.
    """
    there = ~np.isnan(table)
    columns = np.flatnonzero(there.mean(axis=0) > 0.5) if len(table) else np.empty(0, dtype=int)
    inner = table[there[:, columns].all(axis=1)][:, columns]
    different = np.array([len(np.unique(column[column != 0])) for column in inner.T], dtype=int)
    columns, inner = columns[different >= FEWEST_DIFFERENT], inner[:, different >= FEWEST_DIFFERENT]
    inner = np.unique(inner, axis=0)
    if inner.shape[1] < 2 or inner.shape[0] < inner.shape[1] + 3:
        return []
    found = []
    for reduced in _reduced(_null_space(inner)):
        factor = np.round(reduced)
        small = np.abs(reduced - factor).max() < 1e-6 and np.abs(factor).max() == 1
        off = np.abs(inner @ factor) if small else np.array([np.inf])
        if (off <= 1e-6 * np.maximum(1.0, np.abs(inner) @ np.abs(factor))).all():
            relation = np.zeros(table.shape[1])
            relation[columns] = factor
            found.append(relation)
    return found


def _null_space(table: np.ndarray) -> np.ndarray:
    """Return vectors (rows) that the lines of ``table`` are all orthogonal to; those of a basis."""
    scale = np.abs(table).max(axis=0)
    # The columns' products hold the same null space, and there are few columns.
    _, size, vectors = np.linalg.svd(np.linalg.qr(table / scale, mode="r"))
    return vectors[size < size[0] * 1e-10] / scale


def _reduced(vectors: np.ndarray) -> np.ndarray:
    """Return the same space in reduced echelon form: each vector leads with a 1 that no other has."""
    vectors, row = vectors / np.abs(vectors).max(axis=1, keepdims=True) if len(vectors) else vectors, 0
    for column in range(vectors.shape[1] if len(vectors) else 0):
        if row == len(vectors):
            break
        pivot = row + int(np.argmax(np.abs(vectors[row:, column])))
        if abs(vectors[pivot, column]) < 1e-8:
            continue
        vectors[[row, pivot]] = vectors[[pivot, row]]
        vectors[row] /= vectors[row, column]
        others = np.arange(len(vectors)) != row
        vectors[others] -= np.outer(vectors[others, column], vectors[row])
        row += 1
    return vectors[:row]
