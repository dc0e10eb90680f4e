"""The way back from a published value to deliveries and their rows, with every step between."""

# ruff: noqa: S608  the names in these statements are constants

from typing import Any

from sqlalchemy import Connection, Engine, text

from statloom.errors import StatloomError
from statloom.lineage import cells, way

_ONE_IN_A_MILLION = 1e-6
# Where every source's figure is published, also one that was not the preferred one.
_OF_SOURCES = {"indicator_series": "observation"}


def trace(
    engine: Engine,
    what: str,
    place: str,
    period: str,
    *,
    breakdown: dict[str, str] | None = None,
    source: str | None = None,
    source_level: str | None = None,
    publication: int | None = None,
    rows: int | None = 20,
) -> list[dict[str, Any]]:
    """Return the way back of each published figure that is meant; see `cells.find` for the words.

    ``breakdown``: categories of the breakdowns that are not the total, such as ``{"sex": "F"}``; ``source``
    and ``source_level``: the figures of one source, or from one level of reporting, in place of the preferred
    one; ``publication``: as of that one; ``rows``: how many rows of the file are shown, None for all.

    Each figure is a dict: ``figure`` (its row in the mart), ``mart``, ``publication`` (as read; with
    ``since``, the one that first showed this row), ``build``, ``gates``, ``delivery``, ``contract``,
    ``mapping``, ``microdata``, ``references``, ``contributions``, ``row_numbers``, ``raw_rows``,
    ``recomputed``, ``agrees`` (does the value made anew from the rows equal the published one),
    ``releases``, ``notes``, ``held_back`` (for a figure that a gate holds back: why, a row an expectation)
    and ``last_good`` (the trace of the value last published before that, else None).
    Raises StatloomError when there is no such figure or it is not clear which place is meant.
    """
    with engine.connect() as connection, connection.begin():
        number = cells.publication(connection, publication)["publication_id"]
        dimensions = cells.breakdowns(connection)
        found = cells.find(
            connection,
            what,
            place,
            period,
            number=number,
            breakdown={name.lower(): code for name, code in (breakdown or {}).items()},
            source=source,
            source_level=source_level,
        )
        return [_with_last_good(connection, figure, number, dimensions, rows) for figure in found]


def _with_last_good(
    connection: Connection, figure: dict[str, Any], number: int, dimensions: list[str], rows: int | None
) -> dict[str, Any]:
    """The trace of a figure; of one that is held back, with the trace of its last good value."""
    mart = figure["mart"]
    shown = _trace(connection, figure, number, dimensions, rows)
    good = figure.get("last_good_publication")
    if shown["held_back"] and good is not None:
        before = (
            connection.execute(
                text(
                    f"select * from published.{_OF_SOURCES.get(mart, mart)} where observation_key = :key "
                    "and published_from <= :number and (published_to is null or published_to > :number)"
                ),
                {"key": figure["observation_key"], "number": good},
            )
            .mappings()
            .one_or_none()
        )
        if before is not None:
            origin = {"mart": _OF_SOURCES.get(mart, mart), **before}
            shown["last_good"] = _trace(connection, origin, good, dimensions, rows)
    return shown


def _trace(
    connection: Connection, figure: dict[str, Any], number: int, dimensions: list[str], rows: int | None
) -> dict[str, Any]:
    mart, since = figure.pop("mart"), figure.pop("published_from")
    for name in ("published_to", "_row_hash"):
        figure.pop(name)
    notes: list[str] = []
    read = cells.publication(connection, number)
    build = _build(connection, number)
    source = figure["source_id"]
    delivery = _delivery(connection, source, build, notes)
    shown: dict[str, Any] = {
        "figure": figure,
        "mart": mart,
        "publication": {**read, "since": cells.publication(connection, since)},
        "build": build,
        "series": _one(
            connection,
            "select series_code, title, indicator_code, unit, measure_type, multiplier, apportion_basis "
            "from reference.series where series_code = :series",
            series=figure["series_code"],
        ),
        "gates": _gates(connection, source, delivery, read["run_id"]),
        "delivery": delivery,
        "contract": _one(
            connection,
            "select contract_sha256, registered_at, contract ->> 'custodian' as custodian, "
            "contract ->> 'provenance' as provenance, contract ->> 'licence' as licence "
            "from landing.source where source_id = :source",
            source=source,
        ),
        "mapping": _many(
            connection,
            "select role, measure, categories, breakdown from landing.series_mapping "
            "where source_id = :source and series_code = :series order by role, measure, categories",
            source=source,
            series=figure["series_code"],
        ),
        "microdata": [],
        "releases": _many(
            connection,
            "select release_id, released_at from release.release "
            "where publication_id = :number and status = 'released' order by 1",
            number=number,
        ),
        "references": [],
        "contributions": [],
        "row_numbers": [],
        "raw_rows": [],
        "recomputed": None,
        "agrees": None,
        "held_back": _held_back(connection, figure, read),
        "last_good": None,
        "notes": notes,
    }
    if figure.get("gate_status") == "newer delivery held back":
        notes.append(f"A newer delivery with this series and period is held back: {figure['gate_reason']}")
    if delivery is None or shown["held_back"]:
        # Its rows must not be shown as what a published figure was made of.
        return shown
    shown["microdata"] = _many(
        connection,
        "select record, file_name, rows from landing.record_profile where delivery_id = :id order by record",
        id=delivery["delivery_id"],
    )
    if shown["microdata"]:
        notes.append(
            "The rows are figures made from unit records, which are in the vault alone; a row's number is "
            "its place among these figures."
        )
    try:
        shown |= way.follow(connection, figure, delivery["delivery_id"], dimensions)
    except StatloomError as error:
        notes.append(str(error))
        return shown
    numbers = shown["row_numbers"]
    shown["raw_rows"] = way.raw_rows(
        connection, source, delivery["delivery_id"], numbers if rows is None else numbers[:rows]
    )
    _compare(connection, shown, notes)
    return shown


