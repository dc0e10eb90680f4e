"""What dbt must know of the sources, written from the contracts.

``models/staging/sources.yml`` describes the raw tables, with the ``meta`` that the macro ``staged`` reads
(its head says which keys); ``models/harmonised/staged_row.sql`` is the union of all staging models.
"""

from collections.abc import Iterable
from pathlib import Path

import yaml

from statloom import settings
from statloom.contracts.loading import load_all
from statloom.contracts.model import POSTGRESQL_TYPES, Contract

SOURCES = Path("models/staging/sources.yml")
STAGED_ROW = Path("models/harmonised/staged_row.sql")
_HEAD = "# Generated from the contracts by 'statloom source sync'. Do not edit.\n"
_ROLES = {
    "place_code": "Code of the place in scheme {scheme}",
    "place_name": "Name of the place",
    "place_level": "Level of the place, as the source names it",
    "place_parent": "The place that it belongs to",
    "period": "Period, as the source names it",
    "dimension": "Category",
    "measure": "Figure",
    "standard_error": "Standard error of the figure",
    "respondents": "Respondents that the figure rests on",
    "contribution": "One of the largest contributions to the figure; never released",
}


def files(contracts: Iterable[Contract] | None = None) -> dict[Path, str]:
    """Return path below the dbt project → text, of every generated file that all sources share."""
    contracts = list(load_all().values() if contracts is None else contracts)
    return {SOURCES: _sources(contracts), STAGED_ROW: _staged_row(contracts)}


def staging_model(source: str) -> tuple[Path, str]:
    """Return path below the dbt project, and text, of the staging model of ``source``."""
    return Path(f"models/staging/stg_{source}.sql"), f"{{{{ staged('{source}') }}}}\n"


def write(contracts: Iterable[Contract] | None = None) -> list[Path]:
    """Write generated files that differ and staging models that are missing; return the paths written."""
    contracts = list(load_all().values() if contracts is None else contracts)
    project, written = settings.load().dbt_project, []
    for path, text in files(contracts).items():
        if not (project / path).exists() or (project / path).read_text() != text:
            _write(project / path, text)
            written.append(path)
    for contract in contracts:
        path, text = staging_model(contract.source)
        if not (project / path).exists():
            _write(project / path, text)
            written.append(path)
    return written


def out_of_date(contracts: Iterable[Contract] | None = None) -> list[Path]:
    """Return the generated files that are missing or differ from what `write` would write."""
    contracts = list(load_all().values() if contracts is None else contracts)
    project = settings.load().dbt_project
    wanted = files(contracts)
    stale = [
        p for p, text in wanted.items() if not (project / p).exists() or (project / p).read_text() != text
    ]
    models = [staging_model(contract.source)[0] for contract in contracts]
    return stale + [path for path in models if not (project / path).exists()]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _staged_row(contracts: list[Contract]) -> str:
    selects = "\nunion all\n".join(
        f"select * from {{{{ ref('stg_{contract.source}') }}}}"  # noqa: S608
        for contract in contracts
    )
    return f"-- Generated from the contracts by 'statloom source sync'. Do not edit.\n{selects}\n"


def _sources(contracts: list[Contract]) -> str:
    document = {
        "version": 2,
        "sources": [
            {
                "name": "raw",
                "schema": "raw",
                "description": "Rows of the deliveries, as read by the contracts.",
                "tables": [_table(contract) for contract in contracts],
            }
        ],
    }
    return _HEAD + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)


def _table(contract: Contract) -> dict:
    about = f"{contract.title['en']}. Custodian: {contract.custodian}. Licence: {contract.licence}."
    if contract.synthetic:
        about = f"Synthetic data. {about}"
    return {
        "name": contract.source,
        "description": about,
        "config": {"meta": meta(contract)},
        "columns": [
            {
                "name": name,
                "description": _description(contract, name),
                "data_type": POSTGRESQL_TYPES[column.type],
            }
            for name, column in contract.raw.items()
        ]
        + [
            {
                "name": "_delivery_id",
                "description": "The delivery that the row came with",
                "data_type": "bigint",
            },
            {
                "name": "_row_number",
                "description": "Row in the delivery's file; rows made from one row by unpivoting share it",
                "data_type": "bigint",
            },
        ],
    }


def meta(contract: Contract) -> dict:
    """Return what the macro ``staged`` must know of ``contract``."""
    level, place, period = contract.first("place_level"), contract.place, contract.period
    found: dict = {"place_scheme": place.scheme}
    if level:
        values = contract.raw[level].values
        found["place_level"] = {"column": level} | ({"values": dict(values)} if values else {})
    else:
        found["place_level"] = {"value": place.level}
    for role in ("place_code", "place_name", "place_parent"):
        if contract.first(role):
            found[role] = {"column": contract.first(role)}
        elif role == "place_code" and place.code:
            found[role] = {"value": place.code}
    found["period"] = {"column": period.column} if period.column else {"value": period.value}
    found["dimensions"] = list(contract.named("dimension"))
    found["measures"] = list(contract.named("measure"))
    for role in ("standard_error", "respondents"):
        if contract.first(role):
            found[role] = contract.first(role)
    if contract.estimation:
        found |= {name: name for name in ("ci_low", "ci_high", "deff", "own_strata")}
    return found


def _description(contract: Contract, name: str) -> str:
    column = contract.raw[name]
    text = column.description or column.label
    if text is None:
        text = _ROLES.get(column.role, name).format(scheme=contract.place.scheme)
        if column.role == "dimension":
            text = f"{text}: {name.replace('_', ' ')}"
    return f"{text} ({column.unit})" if column.unit else text
