"""Microdata of surveys: into the vault as Parquet, and from there as estimates into raw."""

import os
import secrets
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
from sqlalchemy import Row

from statloom import settings
from statloom.contracts.model import ESTIMAND, TOTAL, Contract, Estimand
from statloom.errors import DeliveryError
from statloom.landing.disk import full_disk_named
from statloom.landing.read import Reading, typed
from statloom.landing.read import read as read_cases
from statloom.landing.read.result import ROW_NUMBER


def read(contract: Contract, delivery: Row, path: Path) -> Reading:
    """Read the cases of a survey into the vault; return its estimates as the rows of the raw table.

    The reading's quarantined rows are cases; ``rows_read`` counts them and the estimates. Personal
    identifiers are dropped before anything is written. Raises DeliveryError when a case or the design cannot
    be used.
    """
    cases = read_cases(contract, path, name=delivery.file_name)
    stored = vault_file(contract, delivery.sha256)
    for folder in (settings.load().vault, stored.parent):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    store(cases.table.drop_columns([ROW_NUMBER]), stored)
    table = estimates(contract, stored)
    notes = [
        f"{cases.table.num_rows:,} interviews in the vault, {len(cases.quarantined):,} held out;"
        " the rows are estimates",
        *cases.notes,
    ]
    return Reading(table, cases.quarantined, table.num_rows + len(cases.quarantined), notes)


def vault_file(contract: Contract, sha256: str) -> Path:
    """Return where the cases of the delivery ``sha256`` lie in the vault."""
    return settings.load().vault / contract.source / f"{sha256}.parquet"


def store(table: pa.Table, target: Path) -> None:
    """Write ``table`` to ``target``, whole or not at all; the file is readable by this account alone."""
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with full_disk_named(target), os.fdopen(descriptor, "wb") as out:
            parquet.write_table(table, out, compression="zstd")
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def estimates(contract: Contract, cases: Path) -> pa.Table:
    """Return the contract's estimates from the Parquet file ``cases``: columns of ``contract.raw``, and
    ``_row_number``, counted from 1 in the order of domains, places, categories and estimands.

    A dimension that does not define the row's domain is ``_T``; a figure that cannot be estimated is empty.
    """
    from statloom.microdata.survey import SurveyError, estimate

    declared = contract.estimation
    try:
        found = estimate(
            cases,
            dict(declared.design),
            [_estimand(contract, e) for e in declared.estimands],
            by=[list(domain) for domain in declared.domains],
        )
    except SurveyError as error:
        raise DeliveryError(f"nothing can be estimated: {error}", source=contract.source) from None
    return _tidy(contract, found)


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
        here = found[name].notna()
        level[here], code[here] = columns[name].level, found.loc[here, name].astype(str)
    factor = found["estimand"].map({e.measure: e.multiplier for e in contract.estimation.estimands})
    tidy = {"place_level": level, "place_code": code, ESTIMAND: found["estimand"]}
    for name in contract.named("dimension"):
        if name != ESTIMAND:
            tidy[name] = found[name].astype("object").where(found[name].notna(), TOTAL).astype(str)
    tidy |= {
        "value": found["estimate"] * factor,
        "standard_error": found["se"] * factor,
        "cv": found["cv"],
        "ci_low": found["ci_low"] * factor,
        "ci_high": found["ci_high"] * factor,
        "respondents": found["n"],
    }
    arrays = {
        name: _array(tidy[name], typed.ARROW_TYPES[column.type]) for name, column in contract.raw.items()
    }
    return pa.table(arrays | {ROW_NUMBER: pa.array(np.arange(1, len(found) + 1))})


def _array(values: pd.Series, kind: pa.DataType) -> pa.Array:
    if pa.types.is_floating(kind):
        numbers = values.to_numpy(float)
        return pa.array(numbers, kind, mask=~np.isfinite(numbers))
    return pa.array(values.tolist(), kind)
