"""Estimates of a survey from its unit records in the vault, as rows of its raw table."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa

from statloom.contracts.model import ESTIMAND, TOTAL, Contract, Estimand
from statloom.errors import DeliveryError
from statloom.landing.read import typed
from statloom.landing.read.result import ROW_NUMBER
from statloom.microdata.vault import Stored


def records(contract: Contract) -> list[str]:
    """Return the records whose rows are cases of some estimand, in the contract's order."""
    wanted = {_record(contract, estimand) for estimand in contract.estimation.estimands}
    return [name for name in contract.records if name in wanted]


def _record(contract: Contract, estimand: Estimand) -> str:
    return estimand.record or contract.estimation.record or next(iter(contract.records))


def estimates(contract: Contract, stored: Stored) -> pa.Table:
    """Return the contract's estimates from the unit records ``stored``: columns of ``contract.raw``, and
    ``_row_number``, counted from 1 in the order of records, domains, places, categories and estimands.

    An estimand is estimated in the domains whose columns its record has. A dimension that does not define the
    row's domain is ``_T``; a figure that cannot be estimated is empty. Raises DeliveryError when the design
    does not hold.
    """
    parts = [_of_record(contract, stored, record) for record in records(contract)]
    return _tidy(contract, pd.concat(parts, ignore_index=True))


def _of_record(contract: Contract, stored: Stored, record: str) -> pd.DataFrame:
    from statloom.microdata.survey import SurveyError, estimate, own_strata

    declared, visible = contract.estimation, contract.visible(record)
    estimands = [_estimand(contract, e) for e in declared.estimands if _record(contract, e) == record]
    domains = [list(domain) for domain in declared.domains if set(domain) <= set(visible)]
    if not domains:
        raise DeliveryError(f"no domain has columns of {record} alone", source=contract.source)
    # Design, expressions and domains name columns by these words, and maybe others.
    words = set(re.findall(r"\w+", repr((dict(declared.design), estimands, domains)).lower()))
    named = [name for name in visible if name in words]
    # Of one record, the file itself is read; a table of several is put together in memory.
    alone = len(contract.lineage(record)) == 1
    data = stored.path(record) if alone and stored.local else stored.table(record, named)
    design = dict(declared.design)
    places = {name for name in visible if contract.columns[name].role == "place_code"}
    try:
        found = estimate(data, design, estimands, by=domains)
        own = {
            tuple(by): own_strata(data, design, by)
            for domain in domains
            for by in (domain, [name for name in domain if name in places])
        }
    except SurveyError as error:
        raise DeliveryError(f"nothing can be estimated: {error}", source=contract.source) from None
    return found.assign(own_strata=_own_strata(found, domains, places, own))


def _own_strata(
    found: pd.DataFrame, domains: list[list[str]], places: set[str], own: dict[tuple, pd.DataFrame]
) -> pd.Series:
    """Return whose cases alone the strata of each estimate have: ``domain``, ``place`` or ``none``."""
    names = list(dict.fromkeys(name for domain in domains for name in domain))
    made = pd.Series("none", index=found.index, dtype="object")
    for domain in domains:
        inside = pd.Series(True, index=found.index)
        for name in names:
            inside &= found[name].notna() == (name in domain)
        for word, by in (("place", [name for name in domain if name in places]), ("domain", domain)):
            known = own[tuple(by)]
            hit = inside & known["own"].any()
            if by:
                keys = _joined(known.loc[known["own"], by])
                hit &= _joined(found[by]).isin(set(keys))
            made[hit] = word
    return made


def _joined(frame: pd.DataFrame) -> pd.Series:
    joined = frame.iloc[:, 0].astype(str)
    for name in frame.columns[1:]:
        joined = joined + "\x1f" + frame[name].astype(str)
    return joined


def _estimand(contract: Contract, estimand: Estimand) -> dict:
    given = {
        "name": estimand.measure,
        "type": estimand.type,
        "expression": estimand.expression or _expression(contract, estimand),
        "numerator": estimand.numerator,
        "denominator": estimand.denominator,
        "where": estimand.where,
        "probability": estimand.probability,
        "interval": estimand.interval,
    }
    return {key: value for key, value in given.items() if value is not None}


def _expression(contract: Contract, estimand: Estimand) -> str | None:
    """Return column and categories as an expression; a case without an answer counts in no category."""
    if estimand.column is None:
        return None
    name = '"' + estimand.column + '"'
    if not estimand.category:
        return name
    if contract.columns[estimand.column].type == "text":
        categories = ", ".join("'" + c.replace("'", "''") + "'" for c in estimand.category)
    else:
        categories = ", ".join(estimand.category)
    return f"{name} in ({categories})"


def _tidy(contract: Contract, found: pd.DataFrame) -> pa.Table:
    columns = contract.columns
    places = list(
        dict.fromkeys(
            name
            for domain in contract.estimation.domains
            for name in domain
            if columns[name].role == "place_code"
        )
    )
    level = pd.Series("country", index=found.index, dtype="object")
    code = pd.Series(contract.place.code, index=found.index, dtype="object")
    for name in places:
        if name not in found:
            continue
        here = found[name].notna()
        level[here], code[here] = columns[name].level, found.loc[here, name].astype(str)
    factor = found["estimand"].map({e.measure: e.multiplier for e in contract.estimation.estimands})
    tidy = {"place_level": level, "place_code": code, ESTIMAND: found["estimand"]}
    for name in contract.named("dimension"):
        if name in found:
            tidy[name] = found[name].astype("object").where(found[name].notna(), TOTAL).astype(str)
        elif name != ESTIMAND:
            tidy[name] = pd.Series(TOTAL, index=found.index)
    tidy |= {
        "value": found["estimate"] * factor,
        "standard_error": found["se"] * factor,
        "cv": found["cv"],
        "ci_low": found["ci_low"] * factor,
        "ci_high": found["ci_high"] * factor,
        "respondents": found["n"],
        "deff": found["deff"],
        "own_strata": found["own_strata"],
    }
    arrays = {
        name: _array(tidy[name], typed.ARROW_TYPES[column.type])
        for name, column in contract.raw.items()
        if name in tidy
    }
    return pa.table(arrays | {ROW_NUMBER: pa.array(np.arange(1, len(found) + 1))})


def _array(values: pd.Series, kind: pa.DataType) -> pa.Array:
    if pa.types.is_floating(kind):
        numbers = values.to_numpy(float)
        return pa.array(numbers, kind, mask=~np.isfinite(numbers))
    return pa.array(values.tolist(), kind)
