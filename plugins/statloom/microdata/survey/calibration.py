"""Calibration: weights that reproduce known population totals, and the variance that follows from it.

Distances (Deville and Särndal 1992), with F the factor on a weight and u = x'lambda:

    linear    F(u) = 1 + u, with bounds cut to them        (GREG) raking    F(u) = exp(u) logit     F(u) = (L
    (U - 1) + U (1 - L) exp(A u)) / (U - 1 + (1 - L) exp(A u)),  A = (U - L) / ((1 - L) (U - 1)) poststratify
    F = N_c / sum of the weights in cell c rake      iterative proportional fitting to margins

lambda solves sum w F(x'lambda) x = totals by Newton's method.

Variance: that of the residuals of the linearised variable, weighted with the calibrated weights. With x the
auxiliaries, w the weights before and v = w g those after this calibration, and z the weighted linearised
variable,

    e = z - v x'B,    B = (sum w x x')^-1 sum x z / g

(Särndal, Swensson and Wretman 1992, section 6.6; Deville and Särndal 1992; R's ``calibrate`` and
``postStratify``). For ``rake``, as R's ``rake`` does, ten rounds over the margins, each taking from z / v its
mean in every category of that margin. Several calibrations are done, and their residuals taken, in turn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import sparse

from statloom.microdata.survey.design import Calibration
from statloom.microdata.survey.errors import SurveyError
from statloom.microdata.survey.structure import Structure, codes_of

ROUNDS_OF_RAKING = 10
_MANY_WEIGHTS = 20
# Groups of fewer rows than this are summed by column, not by a product of matrices each.
_FEW_ROWS = 50


@dataclass(frozen=True)
class Cells:
    """A classification of all rows with the population total of each class."""

    codes: np.ndarray
    totals: np.ndarray


@dataclass(frozen=True)
class Prepared:
    """A calibration with its data: ``cells`` (poststratify: one, rake: one a margin) or ``matrix`` and
    ``totals``.
    """

    plan: Calibration
    cells: tuple[Cells, ...] = ()
    matrix: np.ndarray | None = None
    totals: np.ndarray | None = None

    def factors(self, weight: np.ndarray) -> np.ndarray:
        """Return the factor g on each weight. Raises SurveyError when no solution is found."""
        if self.plan.method == "poststratify":
            return _fit_cells(self.cells[0], weight)
        if self.plan.method == "rake":
            return self._rake(weight)
        return self._newton(weight)

    def _rake(self, weight: np.ndarray) -> np.ndarray:
        factor = np.ones_like(weight)
        for _ in range(self.plan.maximum_iterations):
            for cells in self.cells:
                factor *= _fit_cells(cells, weight * factor)
            gap = max(_gap(cells, weight * factor) for cells in self.cells)
            if gap < self.plan.epsilon:
                return factor
        raise SurveyError(
            f"design, field calibration: raking did not end in {self.plan.maximum_iterations} rounds, "
            f"margins are off by up to {gap:.3g} of their totals"
        )

    def _newton(self, weight: np.ndarray) -> np.ndarray:
        matrix, totals = self.matrix, self.totals
        size = np.abs(matrix).max(axis=0)
        matrix, totals = matrix / size, totals / size
        start = matrix.T @ weight
        scale = 1.0
        if self.plan.method != "linear" or self.plan.bounds:
            ratio = totals / start
            if ratio.min() > _MANY_WEIGHTS:
                # Weights that add up to the sample: bring them near the population before bounds are applied.
                scale = float(ratio.mean())
        weight = weight * scale
        lam = np.zeros(len(totals))
        factor, slope = self._distance(matrix @ lam)
        misfit = totals - matrix.T @ (weight * factor)
        # Once the aim is met, one more step costs little and brings the last digits.
        steps_after = 1
        for _ in range(self.plan.maximum_iterations):
            hessian = (matrix * (weight * slope)[:, None]).T @ matrix
            lam = lam + np.linalg.lstsq(hessian, misfit, rcond=1e-14)[0]
            factor, slope = self._distance(matrix @ lam)
            misfit = totals - matrix.T @ (weight * factor)
            if not np.isfinite(misfit).all():
                break
            if np.abs(misfit / (1 + np.abs(totals))).max() < max(self.plan.epsilon, 1e-13):
                if steps_after == 0:
                    return factor * scale
                steps_after -= 1
        worst = np.abs(misfit / (1 + np.abs(totals))).max()
        if worst < 1e-9:
            return factor * scale
        raise SurveyError(
            "design, field calibration: no weights within the bounds reproduce the totals, "
            f"off by up to {worst:.3g}"
        )

    def _distance(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(over="ignore", invalid="ignore"):
            if self.plan.method == "raking":
                return np.exp(u), np.exp(u)
            if self.plan.method == "linear":
                if self.plan.bounds is None:
                    return 1 + u, np.ones_like(u)
                low, high = self.plan.bounds
                return np.clip(1 + u, low, high), ((1 + u > low) & (1 + u < high)).astype(float)
            low, high = self.plan.bounds
            rate = (high - low) / ((high - 1) * (1 - low))
            power = np.exp(np.clip(rate * u, -500, 500))
            below = high - 1 + (1 - low) * power
            factor = (low * (high - 1) + high * (1 - low) * power) / below
            return factor, rate * power * (1 - low) * (high - 1) * (high - low) / below**2


def _fit_cells(cells: Cells, weight: np.ndarray) -> np.ndarray:
    have = np.bincount(cells.codes, weights=weight, minlength=len(cells.totals))
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(have > 0, cells.totals / have, 0.0)
    return factor[cells.codes]


def _gap(cells: Cells, weight: np.ndarray) -> float:
    have = np.bincount(cells.codes, weights=weight, minlength=len(cells.totals))
    return float(np.abs(have / cells.totals - 1).max())


@dataclass(frozen=True)
class Auxiliary:
    """One regression of the residual: classes (``codes``) or an orthonormal ``matrix``, ``size`` columns.

    ``divisor``: what a weighted value is divided by before it enters B. ``weight``: v of each row.
    ``inverse``: what the products are multiplied by, one number a column.
    """

    codes: np.ndarray | None
    matrix: np.ndarray | None
    size: int
    divisor: np.ndarray
    weight: np.ndarray
    inverse: np.ndarray

    def rows(self, scale: np.ndarray) -> Any:
        """Return the auxiliaries of all rows times ``scale``, (rows, size), sparse or dense."""
        if self.codes is None:
            return self.matrix * scale[:, None]
        rows = np.arange(len(self.codes))
        return sparse.csr_matrix((scale, (rows, self.codes)), shape=(len(rows), self.size))


class Projection:
    """Takes from linearised totals what the calibrations explain.

    ``size``: number of auxiliary columns in all. Sums of auxiliaries and values have them side by side.
    """

    def __init__(
        self, weight: np.ndarray, parts: Sequence[Auxiliary], order: Sequence[int], structure: Structure
    ) -> None:
        self.weight, self.parts, self.order = weight, parts, order
        self.offsets = np.cumsum([0, *(part.size for part in parts)])
        self.size = int(self.offsets[-1])
        self.crossed = self._crossed()
        self.leaf_totals = self._leaf_totals(structure)

    def _crossed(self) -> np.ndarray:
        crossed = np.zeros((self.size, self.size))
        for one, part in enumerate(self.parts):
            for other, against in enumerate(self.parts):
                product = part.rows(against.weight / part.divisor).T @ against.rows(
                    np.ones_like(against.weight)
                )
                block = product.toarray() if sparse.issparse(product) else np.asarray(product)
                crossed[self._slice(one), self._slice(other)] = block
        return crossed

    def _leaf_totals(self, structure: Structure) -> Any:
        rows = np.arange(len(structure.leaf))
        of_leaf = sparse.csr_matrix(
            (np.ones(len(rows)), (structure.leaf, rows)), shape=(structure.leaves, len(rows))
        )
        return sparse.hstack(
            [sparse.csr_matrix(of_leaf @ part.rows(part.weight)) for part in self.parts]
        ).tocsr()

    def _slice(self, part: int) -> slice:
        return slice(self.offsets[part], self.offsets[part + 1])

    def add(self, out: np.ndarray, start: int, stop: int, group: np.ndarray, values: np.ndarray) -> None:
        """Add to ``out`` (columns, groups, size) the sums over rows start … stop of auxiliary × value."""
        groups, local = np.unique(group, return_inverse=True)
        weighted = values * self.weight[start:stop, None]
        flat = out.reshape(len(out), -1)
        for number, part in enumerate(self.parts):
            scaled = weighted / part.divisor[start:stop, None]
            at = self._slice(number)
            if part.codes is not None:
                pairs, place = np.unique(
                    group * self.size + at.start + part.codes[start:stop], return_inverse=True
                )
                for column in range(values.shape[1]):
                    flat[column, pairs] += np.bincount(place, weights=scaled[:, column])
            elif len(groups) * _FEW_ROWS > len(group):
                for auxiliary in range(part.size):
                    products = scaled * part.matrix[start:stop, auxiliary, None]
                    for column in range(values.shape[1]):
                        sums = np.bincount(local, weights=products[:, column])
                        out[column, groups, at.start + auxiliary] += sums
            else:
                order = np.argsort(local, kind="stable")
                bounds = np.searchsorted(local[order], np.arange(len(groups) + 1))
                matrix, scaled = part.matrix[start:stop][order], scaled[order]
                for place, one in enumerate(groups):
                    rows = slice(bounds[place], bounds[place + 1])
                    out[:, one, at] += scaled[rows].T @ matrix[rows]

    def coefficients(self, products: np.ndarray) -> np.ndarray:
        """Return B from sums of auxiliary × linearised value, (size, K) → (size, K), all calibrations in
        turn.
        """
        found = np.zeros_like(products)
        for number in self.order:
            at = self._slice(number)
            left = products[at] - self.crossed[at] @ found
            found[at] += left * self.parts[number].inverse[:, None]
        return found


def calibrate(
    prepared: Sequence[Prepared], weight: np.ndarray, structure: Structure
) -> tuple[np.ndarray, Projection]:
    """Return the weights after all calibrations, and the projection that their variance needs."""
    parts: list[Auxiliary] = []
    order: list[int] = []
    for one in prepared:
        factor = one.factors(weight)
        new = weight * factor
        if not (new != 0).all():
            raise SurveyError("design, field calibration: some weights became zero")
        if one.plan.method == "rake":
            first = len(parts)
            for cells in one.cells:
                count = np.bincount(cells.codes, minlength=len(cells.totals))
                parts.append(Auxiliary(cells.codes, None, len(cells.totals), new, new, 1 / count))
            order += list(range(first, len(parts))) * ROUNDS_OF_RAKING
        elif one.plan.method == "poststratify":
            cells = one.cells[0]
            inverse = 1 / np.bincount(cells.codes, weights=weight, minlength=len(cells.totals))
            order.append(len(parts))
            parts.append(Auxiliary(cells.codes, None, len(cells.totals), factor, new, inverse))
        else:
            root = np.sqrt(weight)[:, None]
            basis = _orthonormal(one.matrix * root) / root
            order.append(len(parts))
            parts.append(Auxiliary(None, basis, basis.shape[1], factor, new, np.ones(basis.shape[1])))
        weight = new
    return weight, Projection(weight, parts, order, structure)


def _orthonormal(matrix: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of the columns, without those that depend on others."""
    norm = np.linalg.norm(matrix, axis=0)
    u, s, _ = np.linalg.svd(matrix / np.where(norm > 0, norm, 1.0), full_matrices=False)
    return u[:, s > s[0] * 1e-11]


