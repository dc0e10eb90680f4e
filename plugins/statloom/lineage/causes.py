"""Which inputs changed between two builds, and which figures each of them bears on."""

# ruff: noqa: S608  the names in these statements are constants or quoted

from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from statloom.errors import StatloomError
from statloom.lineage import way

# From what bears on few figures to what bears on all: the first that fits a figure is its reason.
REASONS = (
    "held back",
    "corrected delivery",
    "new delivery",
    "withdrawn delivery",
    "no longer held back",
    "place decision",
    "metadata",
    "crosswalk",
    "places",
    "code",
)


@dataclass(frozen=True)
class Cause:
    """One input that changed. None in ``source_id``, ``series_code`` or ``periods``: it bears on all of them.

    ``carried``: it bears only on figures that the crosswalk led to their place; ``but_periods``: not on
    these.
    """

    reason: str
    why: str
    source_id: str | None = None
    series_code: str | None = None
    periods: list[str] | None = None
    but_periods: list[str] | None = None
    carried: bool = False


_CHANGED = text("""
select kind, name, old.digest as before, new.digest as after, old.detail as detail_before,
    new.detail as detail_after
from (select * from publication.build_input where build_id = :old) old
full join (select * from publication.build_input where build_id = :new) new using (kind, name)
where old.digest is distinct from new.digest
order by kind, name
""")


def between(connection: Connection, old: int, new: int) -> list[Cause]:
    """Return what changed from build ``old`` to build ``new``; empty when nothing that is recorded did."""
    changed = connection.execute(_CHANGED, {"old": old, "new": new}).all()
    causes: list[Cause] = []
    explained = {row.name for row in changed if row.kind in ("delivery", "place_decision")}
    for row in changed:
        if row.kind == "delivery":
            causes += _delivery(connection, row)
        elif row.kind == "held_back":
            causes += _held_back(row)
        elif row.kind == "contract":
            causes.append(Cause("metadata", f"contract of {row.name}", source_id=row.name))
        elif row.kind == "place_decision":
            causes.append(Cause("place decision", f"decisions on places of {row.name}", source_id=row.name))
        elif row.kind == "place_reference" and row.name not in explained:
            causes.append(Cause("places", f"references of {row.name} lead elsewhere", source_id=row.name))
        elif row.kind == "place_registry":
            causes.append(Cause("places", f"registry of places: {row.name}"))
        elif row.kind == "crosswalk":
            causes.append(Cause("crosswalk", row.name, carried=True))
        elif row.kind == "metadata":
            causes += _metadata(row)
        elif row.kind == "code":
            version = (row.detail_after or {}).get("version", "unknown version")
            former = (row.detail_before or {}).get("version", "unknown version")
            causes.append(Cause("code", f"{row.name}: {former} → {version}"))
    return causes


def _delivery(connection: Connection, row) -> list[Cause]:
    if row.after is None:
        return [Cause("withdrawn delivery", f"{row.name} delivers no more", source_id=row.name)]
    name = f"{row.name}: {row.detail_after.get('file')}, sha256 {row.after[:12]}"
    if row.before is None:
        return [Cause("new delivery", name, source_id=row.name)]
    periods = _periods(connection, row.name, row.detail_before.get("delivery_id"))
    corrected = Cause(
        "corrected delivery", f"{name}, in place of {row.before[:12]}", source_id=row.name, periods=periods
    )
    if periods is None:
        return [corrected]
    return [corrected, Cause("new delivery", name, source_id=row.name, but_periods=periods)]


def _held_back(row) -> list[Cause]:
    """What gates hold back now, or no longer, of one source."""

    def parts(detail: dict | None) -> dict[tuple, str]:
        listed = (detail or {}).get("parts", [])
        return {(p["series"], p["period"], p["status"]): p["reason"] for p in listed}

    before, after = parts(row.detail_before), parts(row.detail_after)
    causes = [
        Cause(
            "held back",
            f"{status}: {row.name}, {series}, {period}: {after[series, period, status]}",
            source_id=row.name,
            series_code=series,
            periods=[period],
        )
        for series, period, status in sorted(after.keys() - before.keys())
    ]
    causes += [
        Cause(
            "no longer held back",
            f"{row.name}, {series}, {period}",
            source_id=row.name,
            series_code=series,
            periods=[period],
        )
        for series, period, status in sorted(before.keys() - after.keys())
    ]
    if not causes:
        # The row of the source itself, in mart source.
        file = (row.detail_after or {}).get("file")
        why = f"{file} of {row.name} is {row.detail_after['status']}" if file else f"deliveries of {row.name}"
        causes = [Cause("held back" if file else "no longer held back", why, source_id=row.name)]
    return causes


def _periods(connection: Connection, source: str, delivery_id: int | None) -> list[str] | None:
    """The periods that a delivery reported; None when that is not known any more."""
    if delivery_id is None:
        return None
    try:
        with connection.begin_nested():
            staged = way.staged(connection, source, delivery_id).replace(":", "\\:")
            return list(
                connection.execute(
                    text(
                        "select distinct p.period from landing.period p where p.source_id = :source "
                        f"and p.label in (select s.period from ({staged}) s)"
                    ),
                    {"source": source},
                ).scalars()
            )
    except (StatloomError, DBAPIError):
        return None


def _metadata(row) -> list[Cause]:
    before = (row.detail_before or {}).get("rows")
    after = (row.detail_after or {}).get("rows")
    if before is None or after is None:
        return [Cause("metadata", row.name)]
    series = {code for code in before.keys() | after.keys() if before.get(code) != after.get(code)}
    # The same rows in another order change no figure, but a changed header is in every row's digest.
    return [Cause("metadata", f"{row.name}, {code}", series_code=code) for code in sorted(series)]
