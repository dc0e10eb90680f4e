"""What is held out: parts and deliveries that failed a gate, and rows in quarantine."""

from typing import Any

from statloom.contracts import Contract
from statloom.quality.report.reading import Reader, Rows

SHOWN = 300
EXAMPLES = 5  # row numbers of each reason

_NOW = """
    select extent, source_id, series_code, period, delivery_id, gates, expectations, expectation, dimensions,
        reason, owner, rows, places, since, held_back_at, last_good_figures, last_good_places,
        last_good_publication, last_good_delivery
    from quality.held_back_now
    order by extent desc, since, source_id, series_code, period
    limit :shown
"""

# Every part in force once, by source; what is held back with its whole delivery aside.
_BY_SOURCE = """
    select source_id, count(*) as parts, count(distinct series_code) as series, sum(rows)::bigint as rows,
        min(since) as since, string_agg(distinct owner, ', ' order by owner) as owner,
        string_agg(distinct dimensions, ', ') as dimensions,
        sum(last_good_figures)::bigint as last_good_figures
    from quality.held_back_now where extent = 'part' group by source_id order by min(since), source_id
"""

_LIFTED = """
    select source_id, series_code, period, expectation, owner, since, lifted_at, lifted_by
    from quality.held_back where lifted_at is not null
    order by lifted_at desc, source_id, series_code, period limit 100
"""

_QUARANTINE = """
    select held_out.source_id, held_out.delivery_id, held_out.stage, held_out.reason, held_out.rows,
        held_out.example, delivery.file_name
    from quality.quarantine as held_out
    left join landing.delivery using (delivery_id)
    order by held_out.rows desc, held_out.source_id, held_out.stage, held_out.reason
"""

# The first rows in the file for each reason of what was held out at reading.
_ROW_NUMBERS = """
    select source_id, delivery_id, stage, reason,
        array_agg(distinct row_number order by row_number) as row_numbers
    from (
        select held_out.source_id, held_out.delivery_id, held_out.stage, held_out.reason,
            held_out.row_number, row_number() over (
                partition by held_out.delivery_id, held_out.stage, held_out.reason
                order by held_out.row_number
            ) as position
        from quality.quarantined_row as held_out
        join landing.current_delivery as delivery on delivery.delivery_id = held_out.delivery_id
    ) as ordered
    where position <= :examples
    group by source_id, delivery_id, stage, reason
"""


def held_back(read: Reader) -> dict[str, Any]:
    """Return what failed a gate and is not published.

    Keys: ``parts`` (source × series × period, the oldest first, those of whole deliveries behind; at most
    ``SHOWN``), ``listed`` (how many there are), ``count`` (of those held back alone), ``by_source`` (theirs)
    and ``lifted`` (the last that were let go).
    """
    by_source = read.rows(_BY_SOURCE, "quality.held_back_now")
    return {
        "parts": read.rows(_NOW, "quality.held_back_now", shown=SHOWN),
        "listed": read.count("quality.held_back_now"),
        "count": sum(row["parts"] for row in by_source),
        "by_source": by_source,
        "lifted": read.rows(_LIFTED, "quality.held_back"),
    }


def quarantine(read: Reader, declared: dict[str, Contract]) -> Rows:
    """Return the reasons for which rows of the deliveries in use were held out, the most rows first.

    Columns of ``quality.quarantine``; ``owner`` of the source, ``file_name``, and ``row_numbers``: the first
    of them in the file, where they are known.
    """
    rows = read.rows(_QUARANTINE, "quality.quarantine")
    key = ("source_id", "delivery_id", "stage", "reason")
    numbers = {
        tuple(row[name] for name in key): row["row_numbers"]
        for row in (read.rows(_ROW_NUMBERS, examples=EXAMPLES) if rows else [])
    }
    for row in rows:
        contract = declared.get(row["source_id"])
        row["owner"] = contract.owner if contract else None
        example = row["example"] or {}
        known = numbers.get(tuple(row[name] for name in key))
        row["row_numbers"] = known or ([example["row"]] if example.get("row") is not None else [])
    return rows


def account(sources: Rows, quarantined: Rows) -> dict[str, Any]:
    """Return whether every row is accounted for: in = published + quarantined, and the list adds up to it.

    ``differing``: the sources for which it does not hold.
    """
    listed: dict[str, int] = {}
    for row in quarantined:
        listed[row["source_id"]] = listed.get(row["source_id"], 0) + row["rows"]
    counted = [source for source in sources if source["rows_in"] is not None]
    return {
        "rows_in": sum(source["rows_in"] for source in counted),
        "rows_published": sum(source["rows_published"] for source in counted),
        "rows_quarantined": sum(source["rows_quarantined"] for source in counted),
        "rows_listed": sum(listed.values()),
        "differing": [
            source["source_id"]
            for source in counted
            if source["rows_in"] != source["rows_published"] + source["rows_quarantined"]
            or listed.get(source["source_id"], 0) != source["rows_quarantined"]
        ],
    }
