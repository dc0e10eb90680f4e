"""From YAML files to contracts."""

import hashlib
import json
from pathlib import Path
from types import MappingProxyType

from statloom import settings
from statloom.contracts import model, public_use
from statloom.contracts.source_text import Document, dotted, parse
from statloom.contracts.validation import cross_problems, schema_problems
from statloom.errors import ContractError

COLLECTION = "_collection.yml"
_PLAIN = (
    "source",
    "custodian",
    "owner",
    "kind",
    "licence",
    "provenance",
    "sensitivity",
    "schedule",
    "maximum_age_days",
    "description",
    "synthetic",
    "warning_budget",
)


def contract_files(
    folder: Path | None = None, *, broken: list[ContractError] | None = None
) -> dict[str, Path]:
    """Return source → file of every contract below ``folder`` (default: dags/sources).

    Two files of one name are a ContractError, raised, or added to ``broken`` where that is given.
    """
    folder = folder or settings.load().contracts
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.yml")):
        if path.name.startswith(("_", ".")):
            continue
        if path.stem in found:
            error = ContractError(
                f"{_name(path)}: there is another contract of this name, {_name(found[path.stem])}"
            )
            if broken is None:
                raise error
            broken.append(error)
            continue
        found[path.stem] = path
    return found


def load_all(folder: Path | None = None, *, broken: list[ContractError] | None = None) -> dict:
    """Return source → Contract for every contract below ``folder`` (default: dags/sources), sorted by source.

    A contract that is not valid raises ContractError. When the list ``broken`` is given, the error is added
    to it instead and the other contracts are returned, so that one source's mistake does not stop the others.
    """
    contracts, collections = {}, {}
    for source, path in sorted(contract_files(folder, broken=broken).items()):
        try:
            contracts[source] = _load_file(path, collections)
        except ContractError as error:
            if broken is None:
                raise
            broken.append(error)
    return contracts


def load(source: str, folder: Path | None = None) -> model.Contract:
    """Return the contract of ``source``. Raises ContractError when there is none, or it is not valid."""
    found = contract_files(folder)
    if source not in found:
        raise ContractError(
            f"no contract for source {source!r} in {_name(folder or settings.load().contracts)}"
        )
    return load_file(found[source])


def load_file(path: Path) -> model.Contract:
    """Return the contract in ``path``, with the defaults of the ``_collection.yml`` beside it.

    Raises ContractError with every problem of the file, one a line, each with file, line and field.
    """
    return _load_file(path, {})


