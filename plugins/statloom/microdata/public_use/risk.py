"""The risk that somebody in a file is recognised, as sdcMicro defines it.

With weights, of a row whose keys ``fk`` rows of the file share, for whom weights give ``Fk`` persons of the
population, the risk is the expected value of 1 / F given f = fk, where F given f is negative binomial with
``p = fk / Fk``:

    fk = 1   p / (1 - p) log(1 / p)
    fk = 2   p / (1 - p) - (p / (1 - p))² log(1 / p)
    fk > 2   p / (fk - (1 - p))           approximation of p^fk / fk · 2F1(fk, fk; fk + 1; 1 - p)

and 1 / fk where fk = Fk. Without weights it is 1 / fk. Sources: R. Benedetti, L. Franconi (1998);
L. Franconi, S. Polettini: Individual risk estimation in µ-Argus (2004); ``indivRisk`` and ``measure_risk``
of sdcMicro.
"""

from dataclasses import dataclass

import numpy as np

THRESHOLDS = (0.01, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class Risk:
    """The risk of a whole file.

    ``individual``: global risk, the mean of the individual risks; ``expected``: their sum, the expected
    number of persons recognised; ``household``: the mean over persons of their household's risk; ``highest``:
    of one person; ``above``: threshold → share of persons above it; ``participation``: mean of 1 / fk, the
    global risk where it is known who took part; ``unique``: persons whose combination nobody shares.
    """

    rows: int
    individual: float
    expected: float
    household: float
    highest: float
    above: dict[str, float]
    participation: float
    unique: int


def individual(fk: np.ndarray, population: np.ndarray | None = None, *, exact: bool = False) -> np.ndarray:
    """Return the risk of each row.

    ``fk``: rows of the file that share its keys; ``population``: the sum of their weights, ``Fk`` (None: the
    file is the population). ``exact``: the hypergeometric function in place of its approximation.
    """
    fk = np.asarray(fk, float)
    if population is None:
        return 1 / fk
    share = np.minimum(fk / np.asarray(population, float), 1)
    # Where the file has all of the population the formulas divide by 0.
    share, whole = np.where(share < 1, share, 0.5), share >= 1
    odds = share / (1 - share)
    log = -np.log(share)
    one, two = odds * log, odds - odds**2 * log
    many = _exact(fk, share) if exact else share / (fk - (1 - share))
    risk = np.where(fk == 1, one, np.where(fk == 2, two, many))
    return np.where(whole, 1 / fk, risk)


def _exact(fk: np.ndarray, share: np.ndarray) -> np.ndarray:
    # After Euler's transformation, share / fk · 2F1(1, 1; fk + 1; 1 - share), all terms are positive.
    term = total = np.ones_like(share)
    for n in range(100_000):
        term = term * (n + 1) / (fk + 1 + n) * (1 - share)
        total = total + term
        if (term <= 1e-13 * total).all():
            break
    return share / fk * total


def household(risk: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Return for each person the risk that any member of the household is recognised, 1 - prod(1 - risk).

    ``of``: the household of each person, as numbers from 0.
    """
    safe = np.bincount(of, np.log1p(-np.minimum(risk, 1 - 1e-16)))
    return -np.expm1(safe)[of]


def measure(
    fk: np.ndarray, population: np.ndarray | None = None, of_household: np.ndarray | None = None
) -> Risk:
    """Return the risk of a file from ``fk``, ``Fk`` and the household of each of its rows."""
    each = individual(fk, population)
    whole = household(each, of_household) if of_household is not None else each
    return Risk(
        rows=len(each),
        individual=float(each.mean()) if len(each) else 0.0,
        expected=float(each.sum()),
        household=float(whole.mean()) if len(each) else 0.0,
        highest=float(each.max(initial=0)),
        above={f"{limit:g}": float((each > limit).mean()) if len(each) else 0.0 for limit in THRESHOLDS},
        participation=float((1 / fk).mean()) if len(each) else 0.0,
        unique=int((np.asarray(fk) == 1).sum()),
    )
