"""Public-use files of the newest release: their risk, and what protecting them took away."""

from typing import Any

from statloom.quality.report.reading import Reader, Rows

_FILES = """
    select p.source_id, p.release_id, p.edition, p.measures,
        p.delivery_sha256 is distinct from d.sha256 as newer_delivery
    from release.public_use p
    left join landing.current_delivery d using (source_id)
    where p.release_id = (
        select max(release_id) from release.release where status in ('released', 'withdrawn')
    )
    order by p.source_id
"""


def public_use(read: Reader) -> Rows:
    """Return the public-use files of the newest release, by source.

    Each has ``source_id, release_id, edition, newer_delivery`` (there is one, and the edition is of the one
    before), ``keys``, ``rows, households``, ``left_out`` (rows of too large households and rows not drawn),
    ``k, k_households, l`` as measured, ``limits`` (k, l and maximum_global_risk as declared), ``risk``
    (`statloom.microdata.public_use.risk.Risk`) and ``variables``: name, record, key, values, suppressed,
    categories before and after, and ``kept``, the share of the information that is left.
    """
    return [_said(row) for row in read.rows(_FILES, "release.public_use")]


def _said(row: dict[str, Any]) -> dict[str, Any]:
    measures = row.pop("measures")
    measured, made = measures["measured"], measures["made"]
    return row | {
        "keys": measures["keys"],
        "rows": measured["rows"],
        "households": measured["households"],
        "left_out": made["rows_of_too_large_households"] + made["rows_not_drawn"],
        "k": measured["k"],
        "k_households": measured["k_households"],
        "l": measured["l"],
        "limits": measures["limits"],
        "risk": measured["risk"],
        "variables": [
            {
                "name": loss["variable"],
                "record": loss["record"],
                "key": loss["variable"] in measures["keys"],
                "values": loss["values"],
                "suppressed": loss["suppressed"],
                "categories_before": loss["categories_before"],
                "categories_after": loss["categories_after"],
                "kept": loss["bits_after"] / loss["bits_before"] if loss["bits_before"] else 1.0,
            }
            for loss in measures["losses"]
        ],
    }
