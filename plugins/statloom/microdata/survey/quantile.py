"""Sample quantiles with weights, by the rules that R's survey package calls ``qrule``."""

import numpy as np


def sample_quantile(y: np.ndarray, w: np.ndarray, p: float, rule: str = "math", end: bool = False) -> float:
    """Return the quantile of probability ``p`` of the values ``y`` (sorted upwards) with weights ``w`` (above
    0).

    ``math``, ``hf1``: the least y with F(y) >= p. ``school``, ``hf2``: where F(y) = p the middle of y and the
    next. ``hf3``: the nearest even. ``hf4`` … ``hf9``: linear between points (Hyndman and Fan 1996, with
    weights).
    """
    # Extended precision where the machine has it: whether F(y) = p must not hang on the order of the sum.
    up_to = np.cumsum(w, dtype=np.longdouble).astype(float)
    whole = up_to[-1]
    last = len(y) - 1
    if rule in ("hf5", "hf6", "hf7", "hf8", "hf9"):
        before = np.append(0.0, up_to[:-1])
        if last == 0:
            return float(y[0])
        points = {
            "hf5": (up_to - w / 2) / whole,
            "hf6": up_to / (whole + w[-1]),
            "hf7": before / up_to[-2],
            "hf8": (before / 3 + up_to * 2 / 3) / (whole + w[-1] / 3),
            "hf9": (before * 3 / 8 + up_to * 5 / 8) / (whole + w[-1] / 4),
        }[rule]
        return float(np.interp(p, points, y))
    if rule == "hf3":
        starts = np.flatnonzero(np.append(True, y[1:] != y[:-1]))
        y, up_to = y[starts], np.append(up_to[starts[1:] - 1], whole)
        last = len(y) - 1
    at = int(np.searchsorted(up_to, p * whole, side="right")) - 1
    if at < 0:
        if not end:
            return float(y[0])
        at = 0
    after = min(at + 1, last)
    above, short = p - up_to[at] / whole, up_to[after] / whole - p
    if rule == "hf4":
        share = above / (above + short) if above + short else 0.0
        return float(y[at] * (1 - share) + y[after] * share)
    if above == 0:
        if rule in ("school", "hf2"):
            return float((y[at] + y[after]) / 2)
        # The ranks count from 1.
        return float(y[at] if rule != "hf3" or (at + 1) % 2 == 0 else y[after])
    return float(y[after])
