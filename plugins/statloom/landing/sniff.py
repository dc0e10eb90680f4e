"""A first contract for a file that nobody has described: what it looks like, and what each column seems to
be.
"""

import csv
import gzip
import io
import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from statloom import settings
from statloom.contracts import period as periods
from statloom.contracts.model import Format
from statloom.errors import DeliveryError
from statloom.landing.read.cells import Cells
from statloom.landing.read.checks import check_bytes

_HEAD = 1 << 20
_MOST_CATEGORIES = 60
_LEVEL_WORDS = {
    "country": ["country", "nation", "national", "nepal"],
    "province": ["province", "state"],
    "district": ["district"],
    "local_unit": ["local", "local_unit", "municipality", "palika", "local_level"],
    "vdc": ["vdc"],
}
_PERSONAL = re.compile(
    r"phone|mobile_?n|e_?mail|citizenship_(no|num|id)|national_id|(head|respondent|first|last|full|person)_?name|^gps|latitude|longitude"
)


@dataclass
class Guess:
    """What one column seems to be; ``why``: for the person who checks it."""

    name: str
    header: str
    role: str
    type: str
    categories: list[str] | None = None
    values: dict[str, str] | None = None
    why: str = ""


@dataclass
class Sniffed:
    """What a file seems to be."""

    format: dict
    columns: list[Guess]
    key: list[str]
    place: dict
    period: dict
    rows: int
    checks: list[str] = field(default_factory=list)


def sniff(path: Path) -> Sniffed:
    """Look at the file ``path`` (csv, csv.gz, xlsx, dta, json) and say what each column seems to be.

    Raises DeliveryError when it is empty, an HTML page, or of a format that Statloom does not read.
    """
    if not path.is_file():
        raise DeliveryError("there is no such file", file=str(path))
    check_bytes(path, path.name, text=False)
    form, cells = _format(path)
    table = cells.table
    if table.num_rows == 0:
        raise DeliveryError("a header and no rows", file=path.name)
    names = _identifiers(table.column_names)
    texts = {h: _texts(table.column(h)) for h in table.column_names}
    columns = [_column(names[h], h, texts[h], form) for h in table.column_names]
    checks: list[str] = []
    place = _place(columns, texts, checks)
    period = _period(columns, texts, path, checks)
    key = _key(columns, texts, checks)
    rename = {c.header: c.name for c in columns if c.header != c.name}
    if rename:
        form["rename"] = rename
    if not any(c.role == "measure" for c in columns):
        checks.append("no column looks like a measure: give one the role measure")
    return Sniffed(form, columns, key, place, period, table.num_rows, checks)


def _format(path: Path) -> tuple[dict, Cells]:
    with path.open("rb") as file:
        magic = file.read(8)
    if magic[:2] == b"PK":
        return _excel(path)
    if path.suffix == ".dta" or magic.startswith(b"<stata"):
        return _stata(path)
    packed = magic[:2] == b"\x1f\x8b"
    opener = gzip.open if packed else open
    try:
        with opener(path, "rb") as file:
            head = file.read(_HEAD)
    except (OSError, EOFError) as error:
        raise DeliveryError(f"damaged gzip data ({error})", file=path.name) from None
    if head.lstrip().startswith((b"{", b"[")):
        return _json(path, packed)
    return _csv(path, head, packed)


def _csv(path: Path, head: bytes, packed: bool) -> tuple[dict, Cells]:
    from statloom.landing.read import delimited

    encoding, text = _encoding(head)
    lines = text.splitlines(keepends=True)[:200]
    lines = lines[:-1] if len(lines) > 1 and not lines[-1].endswith("\n") and len(head) == _HEAD else lines
    delimiter = _delimiter(lines)
    widths = [len(row) for row in csv.reader(io.StringIO("".join(lines)), delimiter=delimiter)]
    width = max(set(widths), key=widths.count)
    header_row = next(i for i, w in enumerate(widths, 1) if w == width)
    form: dict = {"type": "csv"}
    if encoding != "utf-8":
        form["encoding"] = encoding
    if delimiter != ",":
        form["delimiter"] = delimiter
    if header_row > 1:
        form["header_row"] = header_row
    if packed:
        form["compression"] = "gzip"
    cells = delimited.cells(Format(**form), path, path.name)
    if delimiter != "," and _decimal_comma(cells.table):
        form["decimal"] = ","
    return form, cells


