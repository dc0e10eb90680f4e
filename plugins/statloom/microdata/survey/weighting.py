"""From the design's declarations to final weights: calibration, replicate weights, and how variance is
estimated.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from statloom.microdata.survey import replication
from statloom.microdata.survey.calibration import Prepared, calibrate, prepare_cells, prepare_matrix
from statloom.microdata.survey.design import Calibration, Design
from statloom.microdata.survey.domains import Domains
from statloom.microdata.survey.errors import SurveyError
from statloom.microdata.survey.expression import parse
from statloom.microdata.survey.source import Source
from statloom.microdata.survey.structure import Structure
from statloom.microdata.survey.uncertainty import Uncertainty

_FIELD = "design, field calibration"
# Margins that differ by more than this share cannot all be reached.
_SAME = 1e-6


def calibration_columns(design: Design, columns: Sequence[str]) -> set[str]:
    """Return the columns that calibrations and given replicate weights read. Raises SurveyError for unknown
    ones.
    """
    used: set[str] = set()
    for plan in design.calibration:
        used |= {*plan.columns, *(plan.margins or {})}
        for text in plan.auxiliaries or {}:
            used |= parse(text, columns, f"{_FIELD}.auxiliaries").columns
    if design.replicates:
        used |= set(design.replicates.columns)
    for name in sorted(used):
        if name not in columns:
            raise SurveyError(f"design: the data have no column {name!r}")
    return used


def weigh(
    design: Design,
    source: Source,
    table: pa.Table,
    structure: Structure,
    domains: Domains,
    own_ranks: bool = False,
) -> Uncertainty:
    """Return final weights and the way to variance, from the sampling structure and the design's
    declarations; ``own_ranks`` as in `Uncertainty`.
    """
    prepared = [_prepare(plan, source) for plan in design.calibration]
    weight, projection = structure.weight, None
    if prepared:
        weight, projection = calibrate(prepared, weight, structure)
    if design.replicates is None:
        return Uncertainty(structure, domains, weight, projection, None)
    if design.replicates.columns:
        replicates = replication.given(design, structure, _given_weights(design, source))
    else:
        replicates = replication.make(design, structure)
    if prepared:
        replicates = replication.calibrated(replicates, prepared, weight)
    return Uncertainty(structure, domains, weight, None, replicates, own_ranks)


def _given_weights(design: Design, source: Source) -> np.ndarray:
    names = design.replicates.columns
    table = source.table(names)
    columns = [replication.column(table, name) for name in names]
    return np.stack(columns, axis=1)


def _prepare(plan: Calibration, source: Source) -> Prepared:
    if plan.method == "poststratify":
        table = source.table(plan.columns)
        return Prepared(plan, cells=(prepare_cells(plan.columns, plan.totals, table, f"{_FIELD}.totals"),))
    if plan.method == "rake":
        table = source.table(list(plan.margins))
        cells = tuple(
            prepare_cells([name], totals, table, f"{_FIELD}.margins, {name}")
            for name, totals in plan.margins.items()
        )
        sums = [one.totals.sum() for one in cells]
        if max(sums) > min(sums) * (1 + _SAME):
            raise SurveyError(
                f"{_FIELD}.margins: they do not add up to one population: "
                + ", ".join(f"{name} {total:g}" for name, total in zip(plan.margins, sums, strict=True))
            )
        return Prepared(plan, cells=cells)
    values = []
    for text in plan.auxiliaries:
        parsed = parse(text, source.columns, f"{_FIELD}.auxiliaries")
        kind = source.types([parsed.sql])[0]
        if kind not in ("number", "condition"):
            raise SurveyError(f"{_FIELD}.auxiliaries: {text!r} gives {kind}, not numbers")
        values.append(source.values(f"CAST({parsed.sql} AS DOUBLE)"))
    return prepare_matrix(plan, values)