def _held_back(connection: Connection, figure: dict[str, Any], read: dict[str, Any]) -> list[dict[str, Any]]:
    """Why the figure is held back in the publication that is read; empty when it is not."""
    if figure.get("gate_status") != "held back":
        return []
    written = _many(
        connection,
        "select gate, gate_run_id, delivery_id, expectation, dimension, reason, owner, rows, places, since, "
        "held_back_at, lifted_at, lifted_by from quality.held_back where source_id = :source "
        "and series_code = :series and period = :period and extent = 'part' "
        "and held_back_at <= cast(:at as timestamptz) "
        "and (lifted_at is null or lifted_at > cast(:at as timestamptz)) order by gate, expectation",
        source=figure["source_id"],
        series=figure["series_code"],
        period=figure["period"],
        at=read["published_at"],
    )
    return written or [{"reason": figure["gate_reason"]}]


def _compare(connection: Connection, shown: dict[str, Any], notes: list[str]) -> None:
    """Say whether the rows, carried and added up anew, make the published value."""
    published, again = shown["figure"]["value"], shown["recomputed"]["value"]
    if published is None or again is None:
        shown["agrees"] = published is None and again is None
    else:
        shown["agrees"] = abs(float(published) - float(again)) <= _ONE_IN_A_MILLION * max(
            1, abs(float(published))
        )
    if not shown["agrees"]:
        notes.append(
            f"Made anew from these rows the value is {again}, published is {published}: places, crosswalk, "
            "mapping or code have changed since this publication was built."
        )
    if not shown["row_numbers"]:
        notes.append("No row of the delivery leads to this figure as places and mapping are now.")


def _build(connection: Connection, number: int) -> dict[str, Any] | None:
    """The last build that came to publication ``number``, with its inputs by kind and name."""
    build = _one(
        connection,
        "select build_id, inputs as fingerprint, run_id, finished_at from publication.build "
        "where publication_id = :number order by build_id desc limit 1",
        number=number,
    )
    if build is not None:
        build["inputs"] = _many(
            connection,
            "select kind, name, digest, detail - 'rows' as detail from publication.build_input "
            "where build_id = :id and kind <> 'delivery' and kind <> 'contract' order by kind, name",
            id=build["build_id"],
        )
    return build


def _delivery(connection: Connection, source: str, build: dict | None, notes: list[str]) -> dict | None:
    """The delivery of ``source`` that the build was made from."""
    columns = (
        "delivery_id, source_id, file_name, sha256, size_bytes, fetched_from, fetched_by, fetched_at, "
        "archive_key, status, rows_read, rows_loaded, rows_quarantined, contract_sha256, loaded_at, judged_at"
    )
    if build is not None:
        recorded = _one(
            connection,
            f"select {columns} from landing.delivery where source_id = :source and sha256 = (select digest "
            "from publication.build_input where build_id = :id and kind = 'delivery' and name = :source)",
            source=source,
            id=build["build_id"],
        )
        if recorded is not None:
            return recorded
    notes.append(
        f"No inputs are recorded for this publication: the delivery of {source} that is in use now is shown."
    )
    return _one(
        connection, f"select {columns} from landing.current_delivery where source_id = :source", source=source
    )


def _gates(connection: Connection, source: str, delivery: dict | None, run_id: str | None) -> list[dict]:
    """The newest judgement of the delivery, and those of the marts in the run that published them."""
    return _many(
        connection,
        "select gate_run_id, gate, subject, finished_at, passed, expectations, failed, warned, page from ("
        "(select * from quality.gate_run where gate = 'raw' and subject = :source and delivery_id = :id "
        "order by gate_run_id desc limit 1) union all "
        "(select * from quality.gate_run where gate = 'marts' and run_id = :run_id "
        "order by gate_run_id desc limit 1)) g order by gate_run_id",
        source=source,
        id=delivery["delivery_id"] if delivery else None,
        run_id=run_id,
    )


def _one(connection: Connection, query: str, **values: Any) -> dict[str, Any] | None:
    row = connection.execute(text(query), values).mappings().one_or_none()
    return dict(row) if row is not None else None


def _many(connection: Connection, query: str, **values: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(text(query), values).mappings()]
