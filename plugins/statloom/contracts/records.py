"""What must hold of the records of microdata, and of keys that only microdata have."""

from collections.abc import Iterator

from statloom.contracts.source_text import Path_
from statloom.contracts.suggestion import suggestion

Problem = tuple[Path_, str]
_DROPPED = ("personal_identifier", "ignored")
_FORMATS = ("spss", "parquet", "cspro")


def microdata(data: dict) -> bool:
    """Say whether the mapping ``data`` declares microdata."""
    return "estimation" in data or "tabulation" in data


def problems(data: dict) -> Iterator[Problem]:
    """Yield what does not fit together in the records of ``data``, which satisfies the schema."""
    if not microdata(data):
        yield from _only_microdata(data)
        return
    yield from _format(data)
    yield from _columns(data)
    declared = data.get("records", {})
    for name, record in declared.items():
        path = ("records", name)
        parent = record.get("parent")
        if parent is not None and parent not in declared:
            yield (*path, "parent"), f"no record {parent!r}{suggestion(parent, declared)}"
        elif _circular(declared, name):
            yield (*path, "parent"), f"{name!r} is its own parent"
        for i, column in enumerate(record["key"]):
            found = data["columns"].get(column)
            if found is None:
                yield (*path, "key", i), f"no column {column!r}{suggestion(column, data['columns'])}"
            elif found.get("record", name) not in _lineage(declared, name):
                yield (*path, "key", i), f"column {column!r} belongs to record {found['record']!r}"
            elif found.get("optional"):
                yield (*path, "key", i), f"column {column!r} is optional: it cannot identify a row"
    yield from _roots(declared)
    yield from _estimation(data, declared)


def _only_microdata(data: dict) -> Iterator[Problem]:
    what = "only microdata (a contract with 'estimation' or 'tabulation') have"
    if "records" in data:
        yield ("records",), f"{what} records"
    if data["format"]["type"] in _FORMATS:
        yield ("format", "type"), f"{what} the format {data['format']['type']}"
    if data["format"].get("compression") == "zip":
        yield ("format", "compression"), f"{what} zip archives"
    if "beside" in data["connector"]:
        yield ("connector", "beside"), f"{what} several files"
    for name, column in data["columns"].items():
        for key in ("record", "codes", "pseudonymise"):
            if key in column:
                yield ("columns", name, key), f"{what} '{key}'"
        if column["role"] == "key":
            yield ("columns", name, "role"), f"{what} columns of role key; name it in 'key', as a dimension"


def _format(data: dict) -> Iterator[Problem]:
    form = data["format"]
    if form["type"] in ("dhis2_data_values", "json_records"):
        yield ("format", "type"), f"microdata do not come as {form['type']}"
    if "unpivot" in form:
        yield ("format", "unpivot"), "microdata are not unpivoted"
    if len(data.get("records", {})) > 1 and data.get("defects"):
        yield ("defects",), "known defects are declared for one type of record only"
    for column in form.get("value_sets", {}):
        if column not in data["columns"]:
            yield (
                ("format", "value_sets", column),
                f"no column {column!r}{suggestion(column, data['columns'])}",
            )


def _columns(data: dict) -> Iterator[Problem]:
    declared = data.get("records")
    for name, column in data["columns"].items():
        path, record = ("columns", name), column.get("record")
        if declared is None and record is not None:
            yield (*path, "record"), "the contract has no 'records'"
        elif declared is not None and record is None and len(declared) > 1:
            yield path, f"'record' is missing: one of {', '.join(declared)}"
        elif declared is not None and record is not None and record not in declared:
            yield (*path, "record"), f"no record {record!r}{suggestion(record, declared)}"
        if column.get("pseudonymise") and column["role"] != "personal_identifier":
            yield (*path, "pseudonymise"), "only a personal_identifier is pseudonymised"
        if "codes" in column:
            yield from _codes(path, column)
        if column.get("type") == "integer":
            for category in column.get("categories", ()):
                if not category.lstrip("-").isdigit():
                    yield (*path, "categories"), f"{category!r} is no whole number"


def _codes(path: Path_, column: dict) -> Iterator[Problem]:
    if column.get("type", "text") != "text":
        yield (*path, "codes"), "only a text has codes: the categories are texts"
    categories = column.get("categories")
    for code, category in column["codes"].items() if categories else ():
        if category not in categories:
            yield (*path, "codes", code), f"{category!r} is not a category{suggestion(category, categories)}"


def _lineage(declared: dict, name: str) -> list[str]:
    names = [name]
    while (parent := declared.get(names[-1], {}).get("parent")) is not None and parent not in names:
        names.append(parent)
    return names


def _circular(declared: dict, name: str) -> bool:
    return declared.get(_lineage(declared, name)[-1], {}).get("parent") is not None


def _roots(declared: dict) -> Iterator[Problem]:
    roots = [name for name, record in declared.items() if "parent" not in record]
    if len(roots) > 1:
        yield (
            ("records", roots[1]),
            f"'parent' is missing: {roots[0]!r} has none either, and one record is above all",
        )


def visible(data: dict, record: str | None) -> dict:
    """Return the columns that an expression over ``record`` (None: the only one) may name."""
    declared = data.get("records", {})
    wanted = {None, *(_lineage(declared, record) if record else ())}
    return {
        name: column
        for name, column in data["columns"].items()
        if column.get("record") in wanted and (column["role"] not in _DROPPED or column.get("pseudonymise"))
    }


def first(data: dict) -> str | None:
    """Return the first record, None when there is one only that has no name."""
    return next(iter(data.get("records", {})), None)


def _estimation(data: dict, declared: dict) -> Iterator[Problem]:
    estimation = data.get("estimation", {})
    default = estimation.get("record", first(data))
    if "record" in estimation and default not in declared:
        yield ("estimation", "record"), f"no record {default!r}{suggestion(default, declared)}"
        return
    for i, estimand in enumerate(estimation.get("estimands", [])):
        record, path = estimand.get("record", default), ("estimation", "estimands", i)
        if record is not None and record not in declared:
            yield (*path, "record"), f"no record {record!r}{suggestion(record, declared)}"
            continue
        seen = visible(data, record)
        name = estimand.get("column")
        if name in data["columns"] and name not in seen and data["columns"][name].get("record"):
            yield (
                (*path, "column"),
                f"rows of {record!r} have no column {name!r}: it is one of a record below",
            )
        for part in ("weight", "strata", "psu", "fpc"):
            given = estimation["design"].get(part, [])
            for column in [given] if isinstance(given, str) else given:
                if column in data["columns"] and column not in seen:
                    yield (
                        ("estimation", "design", part),
                        f"rows of {record or 'the delivery'} have no column {column!r}",
                    )
