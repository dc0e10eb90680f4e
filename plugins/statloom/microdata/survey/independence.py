"""Which domains of a survey rest on strata of their own."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from statloom.microdata.survey.design import Design
from statloom.microdata.survey.expression import quote
from statloom.microdata.survey.source import Source


def own_strata(data: Any, design: Design | Mapping[str, Any], columns: Sequence[str]) -> pd.DataFrame:
    """Return the domains of ``columns`` and ``own``: no stratum with a case of the domain has another case.

    Strata are drawn independently of each other, so the estimate of such a domain is independent of that of
    any domain without its cases: their errors add up in squares (Särndal, Swensson and Wretman 1992, section
    3.7). ``data``, ``design`` as in `estimate`; a design without strata, or with calibrated or replicate
    weights, which may join strata, has no such domain but the whole (no ``columns``: one row). Domains with a
    missing column are left out. Raises SurveyError when the data have no such column.
    """
    if isinstance(design, Mapping):
        design = Design.from_dict(design)
    columns = list(columns)
    if not columns:
        return pd.DataFrame({"own": [True]})
    source = Source(data)
    try:
        names = list(dict.fromkeys([*columns, *design.strata[:1]]))
        source.need(names, "own strata")
        source.open(names)
        chosen = ", ".join(quote(name) for name in columns)
        known = " AND ".join(f"{quote(name)} IS NOT NULL" for name in columns)
        own = "false"
        if design.strata and not design.calibration and design.replicates is None:
            stratum = quote(design.strata[0])
            own = (
                f"bool_and({stratum} NOT IN (SELECT {stratum} FROM "  # noqa: S608
                f"(SELECT DISTINCT {stratum}, {chosen} FROM survey) GROUP BY {stratum} HAVING count(*) > 1))"
            )
        return source.frame(
            f"SELECT {chosen}, {own} AS own FROM survey WHERE {known} "  # noqa: S608
            f"GROUP BY {chosen} ORDER BY {chosen}"
        )
    finally:
        source.close()
