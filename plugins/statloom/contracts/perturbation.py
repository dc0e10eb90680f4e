"""How a contract says that counts are rounded or perturbed, in place of leaving small ones out."""

import json
from collections.abc import Iterator, Mapping

from statloom.contracts.source_text import Path_
from statloom.contracts.suggestion import suggestion

SUPPRESSION = "suppression"
ROUNDING = ("random_rounding", "controlled_rounding")
CELL_KEY = "cell_key"
KEYS = ("method", "base", "variance", "deviation", "smallest")
_OF = {"base": ROUNDING, "variance": (CELL_KEY,), "deviation": (CELL_KEY,), "smallest": (CELL_KEY,)}


def method_of(disclosure: Mapping, series_code: str) -> dict:
    """Return how ``series_code`` is protected under ``disclosure``, a contract's block: ``KEYS`` → value,
    None where nothing is declared."""
    for given in disclosure.get("methods") or ():
        if series_code in given["series"]:
            return _whole(given)
    return _whole(disclosure)


def _whole(given: Mapping) -> dict:
    found = {name: given.get(name) for name in KEYS}
    return found | {"method": found["method"] or SUPPRESSION, "smallest": found["smallest"] or 1}


def problems(data: dict) -> Iterator[tuple[Path_, str]]:
    """Yield what is wrong with the methods that ``data["disclosure"]`` declares."""
    given = data["disclosure"]
    codes = [series["series"] for series in data.get("series", [])]
    seen: set[str] = set()
    for i, each in enumerate(given.get("methods", [])):
        for j, code in enumerate(each["series"]):
            path = ("disclosure", "methods", i, "series", j)
            if code not in codes:
                yield path, f"the contract feeds no series {code!r}{suggestion(code, codes)}"
            elif code in seen:
                yield path, f"{code!r} has a method already"
            seen.add(code)
        yield from _declared(data, each, ("disclosure", "methods", i))
    yield from _declared(data, given, ("disclosure",))
    yield from _shared(data)


def _declared(data: dict, each: dict, path: Path_) -> Iterator[tuple[Path_, str]]:
    method, given = each.get("method", SUPPRESSION), data["disclosure"]
    for name, methods in _OF.items():
        if name in each and method not in methods:
            yield (*path, name), f"belongs to method {' or '.join(methods)}, not to {method}"
    if method == SUPPRESSION:
        return
    needed = ("base",) if method in ROUNDING else ("variance", "deviation")
    missing = [name for name in needed if name not in each]
    for name in missing:
        yield path, f"method {method} needs {name!r}"
    minimum = given["minimum_respondents"]
    if not minimum:
        yield (
            (*path, "method"),
            "'minimum_respondents' is 0: no count is too small, there is nothing to protect",
        )
    for name in ("dominance", "p_percent", "group"):
        if given.get(name):
            yield (*path, "method"), f"{method} does not do what {name!r} asks for: only suppression does"
    if "estimation" in data:
        yield (*path, "method"), f"{method} is for counts of all units; the source has estimates of a sample"
    if data.get("tabulation", {}).get("weight"):
        yield (*path, "method"), f"{method} is for counts of units; the tabulation has a weight"
    yield from _not_counted(data, each, path)
    if missing:
        return
    if method in ROUNDING:
        if each["base"] < minimum:
            yield (
                (*path, "base"),
                f"with base {each['base']} a count known to be below 'minimum_respondents', {minimum}, may be"
                f" shown as {each['base']}: the base must be {minimum} or more",
            )
        return
    # Only contracts with this method need numpy.
    from statloom.disclosure.perturbation.noise_table import noise_table

    try:
        table = noise_table(
            variance=each["variance"], largest=each["deviation"], smallest=each.get("smallest", 1)
        )
    except ValueError as error:
        yield (*path, "variance"), str(error)
        return
    shown = each.get("smallest", 1)
    most = table.reach(shown)[1]
    if most < minimum:
        yield (
            (*path, "deviation"),
            f"a shown {shown} would tell that the count is {most} or less, below 'minimum_respondents', "
            f"{minimum}: the largest deviation must be larger",
        )


def _not_counted(data: dict, each: dict, path: Path_) -> Iterator[tuple[Path_, str]]:
    """A measure that is no whole number is no count. What microdata give is looked at when it is released."""
    if "tabulation" in data:
        return
    for series in _series(data, each, path):
        for part in ("numerator", "denominator", "value"):
            measure = series.get(part, {}).get("measure")
            column = data["columns"].get(measure, {})
            if measure and column.get("type", "text") != "integer":
                yield (
                    (*path, "method"),
                    f"{series['series']} is made of {measure!r}, which is no count (type integer)",
                )


def _series(data: dict, each: dict, path: Path_) -> list[dict]:
    if path == ("disclosure",):
        elsewhere = {code for other in each.get("methods", []) for code in other["series"]}
        return [series for series in data.get("series", []) if series["series"] not in elsewhere]
    return [series for series in data.get("series", []) if series["series"] in each["series"]]


def _shared(data: dict) -> Iterator[tuple[Path_, str]]:
    """What two series are both made of is the same count: it cannot be left out in one and shown, nearly, in
    the other."""
    given = data["disclosure"]
    free = {each["series"] for each in given.get("free", []) if not each.get("periods")}
    first: dict[str, tuple[str, dict]] = {}
    for i, series in enumerate(data.get("series", [])):
        if series["series"] in free:
            continue
        found = method_of(given, series["series"])
        for part in ("numerator", "denominator", "value"):
            if part not in series:
                continue
            key = json.dumps(series[part], sort_keys=True)
            other, its = first.setdefault(key, (series["series"], found))
            if its != found:
                yield (
                    ("series", i, part),
                    f"{series['series']} and {other} are both made of {series[part]['measure']!r}, but are "
                    "protected by different methods: one would give the other away",
                )
