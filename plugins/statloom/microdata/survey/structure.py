"""The sampling structure of the rows: units, strata, sampled fractions of every stage, as numpy codes."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from statloom.microdata.survey.design import Design
from statloom.microdata.survey.errors import SurveyError

# A stratum sampled to more than this share is taken as a census of it, as R's survey package does.
WHOLE = 1 - 1e-7


@dataclass(frozen=True)
class Stage:
    """One stage of sampling. Codes of units and strata rise with the codes of the leaves.

    ``unit``: leaf → unit of this stage. ``stratum``: unit → stratum. ``sampled``: stratum → n_h, units in the
    sample. ``fraction``: stratum → f_h = n_h / N_h (0: with replacement). ``factor``: stratum → product of
    the fractions of the stages above. ``parent``: stratum → unit of the stage above (0 at the first).
    """

    unit: np.ndarray
    stratum: np.ndarray
    sampled: np.ndarray
    fraction: np.ndarray
    factor: np.ndarray
    parent: np.ndarray


@dataclass(frozen=True)
class Structure:
    """The sampling structure of all rows.

    ``leaf``: row → unit of the last stage that adds variance; rows of one leaf are only ever summed.
    ``weight``: row → sampling weight (float64, above 0). ``stages``: from the first on. ``lonely_psu``: the
    rule; ``lonely_in_domain``: it holds too where only the domain has one unit in a stratum.
    """

    leaf: np.ndarray
    weight: np.ndarray
    stages: tuple[Stage, ...]
    lonely_psu: str
    lonely_in_domain: bool = False

    @property
    def leaves(self) -> int:
        """Number of leaves."""
        return len(self.stages[-1].stratum)

    @property
    def degrees_of_freedom(self) -> int:
        """Of the whole design: number of PSUs less number of strata."""
        return len(self.stages[0].stratum) - len(self.stages[0].sampled)


def codes_of(column: pa.ChunkedArray | pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Return ``(codes, values)``: row → place of its value among the sorted distinct values, -1 for
    missing.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    encoded = column.dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    place = np.empty(len(order) + 1, dtype=np.int64)
    place[order] = np.arange(len(order))
    place[len(order)] = -1
    indices = pc.fill_null(encoded.indices, len(order)).to_numpy(zero_copy_only=False)
    return place[indices], encoded.dictionary.take(pa.array(order))


def build(design: Design, table: pa.Table) -> Structure:
    """Return the sampling structure of ``table`` (the columns of the design, one row a case).

    Raises SurveyError for weights that are missing, not numbers, zero or negative; missing strata, units or
    fpc; a PSU in two strata unless nested; fpc below the number sampled or unlike within a stratum; and,
    under ``lonely_psu='fail'``, for a stratum with one PSU.
    """
    strata = [_codes(table, name, "strata") for name in design.strata]
    units = [_codes(table, name, "psu") for name in design.psu]
    sizes = _population(design, table)
    rows = table.num_rows
    whole = np.zeros(rows, dtype=np.int64)
    if not units:
        units = [np.arange(rows)]
    elif not design.nest and strata:
        _refuse_unit_in_two_strata(design, table, strata[0], units[0])
    # Without fpc at a stage all further stages add nothing.
    depth = min(len(units), len(sizes) + 1)

    unit = whole
    plan = []
    for stage in range(depth):
        stratum = _refine(unit, strata[stage]) if stage < len(strata) else unit
        if stage == 0 and not strata:
            stratum = whole
        plan.append((stratum, _refine(stratum, units[stage])))
        unit = plan[-1][1]

    leaf, first_row = unit, _first_rows(unit)
    stages: list[Stage] = []
    product = np.ones(rows)
    above = whole
    weight = np.ones(rows)
    for stage, (stratum, unit) in enumerate(plan):
        rows_of_unit = _first_rows(unit)
        stratum_of_unit = stratum[rows_of_unit]
        rows_of_stratum = _first_rows(stratum)
        sampled = np.bincount(stratum_of_unit)
        if stage < len(sizes):
            fraction = _fraction(design, table, stage, stratum, rows_of_stratum, sampled, sizes[stage])
            weight /= fraction[stratum]
        else:
            fraction = np.zeros(len(sampled))
        made = Stage(
            unit=unit[first_row],
            stratum=stratum_of_unit,
            sampled=sampled,
            fraction=fraction,
            factor=product[rows_of_stratum],
            parent=above[rows_of_stratum],
        )
        if stage == 0 and len(stratum_of_unit) == 1:
            raise SurveyError("design, field psu: the data have one primary sampling unit only")
        if design.lonely_psu == "fail":
            _refuse_lonely(design, table, stage, made, rows_of_stratum)
        stages.append(made)
        product = product * fraction[stratum]
        above = unit
    if design.weight is not None:
        weight = _weights(table, design.weight)
    return Structure(
        leaf=leaf,
        weight=weight,
        stages=tuple(stages),
        lonely_psu=design.lonely_psu,
        lonely_in_domain=design.lonely_in_domain,
    )


def _refine(codes: np.ndarray, finer: np.ndarray) -> np.ndarray:
    """Return codes of the pairs, in the order of ``codes`` first, without gaps."""
    pairs = codes * (int(finer.max()) + 1) + finer
    return np.unique(pairs, return_inverse=True)[1]


def _first_rows(codes: np.ndarray) -> np.ndarray:
    return np.unique(codes, return_index=True)[1]


def _codes(table: pa.Table, name: str, field: str) -> np.ndarray:
    codes, _ = codes_of(table[name])
    missing = np.flatnonzero(codes < 0)
    if len(missing):
        raise SurveyError(
            f"design, field {field}: column {name!r} is missing in {len(missing)} rows, "
            f"first in row {missing[0] + 1}"
        )
    return codes


def numbers_of(table: pa.Table, name: str, field: str) -> np.ndarray:
    """Return the column as float64. Raises SurveyError when it is no number, or missing or infinite in some
    row.
    """
    column = table[name]
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise SurveyError(f"design, field {field}: column {name!r} holds {kind}, not numbers")
    values = pc.cast(column, pa.float64()).combine_chunks().to_numpy(zero_copy_only=False)
    for bad, what in ((np.isnan(values), "missing"), (np.isinf(values), "infinite")):
        if bad.any():
            rows = np.flatnonzero(bad)
            raise SurveyError(
                f"design, field {field}: column {name!r} is {what} in {len(rows)} rows, "
                f"first in row {rows[0] + 1}"
            )
    return values


def _weights(table: pa.Table, name: str) -> np.ndarray:
    weight = numbers_of(table, name, "weight")
    for bad, what in ((weight < 0, "negative"), (weight == 0, "zero")):
        rows = np.flatnonzero(bad)
        if len(rows):
            raise SurveyError(
                f"design, field weight: column {name!r} is {what} in {len(rows)} rows, "
                f"first in row {rows[0] + 1}"
            )
    return weight


def _population(design: Design, table: pa.Table) -> list[np.ndarray]:
    return [numbers_of(table, name, "fpc") for name in design.fpc]


def _fraction(
    design: Design,
    table: pa.Table,
    stage: int,
    stratum: np.ndarray,
    rows_of_stratum: np.ndarray,
    sampled: np.ndarray,
    sizes: np.ndarray,
) -> np.ndarray:
    name = design.fpc[stage]
    where = f"design, field fpc: column {name!r}"
    given = np.concatenate([numbers_of(table, column, "fpc") for column in design.fpc])
    if (given <= 0).any():
        raise SurveyError(f"{where}: zero or negative")
    fractions = bool((given <= 1).all())
    if not fractions and (given < 1).any():
        raise SurveyError(
            f"{where}: must be population sizes (all at least 1) or fractions (all at most 1), is both"
        )
    of_stratum = sizes[rows_of_stratum]
    unlike = np.flatnonzero(sizes != of_stratum[stratum])
    if len(unlike):
        label = _label(design, table, stage, int(unlike[0]))
        raise SurveyError(f"{where}: differs within {label}, first in row {unlike[0] + 1}")
    fraction = of_stratum if fractions else sampled / of_stratum
    if (fraction > 1).any():
        at = int(np.flatnonzero(fraction > 1)[0])
        label = _label(design, table, stage, int(rows_of_stratum[at]))
        raise SurveyError(
            f"{where}: says {of_stratum[at]:g} units in the population of {label}, "
            f"but {sampled[at]} are in the sample"
        )
    return fraction


def _refuse_unit_in_two_strata(
    design: Design, table: pa.Table, stratum: np.ndarray, unit: np.ndarray
) -> None:
    first = _first_rows(unit)
    crossing = np.flatnonzero(stratum != stratum[first][unit])
    if len(crossing):
        row = int(crossing[0])
        psu, strata = design.psu[0], design.strata[0]
        one, other = table[strata][int(first[unit[row]])].as_py(), table[strata][row].as_py()
        count = len(np.unique(unit[crossing]))
        raise SurveyError(
            f"design, field psu: {psu} {table[psu][row].as_py()!r} lies in two strata, "
            f"{strata} {one!r} and {other!r}"
            f" (row {row + 1}; {count} such PSUs); if numbers begin anew in each stratum, set nest"
        )


def _refuse_lonely(
    design: Design, table: pa.Table, stage: int, made: Stage, rows_of_stratum: np.ndarray
) -> None:
    lonely = (made.sampled == 1) & (made.fraction < WHOLE) & (made.factor > 0)
    if lonely.any():
        rows = rows_of_stratum[lonely][:5]
        labels = [f"{_label(design, table, stage, int(row))} (row {row + 1})" for row in rows]
        raise SurveyError(
            f"design, field lonely_psu: {lonely.sum()} strata have one sampling unit at stage {stage + 1}: "
            f"{'; '.join(labels)}{' …' if lonely.sum() > 5 else ''}; merge them, or choose "
            "remove, certainty, adjust or average"
        )


def _label(design: Design, table: pa.Table, stage: int, row: int) -> str:
    names = [*design.psu[:stage], *design.strata[: stage + 1]]
    return ", ".join(f"{name} {table[name][row].as_py()!r}" for name in names) or "the whole"
