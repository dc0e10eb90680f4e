"""A first contract for a file that nobody has described: what it looks like, what each column seems to be."""

from pathlib import Path

from statloom.errors import DeliveryError
from statloom.landing.read.checks import check_bytes
from statloom.landing.sniff import roles
from statloom.landing.sniff.formats import format_of
from statloom.landing.sniff.guess import Guess, Sniffed
from statloom.landing.sniff.places import place_of
from statloom.landing.sniff.survey import estimation_of

__all__ = ["Guess", "Sniffed", "sniff"]


def sniff(path: Path) -> Sniffed:
    """Look at the file ``path`` (csv, csv.gz, xlsx, dta, json) and say what each column seems to be.

    Raises DeliveryError when it is empty, an HTML page, or of a format that Statloom does not read.
    """
    if not path.is_file():
        raise DeliveryError("there is no such file", file=str(path))
    check_bytes(path, path.name, text=False)
    form, cells = format_of(path)
    table = cells.table
    if table.num_rows == 0:
        raise DeliveryError("a header and no rows", file=path.name)
    names = roles.identifiers(table.column_names)
    texts = {h: roles.filled(table.column(h)) for h in table.column_names}
    columns = [roles.column(names[h], h, texts[h], form) for h in table.column_names]
    for guess in columns:
        guess.required = len(texts[guess.header]) == table.num_rows
    checks: list[str] = []
    microdata = any(c.role == "weight" for c in columns)
    period, said = roles.period_of(columns, texts, path, checks)
    # A period that the file does not say is no evidence for the scheme that was in use then.
    place = place_of(columns, texts, period if said else {}, microdata, checks)
    if microdata:
        roles.mark_cases(columns, texts)
    key = roles.key_of(columns, checks)
    estimation = estimation_of(columns, checks) if microdata else None
    rename = {c.header: c.name for c in columns if c.header != c.name}
    if rename:
        form["rename"] = rename
    if not microdata and not any(c.role == "measure" for c in columns):
        checks.append("no column looks like a measure: give one the role measure")
    return Sniffed(form, columns, key, place, period, table.num_rows, checks, estimation)
