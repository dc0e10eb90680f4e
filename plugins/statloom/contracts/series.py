"""From the series of a contract to the rows of ``landing.series_mapping``."""

import itertools
import json

from statloom.contracts.model import TOTAL, Contract, Selection, Series, subject


def mapping(contract: Contract) -> list[dict]:
    """Return one row a combination of categories that feeds a series.

    Keys: ``source_id, series_code, role, measure, categories, breakdown``; the last two as JSON text.
    A selection without ``where`` takes every row: its categories are ``{}``. Figures from microdata are not
    added up: dimensions that a series does not break down are fixed at their total.
    """
    rows = []
    for series in contract.series:
        for role in ("numerator", "denominator", "value"):
            selection = getattr(series, role)
            if selection is None:
                continue
            measure, where = _selected(contract, series, selection)
            for combination in itertools.product(*where.values()):
                rows.append(
                    {
                        "source_id": contract.source,
                        "series_code": series.series,
                        "role": role,
                        "measure": measure,
                        "categories": _json(dict(zip(where, combination, strict=True))),
                        "breakdown": _json(_breakdown(contract, series)),
                    }
                )
    return rows


def _selected(contract: Contract, series: Series, selection: Selection) -> tuple[str, dict]:
    where = dict(selection.where)
    if not contract.microdata:
        return selection.measure, where
    broken_down = {breakdown.column for breakdown in series.breakdown.values()}
    for dimension in contract.named("dimension"):
        if dimension == subject(contract):
            where[dimension] = (selection.measure,)
        elif dimension not in broken_down:
            where.setdefault(dimension, (TOTAL,))
    return "value", where


def _breakdown(contract: Contract, series: Series) -> dict:
    total = {TOTAL: TOTAL} if contract.microdata else {}
    return {
        dimension.lower(): {"column": breakdown.column, "codes": {**breakdown.codes, **total}}
        for dimension, breakdown in series.breakdown.items()
    }


def _json(value: dict) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
