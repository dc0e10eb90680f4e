"""What a contract must satisfy: the published JSON Schema, and what no schema can say."""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from statloom.contracts import disclosure, public_use, records
from statloom.contracts.source_text import Path_
from statloom.contracts.suggestion import suggestion as _suggestion

Problem = tuple[Path_, str]


@cache
def schema() -> dict:
    """Return the published JSON Schema of a contract."""
    return json.loads((files("statloom.contracts") / "schema.json").read_text())


@cache
def _validator(collection: bool):
    from jsonschema import Draft202012Validator

    document = schema()
    if collection:
        shared = {k: v for k, v in document["properties"].items() if k not in ("source", "columns", "series")}
        document = {**document, "properties": shared, "required": []}
    return Draft202012Validator(document)


@cache
def _request_validator():
    from jsonschema import Draft202012Validator

    definitions = schema()["$defs"]
    identifier = {"$ref": "#/$defs/identifier"}
    types = definitions["column"]["properties"]["type"]["enum"]
    return Draft202012Validator(
        {
            "$defs": definitions | {"level": identifier},
            "type": "object",
            "required": ["columns", "tabulation"],
            "additionalProperties": False,
            "properties": {
                "columns": {"type": "object", "minProperties": 1, "additionalProperties": {"enum": types}},
                "country": {"type": "string", "minLength": 1},
                "tabulation": {"$ref": "#/$defs/tabulation"},
            },
        }
    )


def request_problems(data: dict) -> list[Problem]:
    """Return every violation in ``data``, a tabulation without a contract: ``columns`` (name → type),
    ``tabulation``, ``country``.
    """
    return [problem for error in _request_validator().iter_errors(data) for problem in _explain(error)]


def schema_problems(data: dict, *, collection: bool = False) -> list[Problem]:
    """Return every violation of the schema in ``data``, as (path, message) in the order of the document."""
    problems = []
    for error in _validator(collection).iter_errors(data):
        problems.extend(_explain(error))
    return problems


def _explain(error) -> Iterator[Problem]:
    path = tuple(error.absolute_path)
    value, rule = error.instance, error.validator_value
    if error.validator == "additionalProperties" and rule is False:
        known = list(error.schema.get("properties", {}))
        for key in value:
            if key not in known:
                yield (*path, key), f"not a known key{_suggestion(key, known)}"
    elif error.validator == "required":
        for key in rule:
            if key not in value:
                yield path, f"'{key}' is missing"
    elif error.validator == "enum":
        yield path, f"{value!r} is not one of {', '.join(map(str, rule))}{_suggestion(value, rule)}"
    elif error.validator == "anyOf":
        keys = [key for each in rule for key in each.get("required", [])]
        yield path, f"needs {' or '.join(map(repr, keys))}"
    elif error.validator == "oneOf" and "series" in (value if isinstance(value, dict) else ()):
        yield path, "needs either 'value', or 'numerator' and 'denominator'"
    elif error.validator == "oneOf":
        yield path, f"{value!r} is neither a text nor a list of different texts"
    elif error.validator == "pattern":
        yield path, f"{value!r} does not have the form {rule}"
    elif error.validator == "type":
        yield path, f"{_short(value)} is not {_article(rule)}{_quote_hint(value, rule)}"
    elif error.validator == "propertyNames":
        return
    elif error.parent is not None and error.parent.validator == "propertyNames":
        yield path, error.message
    else:
        yield path, error.message[:300]


def _article(kind) -> str:
    names = {
        "object": "a mapping",
        "array": "a list",
        "string": "a text",
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
    }
    return " or ".join(names.get(k, k) for k in ([kind] if isinstance(kind, str) else kind))


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _quote_hint(value, rule) -> str:
    return ' (write it in quotes: "…")' if rule == "string" and isinstance(value, int | float) else ""


def cross_problems(data: dict, file_name: str) -> list[Problem]:
    """Return what does not fit together in ``data``, which satisfies the schema.

    ``file_name`` is the contract's file name without its ending.
    """
    return [
        *_names(data, file_name),
        *_columns(data),
        *records.problems(data),
        *_place(data),
        *_period(data),
        *_series(data),
        *_format(data),
        *_estimation(data),
        *_tabulation(data),
        *_defects(data),
        *public_use.problems(data),
        *disclosure.problems(data),
    ]


