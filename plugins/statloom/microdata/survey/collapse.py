"""One pass over the data: weighted sums of every measure in every base cell."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from statloom.microdata.survey.domains import Domains
from statloom.microdata.survey.errors import SurveyError
from statloom.microdata.survey.estimand import Target
from statloom.microdata.survey.source import Source
from statloom.microdata.survey.uncertainty import Uncertainty


@dataclass
class MeasureSums:
    """Sums of one measure over the cases for which it is known.

    ``values``: one array over base cells for each of its expressions, sum of w y; of a mean or a ratio the
    first is the sum of w (y - pivot x), x = 1 for a mean. ``weight``, ``count``: sum of w, number of cases;
    shared with the other measures as long as none is missing. ``pivot``: over combinations of domain columns,
    None for shares. ``squares``: over combinations, with e = y - pivot x, sums of w e^2, w e x, w x^2 (the
    last for ratios only; x = 1 for a total too). ``extra``: what a calibration or given replicates need, of
    the numerator and of the denominator, (2, combinations, m).

    A pivot near the values of its combination keeps the digits of deviations that are small beside the
    values: years, prices, a ratio that hardly varies.
    """

    values: list[np.ndarray]
    weight: np.ndarray
    count: np.ndarray
    own: bool = False
    pivot: np.ndarray | None = None
    squares: list[np.ndarray] = field(default_factory=list)
    extra: np.ndarray | None = None


def collapse(source: Source, uncertainty: Uncertainty, targets: Sequence[Target]) -> list[MeasureSums]:
    """Return the sums of each target's measure over the base cells.

    Squares are not summed for shares, whose squares are their values. Raises SurveyError for infinite values,
    and for other values than 0 and 1 in a share.
    """
    domains, weight = uncertainty.domains, uncertainty.weight
    size, extra_size = len(domains.leaf), uncertainty.extra_size
    weight_all, count_all = np.zeros(size), np.zeros(size)
    sums = [
        MeasureSums([np.zeros(size) for _ in target.measure.values], weight_all, count_all)
        for target in targets
    ]
    for target, made in zip(targets, sums, strict=True):
        if not target.is_share:
            made.pivot = np.full(domains.combinations, np.nan)
            made.squares = [np.zeros(domains.combinations) for _ in range(len(made.values) + 1)]
    extra = np.zeros((2 * len(targets), domains.combinations, extra_size)) if extra_size else None
    if extra is not None:
        for place, made in enumerate(sums):
            made.extra = extra[2 * place : 2 * place + 2]
    expressions = list(dict.fromkeys(sql for target in targets for sql in target.measure.sql))
    place = {sql: at for at, sql in enumerate(expressions)}
    # A condition is true, false or NULL, never infinite.
    conditions = [False] * len(expressions)
    for target in targets:
        if target.condition and len(target.measure.values) == 1:
            conditions[place[target.measure.sql[0]]] = True
    stop = 0
    for start, stop, columns, without_null in source.blocks(expressions):
        cells, local = np.unique(domains.cell[start:stop], return_inverse=True)
        block = _block(weight[start:stop], cells, local, domains)
        w_cells, n_cells = np.bincount(local, weights=block.weight), np.bincount(local).astype(float)
        finite = [
            whole if condition else bool(np.isfinite(column.sum()))
            for column, whole, condition in zip(columns, without_null, conditions, strict=True)
        ]
        wide: list[np.ndarray] = []
        # Before the shared sums move on: a measure with its first missing value starts from what they were.
        for target, made in zip(targets, sums, strict=True):
            at = [place[sql] for sql in target.measure.sql]
            values = [columns[column] for column in at]
            known = None
            if not all(finite[column] for column in at):
                known = _known(values, target.name, start)
            if known is not None and not made.own:
                made.own, made.weight, made.count = True, made.weight.copy(), made.count.copy()
            if made.own:
                if known is None:
                    made.weight[cells] += w_cells
                    made.count[cells] += n_cells
                else:
                    made.weight[cells] += np.bincount(local, weights=np.where(known, block.weight, 0.0))
                    made.count[cells] += np.bincount(local, weights=known)
                    values = [np.where(known, value, 0.0) for value in values]
            if target.is_share and not target.condition:
                _refuse_other_than_0_and_1(values[0], target.name, start)
            if not target.is_share:
                values[0] = _about_pivot(made, target, values, known, block)
            for total, value in zip(made.values, values, strict=True):
                total[cells] += block.adder @ value
            if extra is not None:
                below = values[1] if len(values) == 2 else np.ones(stop - start) if known is None else known
                wide += [values[0], below]
        if extra is not None:
            uncertainty.add_extra(extra, start, stop, block.combinations, np.stack(wide, axis=1))
        weight_all[cells] += w_cells
        count_all[cells] += n_cells
    for made in sums:
        if made.pivot is not None:
            made.pivot[np.isnan(made.pivot)] = 0.0
    if stop != len(weight):
        raise SurveyError(f"{source.name}: changed while it was read: {len(weight)} rows, then {stop}")
    return sums


@dataclass(frozen=True)
class _Block:
    """Rows that are read at once. ``adder``: (cells, rows), adds up values times weights."""

    weight: np.ndarray
    cells: np.ndarray
    adder: sparse.csr_matrix
    combinations: np.ndarray
    size: int


def _block(weight: np.ndarray, cells: np.ndarray, local: np.ndarray, domains: Domains) -> _Block:
    order = np.argsort(local, kind="stable")
    ends = np.append(0, np.cumsum(np.bincount(local)))
    adder = sparse.csr_matrix((weight[order], order, ends), shape=(len(cells), len(local)))
    return _Block(weight, cells, adder, domains.combination[cells][local], domains.combinations)


def _known(values: list[np.ndarray], name: str, start: int) -> np.ndarray | None:
    known = np.ones(len(values[0]), dtype=bool)
    for value in values:
        infinite = np.flatnonzero(np.isinf(value))
        if len(infinite):
            raise SurveyError(f"{name}: infinite in row {start + infinite[0] + 1}")
        known &= ~np.isnan(value)
    return None if known.all() else known


def _refuse_other_than_0_and_1(value: np.ndarray, name: str, start: int) -> None:
    other = (value != 0) & (value != 1)
    if other.any():
        row = int(np.flatnonzero(other)[0])
        raise SurveyError(
            f"{name}: a proportion needs a condition or a column of 0 and 1, found {value[row]:g} "
            f"in row {start + row + 1}"
        )


def _about_pivot(
    made: MeasureSums, target: Target, values: list[np.ndarray], known: np.ndarray | None, block: _Block
) -> np.ndarray:
    """Add to the squares; return what is to be summed: y - pivot x, and y itself for a total."""
    y, x = values[0], values[1] if len(values) == 2 else None
    new = np.isnan(made.pivot[block.combinations])
    if known is not None:
        new &= known
    if new.any():
        among = block.combinations[new]
        bottom = np.bincount(among, weights=None if x is None else x[new], minlength=block.size)
        top = np.bincount(among, weights=y[new], minlength=block.size)
        seen = np.bincount(among, minlength=block.size) > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            pivot = top / bottom
        made.pivot[seen] = np.where(np.isfinite(pivot), pivot, 0.0)[seen]
    at = made.pivot[block.combinations]
    deviation = y - (at if x is None else at * x)
    if known is not None:
        deviation[~known] = 0.0
    weighted = block.weight * deviation
    products = [weighted * deviation, weighted if x is None else weighted * x]
    if x is not None:
        products.append(block.weight * x * x)
    for total, product in zip(made.squares, products, strict=True):
        total += np.bincount(block.combinations, weights=product, minlength=block.size)
    return y if target.estimand.type == "total" else deviation
