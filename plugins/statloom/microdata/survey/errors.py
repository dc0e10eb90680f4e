"""What can be wrong with survey data, a design or an estimand, said to a person."""

from statloom.errors import StatloomError


class SurveyError(StatloomError):
    """Survey data, a design or an estimand that cannot be estimated from. Nothing is returned.

    Its text names the part (``design``, ``estimand 'name'``, ``data``), the field or column, and the reason.
    """
