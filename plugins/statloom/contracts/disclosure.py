"""What the rules of disclosure control in a contract must satisfy beyond the schema."""

from collections.abc import Iterator

from statloom.contracts import perturbation
from statloom.contracts.source_text import Path_
from statloom.contracts.suggestion import suggestion


def problems(data: dict) -> Iterator[tuple[Path_, str]]:
    """Return what is wrong with ``data["disclosure"]``, as (path, message); ``data`` satisfies the schema."""
    given = data.get("disclosure")
    if given is None:
        return
    yield from _reason(given)
    yield from _magnitudes(data, given)
    yield from perturbation.problems(data)
    codes = [series["series"] for series in data.get("series", [])]
    for i, free in enumerate(given.get("free", [])):
        if free["series"] not in codes:
            yield ("disclosure", "free", i, "series"), _unknown(free["series"], codes)
    dimensions = sorted({name for series in data.get("series", []) for name in series.get("breakdown", {})})
    for i, coarser in enumerate(given.get("coarser", [])):
        path = ("disclosure", "coarser", i)
        for j, code in enumerate(coarser.get("series", [])):
            if code not in codes:
                yield (*path, "series", j), _unknown(code, codes)
        for j, name in enumerate(coarser.get("without", [])):
            if name not in dimensions:
                yield (
                    (*path, "without", j),
                    f"no series is broken down by {name!r}{suggestion(name, dimensions)}",
                )


def _unknown(code: str, codes: list[str]) -> str:
    return f"the contract feeds no series {code!r}{suggestion(code, codes)}"


def _reason(given: dict) -> Iterator[tuple[Path_, str]]:
    public = given.get("sensitivity") == "public"
    ruled = [name for name in ("dominance", "p_percent", "group") if given.get(name)]
    if public and (given["minimum_respondents"] or ruled):
        yield ("disclosure", "sensitivity"), "what is public has no rules of protection beside it"
    if (public or not (given["minimum_respondents"] or ruled)) and not given.get("reason", "").strip():
        yield (
            ("disclosure", "minimum_respondents"),
            "nothing is protected: a source is declared free with its 'reason' only",
        )


def _magnitudes(data: dict, given: dict) -> Iterator[tuple[Path_, str]]:
    there = sum(column["role"] == "contribution" for column in data["columns"].values())
    for name, needed in (
        ("dominance", given.get("dominance", {}).get("largest", 0)),
        ("p_percent", 2 if "p_percent" in given else 0),
    ):
        if needed > there:
            yield (
                ("disclosure", name),
                f"needs {needed} column{'s' if needed > 1 else ''} of role contribution; there are {there}",
            )
