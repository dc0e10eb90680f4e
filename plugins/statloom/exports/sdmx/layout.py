"""The SDG data structure: dimensions, measure and attributes in their order, with their code lists."""

import re
from dataclasses import dataclass

from pysdmx.model import DataType


@dataclass(frozen=True)
class Part:
    """A component: its concept, the code list that it takes its values from, or the type of its text.

    ``column``: the column of the cells whose code it is. ``terms``: the kind of term that names its codes.
    ``series``: an attribute that is the same for all periods.
    """

    concept: str
    code_list: str | None = None
    column: str | None = None
    terms: str | None = None
    kind: DataType = DataType.STRING
    series: bool = False


BREAKDOWNS = (
    Part("SEX", "CL_SEX", "sex"),
    Part("AGE", "CL_AGE", "age"),
    Part("URBANISATION", "CL_URBANISATION", "urbanisation"),
    Part("INCOME_WEALTH_QUANTILE", "CL_QUANTILE", "income_wealth_quantile"),
    Part("EDUCATION_LEV", "CL_EDUCATION_LEV", "education_lev"),
    Part("OCCUPATION", "CL_OCCUPATION", "occupation"),
    Part("CUST_BREAKDOWN", "CL_CUST_BREAKDOWN", "cust_breakdown"),
    Part("COMPOSITE_BREAKDOWN", "CL_COMP_BREAKDOWN", "composite_breakdown"),
    Part("DISABILITY_STATUS", "CL_DISABILITY_STATUS", "disability_status"),
    Part("ACTIVITY", "CL_ACTIVITY", "activity"),
    Part("PRODUCT", "CL_PRODUCT", "product"),
)
DIMENSIONS = (
    Part("FREQ", "CL_FREQ", terms="frequency"),
    Part("REPORTING_TYPE", "CL_REPORTING_TYPE", terms="reporting_type"),
    Part("SERIES", "CL_SERIES", "series_code"),
    Part("REF_AREA", "CL_AREA", "place_id"),
    *BREAKDOWNS,
    Part("TIME_PERIOD", kind=DataType.PERIOD),
)
MEASURE = Part("OBS_VALUE", kind=DataType.DOUBLE)
ATTRIBUTES = (
    Part("OBS_STATUS", "CL_OBS_STATUS", "obs_status", terms="obs_status"),
    Part("UNIT_MULT", "CL_UNIT_MULT", terms="unit_multiplier", series=True),
    Part("UNIT_MEASURE", "CL_UNIT_MEASURE", "unit", series=True),
    Part("BASE_PER"),
    Part("NATURE", "CL_NATURE", terms="nature"),
    Part("TIME_DETAIL"),
    Part("COMMENT_OBS"),
    Part("TIME_COVERAGE"),
    Part("UPPER_BOUND", kind=DataType.DOUBLE),
    Part("LOWER_BOUND", kind=DataType.DOUBLE),
    Part("SOURCE_DETAIL"),
    Part("COMMENT_TS", series=True),
    Part("GEO_INFO_URL"),
    Part("GEO_INFO_TYPE"),
    Part("CUST_BREAKDOWN_LB"),
    Part("DATA_LAST_UPDATE"),
)
PARTS = (*DIMENSIONS, MEASURE, *ATTRIBUTES)


def identifier(text: str) -> str:
    """Return ``text`` as SDMX allows it for a code's identifier: what it does not allow becomes ``_``."""
    return re.sub(r"[^A-Za-z0-9_@$-]", "_", text)
