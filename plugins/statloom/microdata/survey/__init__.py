"""Design-based estimation from surveys: totals, means, ratios, quantiles, inequality, each with its
uncertainty.

    from statloom.microdata.survey import Design, Estimand, estimate

    estimate(
        "persons.parquet",
        Design(weight="weight", strata="stratum", psu="ea"),
        [Estimand("literacy", "proportion", expression="literate = 1", where="age >= 15")],
        by=[[], ["province"], ["province", "sex"]],
    )

``docs/survey-estimation.md`` has the formulas, their sources, and which conventions of R's survey package are
followed.
"""

from statloom.microdata.survey.design import Calibration, Design, Replicates, load_design
from statloom.microdata.survey.errors import SurveyError
from statloom.microdata.survey.estimand import Estimand, load_estimands
from statloom.microdata.survey.estimate import estimate
from statloom.microdata.survey.expression import Expression, parse
from statloom.microdata.survey.independence import own_strata
from statloom.microdata.survey.request import load_request

__all__ = [
    "Calibration",
    "Design",
    "Estimand",
    "Expression",
    "Replicates",
    "SurveyError",
    "estimate",
    "load_design",
    "load_estimands",
    "load_request",
    "own_strata",
    "parse",
]