def microdata(data: dict) -> bool:
    """Say whether the mapping ``data`` declares microdata."""
    return records.microdata(data)


def _with_role(data: dict, *roles: str) -> list[str]:
    return [name for name, column in data["columns"].items() if column["role"] in roles]


def _names(data: dict, file_name: str) -> Iterator[Problem]:
    if data["source"] != file_name:
        yield ("source",), f"{data['source']!r} differs from the file's name {file_name!r}"
    if "key" not in data and "records" not in data:
        yield (), "'key' is missing"
    for i, name in enumerate(data.get("key", [])):
        column = data["columns"].get(name)
        if column is None:
            yield ("key", i), f"no column {name!r}{_suggestion(name, data['columns'])}"
        elif column["role"] in ("personal_identifier", "ignored") and not microdata(data):
            yield ("key", i), f"column {name!r} is dropped ({column['role']}): it cannot identify a row"
        elif column.get("optional"):
            yield ("key", i), f"column {name!r} is optional: it cannot identify a row"


_NUMERIC = ("integer", "number")


def _columns(data: dict) -> Iterator[Problem]:
    for name, column in data["columns"].items():
        path, role, kind = ("columns", name), column["role"], column.get("type", "text")
        if name in ("_delivery_id", "_row_number"):
            yield path, "this name is Statloom's own"
        if (
            role in ("measure", "weight", "standard_error", "respondents", "contribution")
            and kind not in _NUMERIC
        ):
            yield (*path, "type"), f"a {role} must be integer or number, not {kind}"
        if role.startswith("place_") and kind != "text":
            yield (*path, "type"), f"a {role} must be text (a number loses its leading zeros), not {kind}"
        if "values" in column and role != "place_level":
            yield (*path, "values"), "only a place_level has values"
        if "categories" in column and role not in ("dimension", "stratum", "measure"):
            yield (*path, "categories"), "only a dimension has categories"
        if ("minimum" in column or "maximum" in column) and kind not in _NUMERIC:
            yield path, "only a number has a minimum or maximum"
        if column.get("minimum", 0) > column.get("maximum", float("inf")):
            yield path, "the minimum is above the maximum"
        if "date_format" in column and kind != "date":
            yield (*path, "date_format"), "only a date has a date_format"
    for role in ("place_level", "place_code", "place_name", "place_parent", "period", "weight"):
        found = _with_role(data, role)
        if len(found) > 1 and not (microdata(data) and role.startswith("place_")):
            yield ("columns", found[1]), f"a second column of role {role}, beside {found[0]!r}"
    for role in ("standard_error", "respondents"):
        found = _with_role(data, role)
        if len(found) > 1:
            yield ("columns", found[1]), f"a second column of role {role}, beside {found[0]!r}"
        if found and len(_with_role(data, "measure")) != 1 and not microdata(data):
            yield ("columns", found[0]), f"a {role} belongs to one measure; this contract has another number"
    contributions = _with_role(data, "contribution")
    if contributions and (microdata(data) or len(_with_role(data, "measure")) != 1):
        yield ("columns", contributions[0]), "a contribution belongs to one measure of a table of totals"
    if not microdata(data) and not _with_role(data, "measure"):
        yield ("columns",), "no column has the role measure"


def _place(data: dict) -> Iterator[Problem]:
    place = data["place"]
    level = _with_role(data, "place_level")
    if microdata(data):
        for name in _with_role(data, "place_code"):
            if "level" not in data["columns"][name]:
                yield ("columns", name), "a place code of microdata needs 'level'"
        if "code" not in place and [] in data.get("estimation", {}).get("domains", []):
            yield ("place",), "the domain [] (the nation) needs 'code', the nation's code in the scheme"
        return
    if not level and "level" not in place:
        yield ("place",), "'level' is missing, and no column has the role place_level"
    if level and "level" in place:
        yield ("place", "level"), f"given here and by column {level[0]!r}"
    if not _with_role(data, "place_code", "place_name") and "code" not in place:
        yield ("columns",), "no column has the role place_code or place_name"