def prepare_cells(columns: Sequence[str], totals: Any, table: pa.Table, field: str) -> Cells:
    """Match the cross-classification of ``columns`` with ``totals``.

    Raises SurveyError for a missing category, one without a total, and one in the totals that no row has.
    """
    wanted = _totals_by_category(columns, totals, field)
    coded = [codes_of(table[name]) for name in columns]
    codes = np.zeros(table.num_rows, dtype=np.int64)
    for name, (part, values) in zip(columns, coded, strict=True):
        missing = np.flatnonzero(part < 0)
        if len(missing):
            raise SurveyError(
                f"{field}: column {name!r} is missing in {len(missing)} rows, first in row {missing[0] + 1}"
            )
        codes = codes * len(values) + part
    found, codes = np.unique(codes, return_inverse=True)
    categories = []
    for one in found:
        labels = []
        for _, values in reversed(coded):
            labels.append(values[int(one % len(values))].as_py())
            one //= len(values)
        categories.append(tuple(str(label) for label in reversed(labels)))
    of_category = {tuple(str(part) for part in key): float(total) for key, total in wanted.items()}
    for category in categories:
        if category not in of_category:
            raise SurveyError(f"{field}: no total for {_category(columns, category)}")
    if spare := [key for key in of_category if key not in set(categories)]:
        raise SurveyError(f"{field}: a total for {_category(columns, spare[0])}, but no case in the sample")
    chosen = np.array([of_category[category] for category in categories])
    if not (chosen > 0).all():
        raise SurveyError(f"{field}: totals must be above 0")
    return Cells(codes, chosen)


