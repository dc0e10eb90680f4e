"""Shares whose parts have been rounded or perturbed."""

import numpy as np


def share(
    numerator: np.ndarray, denominator: np.ndarray, *, whole: np.ndarray, per: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the numerator and the share of protected parts.

    ``numerator`` and ``denominator`` are the protected counts; ``whole``: the true ones were equal, which
    makes the numerator the denominator (the same respondents have the same noise). A numerator above its
    denominator becomes the denominator, so that a share is at most ``per``; where the denominator is 0 there
    is no share (NaN).
    """
    numerator = np.where(whole, denominator, np.minimum(numerator, denominator))
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(denominator > 0, per * numerator / denominator, np.nan)
    return numerator, value