def _period(data: dict) -> Iterator[Problem]:
    from statloom.contracts import period as periods

    given, columns = data["period"], _with_role(data, "period")
    if ("value" in given) == ("column" in given):
        yield ("period",), "needs either 'value' or 'column'"
        return
    if "column" in given:
        name = given["column"]
        if name not in data["columns"]:
            yield ("period", "column"), f"no column {name!r}{_suggestion(name, data['columns'])}"
        elif data["columns"][name]["role"] != "period":
            yield ("period", "column"), f"column {name!r} has the role {data['columns'][name]['role']}"
    else:
        if columns:
            yield ("columns", columns[0]), "has the role period, but the period is given as a value"
        try:
            periods.parse(given["value"], given["type"], given.get("fiscal_year_start", "07-01"))
        except ValueError as error:
            yield ("period", "value"), str(error)


def _series(data: dict) -> Iterator[Problem]:
    columns = {**data["columns"], **_tabulated(data)}
    estimands = [e["measure"] for e in data.get("estimation", {}).get("estimands", [])]
    measures = [*estimands, *_tabulated_measures(data)] or _with_role(data, "measure")
    seen: dict[str, int] = {}
    for i, series in enumerate(data.get("series", [])):
        if series["series"] in seen:
            yield ("series", i, "series"), f"{series['series']} is fed a second time"
        seen[series["series"]] = i
        for part in ("numerator", "denominator", "value"):
            if part not in series:
                continue
            path, selection = ("series", i, part), series[part]
            if selection["measure"] not in measures:
                what = "estimand" if estimands and "tabulation" not in data else "measure"
                yield (
                    (*path, "measure"),
                    f"no {what} {selection['measure']!r}{_suggestion(selection['measure'], measures)}",
                )
            for name, wanted in selection.get("where", {}).items():
                yield from _where(columns, (*path, "where", name), name, wanted)
        for dimension, breakdown in series.get("breakdown", {}).items():
            yield from _breakdown(data, series, ("series", i, "breakdown", dimension), breakdown)


def _tabulated_measures(data: dict) -> list[str]:
    tabulation = data.get("tabulation", {})
    return [name for part in ("numerators", "denominators") for name in tabulation.get(part, {})]


def _tabulated(data: dict) -> dict[str, dict]:
    """Return the breakdowns of a tabulation as columns: its raw table has them as dimensions."""
    breakdowns = data.get("tabulation", {}).get("breakdowns", {})
    return {
        name: {"role": "dimension"} | ({"categories": given["categories"]} if "categories" in given else {})
        for name, given in breakdowns.items()
    }


def _where(columns: dict, path: Path_, name: str, wanted) -> Iterator[Problem]:
    if name not in columns:
        yield path, f"no column {name!r}{_suggestion(name, columns)}"
    elif columns[name]["role"] != "dimension":
        yield path, f"column {name!r} is no dimension (its role is {columns[name]['role']})"
    else:
        categories = columns[name].get("categories")
        for category in [wanted] if isinstance(wanted, str) else wanted:
            if categories and category not in categories:
                yield path, f"{category!r} is not a category of {name}{_suggestion(category, categories)}"


def _breakdown(data: dict, series: dict, path: Path_, breakdown: dict) -> Iterator[Problem]:
    name, columns = breakdown["column"], {**data["columns"], **_tabulated(data)}
    if name not in columns:
        yield (*path, "column"), f"no column {name!r}{_suggestion(name, columns)}"
        return
    if columns[name]["role"] != "dimension":
        yield (*path, "column"), f"column {name!r} is no dimension (its role is {columns[name]['role']})"
        return
    categories = columns[name].get("categories")
    if not categories:
        return
    chosen = set(categories)
    for part in ("numerator", "denominator", "value"):
        wanted = series.get(part, {}).get("where", {}).get(name)
        if wanted is not None:
            chosen &= {wanted} if isinstance(wanted, str) else set(wanted)
    for category in sorted(set(breakdown["codes"]) - set(categories)):
        yield (*path, "codes", category), f"{category!r} is not a category of {name}"
    missing = sorted(chosen - set(breakdown["codes"]))
    if missing:
        yield (*path, "codes"), f"no code for {', '.join(map(repr, missing))} of {name}"