def _load_file(path: Path, collections: dict[Path, Document]) -> model.Contract:
    """As `load_file`; ``collections`` keeps those that were read already."""
    document = parse(path, _name(path))
    shared = path.parent / COLLECTION
    if shared not in collections:
        collections[shared] = _collection(shared) if shared.exists() else Document("")
    collection = collections[shared]
    data = {**collection.data, **document.data}

    problems = schema_problems(data) or cross_problems(data, path.stem)
    if problems:
        texts = [
            _located(
                collection if p and p[0] not in document.data and p[0] in collection.data else document, p, m
            )
            for p, m in problems
        ]
        raise ContractError("\n".join(dict.fromkeys(texts)))
    sha256 = hashlib.sha256(json.dumps(data, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    return build(data, path=_name(path), sha256=sha256)


def _collection(path: Path) -> Document:
    document = parse(path, _name(path))
    problems = schema_problems(document.data, collection=True)
    if problems:
        raise ContractError("\n".join(_located(document, p, m) for p, m in problems))
    return document


def _located(document: Document, path: tuple, message: str) -> str:
    where = f", {dotted(path)}" if path else ""
    return f"{document.file}, line {document.line(path)}{where}: {message}"


def _name(path: Path) -> str:
    project = settings.load().project
    try:
        return str(path.resolve().relative_to(project.resolve()))
    except ValueError:
        return str(path)


def build(data: dict, *, path: str = "", sha256: str = "") -> model.Contract:
    """Return the contract that the valid mapping ``data`` declares."""
    plain = {key: data[key] for key in _PLAIN if key in data}
    connector = dict(data["connector"])
    if isinstance(connector.get("period"), str):
        connector["period"] = [connector["period"]]
    return model.Contract(
        **plain,
        title=MappingProxyType(data["title"]),
        connector=model.Connector(**_frozen(connector)),
        format=_format(data["format"]),
        columns=_columns(data),
        key=tuple(data.get("key", ())),
        place=model.Place(**data["place"]),
        period=model.Period(**data["period"]),
        series=tuple(_series(series) for series in data.get("series", [])),
        defects=tuple(model.Defect(**defect) for defect in data.get("defects", [])),
        tolerance=model.Tolerance(**data.get("tolerance", {})),
        disclosure=_disclosure(data.get("disclosure", {})),
        estimation=_estimation(data.get("estimation")),
        tabulation=tabulation_of(data.get("tabulation")),
        public_use=public_use.build(data.get("public_use")),
        records=_records(data),
        path=path,
        sha256=sha256,
    )


def _frozen(mapping: dict) -> dict:
    """Return ``mapping`` with its lists as tuples and its mappings read-only."""
    return {
        key: tuple(value)
        if isinstance(value, list)
        else MappingProxyType(value)
        if isinstance(value, dict)
        else value
        for key, value in mapping.items()
    }


def _texts(value) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


def _columns(data: dict) -> MappingProxyType:
    return MappingProxyType(
        {name: model.Column(name, **_frozen(column)) for name, column in data["columns"].items()}
    )


def _records(data: dict) -> MappingProxyType:
    """Return the records of microdata; of other contracts, none."""
    if "estimation" not in data and "tabulation" not in data:
        return MappingProxyType({})
    declared = data.get("records") or {model.UNIT: {"key": data.get("key", [])}}
    return MappingProxyType(
        {name: model.Record(name, **_frozen(record)) for name, record in declared.items()}
    )


def _format(data: dict) -> model.Format:
    given = dict(data)
    unpivot = given.pop("unpivot", None)
    return model.Format(**_frozen(given), unpivot=model.Unpivot(**_frozen(unpivot)) if unpivot else None)


def _series(data: dict) -> model.Series:
    selections = {
        part: model.Selection(
            data[part]["measure"],
            MappingProxyType({name: _texts(v) for name, v in data[part].get("where", {}).items()}),
        )
        for part in ("numerator", "denominator", "value")
        if part in data
    }
    breakdown = {
        dimension: model.Breakdown(given["column"], MappingProxyType(given["codes"]))
        for dimension, given in data.get("breakdown", {}).items()
    }
    return model.Series(data["series"], breakdown=MappingProxyType(breakdown), **selections)


def _disclosure(data: dict) -> model.Disclosure:
    given = dict(data)
    if "dominance" in given:
        given["dominance"] = model.Dominance(**given["dominance"])
    given["free"] = tuple(model.FreeSeries(**_frozen(free)) for free in given.get("free", []))
    given["coarser"] = tuple(model.Coarser(**_frozen(coarser)) for coarser in given.get("coarser", []))
    given["methods"] = tuple(model.Method(**_frozen(each)) for each in given.get("methods", []))
    return model.Disclosure(**given)


def _estimation(data: dict | None) -> model.Estimation | None:
    if data is None:
        return None
    return model.Estimation(
        design=MappingProxyType(data["design"]),
        domains=tuple(tuple(domain) for domain in data["domains"]),
        estimands=tuple(
            model.Estimand(**{**estimand, "category": _texts(estimand.get("category"))})
            for estimand in data["estimands"]
        ),
        record=data.get("record"),
    )


def tabulation_of(data: dict | None) -> model.Tabulation | None:
    """Return the tabulation that the valid block ``data`` declares, None without one."""
    if data is None:
        return None
    measures = [
        model.Measure(name, part, **({"expression": given} if isinstance(given, str) else given or {}))
        for part in ("numerators", "denominators")
        for name, given in data.get(part, {}).items()
    ]
    breakdowns = {
        name: model.Category(**_frozen({"expression": given} if isinstance(given, str) else given))
        for name, given in data.get("breakdowns", {}).items()
    }
    return model.Tabulation(
        measures=tuple(measures),
        populations=MappingProxyType(data.get("populations", {})),
        breakdowns=MappingProxyType(breakdowns),
        by=tuple(tuple(names) for names in data["by"]) if "by" in data else None,
        places=MappingProxyType(data.get("places", {})),
        weight=data.get("weight"),
        record=data.get("record"),
    )
