"""What each column seems to be, from its name and its values."""

import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from statloom.contracts import period as periods
from statloom.landing.sniff.guess import PLACE, PSU, STRATUM, Guess

_MOST_CATEGORIES = 60
_LEVEL_WORDS = {
    "country": ["country", "nation", "national", "nepal"],
    "province": ["province", "state"],
    "district": ["district"],
    "local_unit": ["local", "local_unit", "municipality", "palika", "local_level"],
    "vdc": ["vdc"],
}
_PERSONAL = re.compile(
    r"phone|mobile_?n|e_?mail|citizenship_(no|num|id)|national_id|^gps|latitude|longitude"
    r"|(head|respondent|first|last|full|person)_?name"
)


def identifiers(headers: list[str]) -> dict[str, str]:
    """Return header → name of a column, each different."""
    names: dict[str, str] = {}
    for header in headers:
        name = re.sub(r"[^a-z0-9]+", "_", header.lower().replace("%", " percent ")).strip("_") or "column"
        name = (name if name[0].isalpha() else f"c_{name}")[:55]
        while name in names.values():
            name += "_2"
        names[header] = name
    return names


def filled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the cells that are not empty, trimmed."""
    trimmed = pc.utf8_trim_whitespace(column.cast(pa.string()))
    return trimmed.filter(pc.fill_null(pc.not_equal(trimmed, ""), False))


def column(name: str, header: str, texts: pa.ChunkedArray, form: dict) -> Guess:
    """Return what the column seems to be; places are found later, with the registry."""
    kind = _type(texts, form)
    distinct = pc.count_distinct(texts).as_py()
    if _PERSONAL.search(name) and distinct > 10:
        return Guess(
            name, header, "personal_identifier", "text", why="its name is that of a personal identifier"
        )
    if re.search(r"(^|_)(year|period|quarter|fiscal)", name) and _period_type(texts):
        return Guess(name, header, "period", "text", why="its values are periods")
    for pattern, role in ((STRATUM, "stratum"), (PSU, "psu")):
        if pattern.search(name):
            return Guess(name, header, role, kind, why=f"its name is that of a {role}")
    level = _levels(texts)
    if level:
        return Guess(name, header, "place_level", "text", values=level, why="its values are levels of places")
    if kind in ("integer", "number") and not re.search(r"(^|_)(code|id|no|uid)$|(^|_)code", name):
        if re.search(r"(^|_)(weight|wt)$", name):
            return Guess(name, header, "weight", kind, why="its name is that of a weight")
        return Guess(name, header, "measure", kind, why="numbers")
    if kind in ("date", "boolean"):
        return Guess(name, header, "ignored", kind, why=f"a {kind}")
    if distinct <= _MOST_CATEGORIES and distinct < max(len(texts), 2):
        categories = sorted(pc.unique(texts).to_pylist())
        return Guess(name, header, "dimension", "text", categories, why=f"{distinct} different texts")
    return Guess(name, header, "ignored", "text", why=f"{distinct} different texts")


def _type(texts: pa.ChunkedArray, form: dict) -> str:
    if len(texts) == 0:
        return "text"
    comma = form.get("decimal") == ","
    whole = r"^[+-]?[0-9]{1,18}$"
    number = (
        r"^[+-]?([0-9]+,?[0-9]*|,[0-9]+)$"
        if comma
        else r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
    )
    for kind, pattern in (
        ("integer", whole),
        ("number", number),
        ("date", r"^[0-9]{4}-[01][0-9]-[0-3][0-9]$"),
        ("boolean", r"(?i)^(true|false)$"),
    ):
        if pc.all(pc.match_substring_regex(texts, pattern)).as_py():
            return kind
    return "text"


def _levels(texts: pa.ChunkedArray) -> dict[str, str] | None:
    words = pc.unique(texts).to_pylist()
    if not 0 < len(words) <= len(_LEVEL_WORDS):
        return None
    known = {word: level for level, given in _LEVEL_WORDS.items() for word in given}
    found = {word: known.get(word.lower().replace(" ", "_")) for word in words}
    return found if all(found.values()) else None


def _period_type(texts: pa.ChunkedArray) -> str | None:
    labels = pc.unique(texts).to_pylist()[:200]
    for kind in ("fiscal_year_bs", "fiscal_year", "quarter", "year"):
        try:
            years = [int(periods.parse(label, kind).period[:4]) for label in labels]
        except ValueError:
            continue
        # A Gregorian fiscal year reads as a Bikram Sambat one too, 57 years earlier.
        if labels and all(1900 <= year <= 2100 for year in years):
            if kind == "fiscal_year_bs" and all(int(label[:4]) < 2040 for label in labels):
                continue
            return kind
    return None


def period_of(columns: list[Guess], texts: dict, path: Path, checks: list[str]) -> tuple[dict, bool]:
    """Return the period (a column, a year in the file's name, or today's), and whether the file says it."""
    found = [c for c in columns if c.role == "period"]
    for extra in found[1:]:
        extra.role, extra.type = "dimension", "text"
    if found:
        return {"type": _period_type(texts[found[0].header]), "column": found[0].name}, True
    match = re.search(r"(?<![0-9])((?:19|20)[0-9]{2})(?![0-9])", str(path.name)) or re.search(
        r"(?<![0-9])((?:19|20)[0-9]{2})(?![0-9])", str(path.parent.name)
    )
    year = match[1] if match else str(pd.Timestamp.today().year)
    where = "the file's name" if match else "today's date: nothing in the file says it"
    checks.append(f"period: {year} is taken from {where}")
    return {"type": "year", "value": year}, match is not None


def mark_cases(columns: list[Guess], texts: dict) -> None:
    """Of microdata: the number of a case is a personal identifier, and numbers of places are no measures."""
    for guess in columns:
        different = pc.count_distinct(texts[guess.header]).as_py() == len(texts[guess.header])
        if re.search(r"id$|_no$|number$", guess.name) and different and len(texts[guess.header]) > 1:
            guess.role, guess.why = "personal_identifier", "it is another for each case"
        elif guess.role == "measure" and (PLACE.search(guess.name) or guess.name == "ward"):
            guess.role, guess.why = "ignored", "numbers that look like codes"


def key_of(columns: list[Guess], checks: list[str]) -> list[str]:
    """Return the columns that seem to identify a row."""
    case = [c.name for c in columns if c.why == "it is another for each case"]
    if case:
        return case[:1]
    key = [
        c.name
        for c in columns
        if c.role in ("place_level", "place_code", "place_name", "period", "dimension")
    ]
    if any(c.role == "place_code" for c in columns):
        names = [c.name for c in columns if c.role == "place_name"]
        key = [name for name in key if name not in names]
    if not key:
        key = [columns[0].name]
        checks.append(f"key: nothing identifies a row, {key[0]!r} is a guess")
    return key