def _encoding(head: bytes) -> tuple[str, str]:
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig", head.decode("utf-8-sig", "ignore")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16", head.decode("utf-16", "ignore")
    try:
        # The head may end in the middle of a character.
        return "utf-8", head[: len(head) - 3].decode("utf-8") + head[len(head) - 3 :].decode(
            "utf-8", "ignore"
        )
    except UnicodeDecodeError as error:
        if error.start >= len(head) - 6:
            return "utf-8", head.decode("utf-8", "ignore")
        return "windows-1252", head.decode("windows-1252", "replace")


def _delimiter(lines: list[str]) -> str:
    """Return the delimiter that cuts the most lines into the same number, more than one, of fields."""

    def consistency(delimiter: str) -> tuple[float, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        common = max(set(widths), key=lambda w: (widths.count(w), w)) if widths else 1
        return (widths.count(common) / len(widths), common) if common > 1 else (0.0, 1)

    return max((",", ";", "\t", "|"), key=consistency)


def _decimal_comma(table: pa.Table) -> bool:
    for column in table.columns:
        filled = column.filter(pc.not_equal(column, ""))
        comma = pc.sum(pc.match_substring_regex(filled, r"^-?[0-9]+,[0-9]+$")).as_py() or 0
        if comma and comma > (pc.sum(pc.match_substring_regex(filled, r"^-?[0-9]+\.[0-9]+$")).as_py() or 0):
            return True
    return False


def _excel(path: Path) -> tuple[dict, Cells]:
    import openpyxl

    from statloom.landing.read import excel

    workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        found = [(sheet.title, _header_rows(sheet)) for sheet in workbook.worksheets]
    finally:
        workbook.close()
    sheet, rows = next(((s, r) for s, r in found if r), (None, None))
    if sheet is None:
        raise DeliveryError("no sheet has a header with rows of numbers below it", file=path.name)
    form: dict = {"type": "excel", "sheet": sheet}
    if rows != [1]:
        form["header_rows"] = rows
    form["stop_at_blank"] = True
    return form, excel.cells(Format(**{**form, "header_rows": tuple(rows)}), path, path.name)


def _header_rows(sheet) -> list[int] | None:
    """Return the rows of text right above the first row that has a number, without titles of one cell."""
    header: list[int] = []
    sheet.reset_dimensions()
    for number, row in enumerate(sheet.iter_rows(max_row=60, values_only=True), 1):
        filled = [value for value in row if value is not None and str(value).strip()]
        if (
            len(filled) > 1
            and any(isinstance(v, int | float) and not isinstance(v, bool) for v in filled)
            and header
        ):
            return header
        header = [*header, number] if filled and (len(filled) > 1 or header) else []
    return None


def _stata(path: Path) -> tuple[dict, Cells]:
    import pyreadstat

    try:
        frame, _ = pyreadstat.read_dta(str(path), apply_value_formats=True, formats_as_category=False)
    except Exception as error:
        raise DeliveryError(
            f"not a readable Stata file, or a truncated one ({error})", file=path.name
        ) from None
    columns = {
        c: pa.array([None if v != v or v is None else str(v) for v in frame[c]], pa.string()) for c in frame
    }
    return {"type": "stata"}, Cells(pa.table(columns), pa.array(range(1, len(frame) + 1), pa.int64()))


def _json(path: Path, packed: bool) -> tuple[dict, Cells]:
    from statloom.landing.read import json_records

    form: dict = {"type": "json_records"} | ({"compression": "gzip"} if packed else {})
    found = json_records.document(path, path.name, form.get("compression"))
    place: list[str] = []
    while isinstance(found, dict):
        lists = [k for k, v in found.items() if isinstance(v, list) and v and isinstance(v[0], dict)]
        inner = lists or [k for k, v in found.items() if isinstance(v, dict)]
        if not inner:
            raise DeliveryError("no list of records in the JSON document", file=path.name)
        place.append(inner[0])
        found = found[inner[0]]
    if place:
        form["records"] = ".".join(place)
    return form, json_records.table(found, path.name)


def _identifiers(headers: list[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for header in headers:
        name = re.sub(r"[^a-z0-9]+", "_", header.lower().replace("%", " percent ")).strip("_") or "column"
        name = (name if name[0].isalpha() else f"c_{name}")[:55]
        while name in names.values():
            name += "_2"
        names[header] = name
    return names


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    trimmed = pc.utf8_trim_whitespace(column.cast(pa.string()))
    return trimmed.filter(pc.fill_null(pc.not_equal(trimmed, ""), False))


def _column(name: str, header: str, texts: pa.ChunkedArray, form: dict) -> Guess:
    kind = _type(texts, form)
    distinct = pc.count_distinct(texts).as_py()
    if _PERSONAL.search(name):
        return Guess(
            name, header, "personal_identifier", "text", why="its name is that of a personal identifier"
        )
    if re.search(r"(^|_)(year|period|quarter|fiscal)", name) and _period_type(texts):
        return Guess(name, header, "period", "text", why="its values are periods")
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


def _period(columns: list[Guess], texts: dict, path: Path, checks: list[str]) -> dict:
    found = [c for c in columns if c.role == "period"]
    for extra in found[1:]:
        extra.role, extra.type = "dimension", "text"
    if found:
        return {"type": _period_type(texts[found[0].header]), "column": found[0].name}
    match = re.search(r"(?<![0-9])((?:19|20)[0-9]{2})(?![0-9])", str(path.name)) or re.search(
        r"(?<![0-9])((?:19|20)[0-9]{2})(?![0-9])", str(path.parent.name)
    )
    year = match[1] if match else str(pd.Timestamp.today().year)
    where = "the file's name" if match else "today's date: nothing in the file says it"
    checks.append(f"period: {year} is taken from {where}")
    return {"type": "year", "value": year}


def _key(columns: list[Guess], texts: dict, checks: list[str]) -> list[str]:
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


def _place(columns: list[Guess], texts: dict, checks: list[str]) -> dict:
    """Give the columns that match the registry a place role; return the scheme and level that fit best."""
    seeds = settings.load().dbt_project / "seeds" / "places"
    codes = pd.read_csv(seeds / "place_code.csv", dtype=str, keep_default_na=False)
    names = pd.read_csv(seeds / "place_name.csv", dtype=str, keep_default_na=False)
    level_column = next((c for c in columns if c.role == "place_level"), None)
    candidates = [
        c for c in columns if c.role in ("measure", "dimension", "ignored") and c.type in ("text", "integer")
    ]
    best = (0.0, None, None, None)
    fits: list[tuple[float, str]] = []
    for column in candidates:
        if not re.search(r"code|id$|geo|place|district|province|vdc|municip|palika|unit|area", column.name):
            continue
        given = set(pc.unique(texts[column.header]).to_pylist())
        for (scheme, level), known in codes.groupby(["place_scheme", "place_level"])["place_code"]:
            if level_column is not None:
                known = codes.loc[
                    (codes["place_scheme"] == scheme)
                    & codes["place_level"].isin((level_column.values or {}).values()),
                    "place_code",
                ]
            share = len(given & set(known)) / max(len(given), 1)
            fits.append((share, scheme))
            # Of two schemes that know all codes, the one that has fewer others fits better.
            if share >= 0.5 and (share, -len(known)) > (best[0], -(best[3] or 0)):
                best = (share, column, (scheme, level), len(known))
    share, column, found, _ = best
    place: dict = {}
    if column is not None:
        column.role, column.type, column.categories = "place_code", "text", None
        column.why = f"{share:.0%} of its values are codes of {found[0]}"
        place["scheme"] = found[0]
        rivals = sorted({s for f, s in fits if f >= share - 0.05 and s != found[0]})
        checks.append(
            f"place: {share:.0%} of the codes are in scheme {found[0]}"
            + (f"; {', '.join(rivals)} fits nearly as well: compare some names" if rivals else "")
        )
    known_names = set(names["place_name"].str.strip().str.lower())
    for other in candidates:
        given = {text.lower() for text in pc.unique(texts[other.header]).to_pylist()}
        if (
            other is not column
            and other.type == "text"
            and given
            and len(given & known_names) / len(given) >= 0.6
        ):
            if any(c.role == "place_name" for c in columns):
                continue
            other.role, other.categories, other.why = (
                "place_name",
                None,
                "most of its values are names of places",
            )
    if not place:
        scheme = codes["place_scheme"].iloc[0] if len(codes) else "UNKNOWN"
        place["scheme"] = scheme
        checks.append(f"place: no column has codes of a known scheme; {scheme} is a guess")
    if level_column is None:
        level = found[1] if found else _level_of_names(columns, texts, names)
        place["level"] = level or "district"
        checks.append(f"place: level {place['level']} for every row")
    if not any(c.role in ("place_code", "place_name") for c in columns):
        place["code"] = "NP"
        place["level"] = "country"
        checks.append("place: no column names places; every row is taken for the nation's")
    return place


def _level_of_names(columns: list[Guess], texts: dict, names: pd.DataFrame) -> str | None:
    column = next((c for c in columns if c.role == "place_name"), None)
    if column is None:
        return None
    given = {text.lower() for text in pc.unique(texts[column.header]).to_pylist()}
    hits = names[names["place_name"].str.lower().isin(given)]
    levels = hits["place_id"].str.split(":").str[1]
    return levels.mode().iloc[0] if len(levels) else None