def _totals_by_category(columns: Sequence[str], totals: Any, field: str) -> dict[tuple, float]:
    if isinstance(totals, Mapping):
        return {key if isinstance(key, tuple) else (key,): total for key, total in totals.items()}
    made = {}
    for item in totals:
        if not isinstance(item, Mapping) or set(item) != {*columns, "total"}:
            raise SurveyError(f"{field}: each total needs the fields {', '.join(columns)} and total")
        made[tuple(item[name] for name in columns)] = item["total"]
    return made


def _category(columns: Sequence[str], category: Sequence[Any]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in zip(columns, category, strict=False))


def prepare_matrix(plan: Calibration, values: Sequence[np.ndarray]) -> Prepared:
    """Return a generalised calibration from the values of its auxiliaries, one array for each."""
    for text, column in zip(plan.auxiliaries, values, strict=True):
        bad = np.flatnonzero(~np.isfinite(column))
        if len(bad):
            raise SurveyError(
                f"design, field calibration.auxiliaries: {text!r} is missing or infinite in {len(bad)} rows, "
                f"first in row {bad[0] + 1}"
            )
        if not column.any():
            raise SurveyError(f"design, field calibration.auxiliaries: {text!r} is 0 in all rows")
    totals = np.array([float(total) for total in plan.auxiliaries.values()])
    return Prepared(plan, matrix=np.stack(values, axis=1), totals=totals)