def _format(data: dict) -> Iterator[Problem]:
    form = data["format"]
    for header, name in form.get("rename", {}).items():
        if name not in data["columns"]:
            yield ("format", "rename", header), f"no column {name!r}{_suggestion(name, data['columns'])}"
    renamed = list(form.get("rename", {}).values())
    for name in sorted({n for n in renamed if renamed.count(n) > 1}):
        yield ("format", "rename"), f"two headers become {name!r}"
    unpivot = form.get("unpivot")
    if unpivot:
        for part in ("name", "value"):
            if unpivot[part] not in data["columns"]:
                yield ("format", "unpivot", part), f"no column {unpivot[part]!r}"
        column = data["columns"].get(unpivot["name"], {})
        for header, category in unpivot["columns"].items():
            if column.get("categories") and category not in column["categories"]:
                yield (
                    ("format", "unpivot", "columns", header),
                    f"{category!r} is not a category of {unpivot['name']}",
                )
    if form["type"] == "excel" and "first_row" in form:
        last = max(form.get("header_rows", [1]))
        if form["first_row"] <= last:
            yield ("format", "first_row"), f"the header ends in row {last}"
    if "encoding" in form:
        try:
            "".encode(form["encoding"])
        except LookupError:
            yield ("format", "encoding"), f"no encoding {form['encoding']!r}"
    dhis2 = (data["connector"]["type"] == "dhis2", form["type"] == "dhis2_data_values")
    if dhis2[0] != dhis2[1]:
        yield ("format", "type"), "the dhis2 connector and the format dhis2_data_values belong together"


def _estimation(data: dict) -> Iterator[Problem]:
    estimation, columns = data.get("estimation"), data["columns"]
    if not estimation:
        weights = _with_role(data, "weight", "stratum", "psu")
        if data["kind"] == "survey" and weights and not microdata(data):
            yield ("columns", weights[0]), "microdata of a survey need 'estimation'"
        return
    if data["kind"] != "survey":
        yield ("estimation",), f"only a survey is estimated; the kind is {data['kind']}"
    for part, role in (("weight", "weight"), ("strata", "stratum"), ("psu", "psu"), ("fpc", None)):
        given = estimation["design"].get(part, [])
        for name in [given] if isinstance(given, str) else given:
            path = ("estimation", "design", part)
            if name not in columns:
                yield path, f"no column {name!r}{_suggestion(name, columns)}"
            elif role and columns[name]["role"] != role:
                yield path, f"column {name!r} has the role {columns[name]['role']}, not {role}"
    for i, domain in enumerate(estimation["domains"]):
        places = [n for n in domain if columns.get(n, {}).get("role") == "place_code"]
        if len(places) > 1:
            yield ("estimation", "domains", i), "a domain has at most one place column"
        for j, name in enumerate(domain):
            if columns.get(name, {}).get("role") not in ("place_code", "dimension"):
                yield (
                    ("estimation", "domains", i, j),
                    f"{name!r} is no column of role place_code or dimension",
                )
    yield from _estimands(data)


def _tabulation(data: dict) -> Iterator[Problem]:
    if "tabulation" in data:
        from statloom.contracts import tabulation

        yield from tabulation.problems(data)


def _estimands(data: dict) -> Iterator[Problem]:
    columns, seen = data["columns"], set()
    kept = {n for n, c in columns.items() if c["role"] not in ("personal_identifier", "ignored")}
    for i, estimand in enumerate(data["estimation"]["estimands"]):
        path = ("estimation", "estimands", i)
        if estimand["measure"] in seen:
            yield (*path, "measure"), f"{estimand['measure']!r} is estimated a second time"
        seen.add(estimand["measure"])
        name = estimand.get("column")
        if estimand["type"] == "ratio":
            if "numerator" not in estimand or "denominator" not in estimand:
                yield path, "a ratio needs 'numerator' and 'denominator'"
        elif (name is None) == ("expression" not in estimand):
            yield path, "needs either 'column' or 'expression'"
        if name is not None and name not in kept:
            yield (*path, "column"), f"no column {name!r} that is kept{_suggestion(name, kept)}"
        elif name is not None and estimand["type"] == "proportion" and "category" not in estimand:
            yield path, "a proportion of a column needs 'category'"
        elif name is not None and columns[name].get("categories"):
            given = estimand.get("category", [])
            for category in [given] if isinstance(given, str) else given:
                if category not in columns[name]["categories"]:
                    yield (*path, "category"), f"{category!r} is not a category of {name}"


def _defects(data: dict) -> Iterator[Problem]:
    if not data.get("defects"):
        return
    from statloom.contracts import conditions

    types = {n: c.get("type", "text") for n, c in data["columns"].items()}
    for i, defect in enumerate(data["defects"]):
        problem = conditions.problem(defect["where"], types)
        if problem:
            yield ("defects", i, "where"), problem
