"""Confidence intervals of estimates, elementwise over arrays.

All take ``estimate``, its standard error ``se``, the degrees of freedom ``df`` (inf: normal) and the
``level``, and return ``(low, high)``. For shares p:

- ``wald``: p -+ t se.
- ``logit``, ``xlogit``: logit(p) -+ t se / (p (1 - p)), transformed back.
- ``asin``: arcsine of the square root, -+ t se / (2 sqrt(p (1 - p))).
- ``beta``: Clopper and Pearson's with the effective number of cases n* = p (1 - p) / se^2 times
  (t_{n-1} / t_df)^2 (Korn and Graubard 1998).
- ``likelihood``: p' with 2 n [l(p) - l(p')] <= t^2 (deff) n / (n - 1), l the binomial log-likelihood (Rao and
  Scott 1984).

They are those of R's ``svyciprop``. Where p is 0 or 1 the transformed ones are not defined (NaN); ``beta``
gives NaN as well.
"""

import numpy as np
from scipy import special

Interval = tuple[np.ndarray, np.ndarray]


def quantile_t(level: float, df: np.ndarray | float) -> np.ndarray:
    """Return the t quantile for a two-sided interval; NaN where df is not above 0, the normal one where it is
    infinite.
    """
    df = np.asarray(df, dtype=float)
    tail = (1 + level) / 2
    with np.errstate(invalid="ignore"):
        t = -special.stdtrit(np.where(np.isfinite(df) & (df > 0), df, 1.0), 1 - tail)
    return np.where(df > 0, np.where(np.isinf(df), special.ndtri(tail), t), np.nan)


def interval(
    method: str,
    estimate: np.ndarray,
    se: np.ndarray,
    df: np.ndarray | float,
    level: float,
    n: np.ndarray | None = None,
    domain_df: np.ndarray | float | None = None,
) -> Interval:
    """Return the interval by ``method``. ``n``: cases (beta, likelihood); ``domain_df``: for beta, default
    ``df``.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        t = quantile_t(level, df)
        if method in ("wald", "mean"):
            return estimate - t * se, estimate + t * se
        if method in ("logit", "xlogit"):
            centre, step = special.logit(estimate), t * se / (estimate * (1 - estimate))
            return special.expit(centre - step), special.expit(centre + step)
        if method == "asin":
            centre = np.arcsin(np.sqrt(estimate))
            step = t * se / (2 * np.sqrt(estimate * (1 - estimate)))
            return np.sin(centre - step) ** 2, np.sin(centre + step) ** 2
        if method == "beta":
            return _beta(estimate, se, df if domain_df is None else domain_df, level, n)
        if method == "likelihood":
            return _likelihood(estimate, se, t, n)
    raise ValueError(method)


def _beta(p: np.ndarray, se: np.ndarray, df: np.ndarray | float, level: float, n: np.ndarray) -> Interval:
    effective = p * (1 - p) / se**2 * (quantile_t(level, n - 1) / quantile_t(level, df)) ** 2
    tail = (1 - level) / 2
    low = special.betaincinv(effective * p, effective * (1 - p) + 1, tail)
    high = special.betaincinv(effective * p + 1, effective * (1 - p), 1 - tail)
    return low, high


def _likelihood(p: np.ndarray, se: np.ndarray, t: np.ndarray, n: np.ndarray) -> Interval:
    """Solve for the logit of the ends by bisection: the deviance rises on either side of p."""
    bound = t**2 * n * se**2 / (p * (1 - p)) * n / (n - 1)
    top = special.xlogy(p, p) + special.xlog1py(1 - p, -p)
    centre = special.logit(p)

    def end(sign: int) -> np.ndarray:
        near, far = np.zeros_like(p), np.full_like(p, 700.0)
        for _ in range(200):
            middle = (near + far) / 2
            x = centre + sign * middle
            value = p * special.log_expit(x) + (1 - p) * special.log_expit(-x)
            inside = 2 * n * (top - value) <= bound
            near, far = np.where(inside, middle, near), np.where(inside, far, middle)
        return np.where(np.isfinite(bound), special.expit(centre + sign * near), np.nan)

    return end(-1), end(1)
