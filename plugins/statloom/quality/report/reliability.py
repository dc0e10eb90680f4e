"""How reliable figures from samples are: bands of the coefficient of variation, by source and series."""

from typing import Any

from statloom.quality.report.reading import Reader

_BANDS = """
    select source_id, series_code, place_level, quality_band as band, max(quality_rule) as rule,
        count(*) as figures,
        percentile_cont(0.5) within group (order by cv::double precision) as median_cv
    from marts.observation
    where quality_band is not null and quality_band <> ''
    group by source_id, series_code, place_level, quality_band
    order by source_id, series_code, place_level, quality_band
"""

_LIMITS = """
    select framework, band, maximum_cv, minimum_respondents, rule, title, source
    from reference.quality_band order by framework, maximum_cv nulls last
"""


def reliability(read: Reader) -> dict[str, Any]:
    """Return how many published figures of each source, series and level are in which band.

    Keys: ``rows`` (source_id, series_code, place_level, ``bands``: band → figures, ``figures``, ``withheld``,
    ``median_cv`` of the worst band), ``bands`` (in their order, from the best) and ``limits`` (the seed).
    """
    if "quality_band" not in read.columns("marts.observation"):
        return {"rows": [], "bands": [], "limits": []}
    limits = read.rows(_LIMITS, "reference.quality_band")
    order = list(dict.fromkeys(limit["band"] for limit in limits))
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in read.rows(_BANDS):
        key = (row["source_id"], row["series_code"], row["place_level"])
        entry = rows.setdefault(
            key, dict(zip(("source_id", "series_code", "place_level"), key, strict=True)) | {"bands": {}}
        )
        entry["bands"][row["band"]] = row["figures"]
        entry["withheld"] = entry.get("withheld", 0) + (row["figures"] if row["rule"] == "withhold" else 0)
        if row["band"] not in order:
            order.append(row["band"])
    for entry in rows.values():
        entry["figures"] = sum(entry["bands"].values())
    # The least reliable first: what a person should look at.
    shown = sorted(rows.values(), key=lambda entry: -entry["withheld"] / entry["figures"])
    return {"rows": shown, "bands": order, "limits": limits}
