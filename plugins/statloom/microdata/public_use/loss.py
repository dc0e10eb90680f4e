"""What recoding and local suppression take away of each variable."""

from dataclasses import dataclass

import numpy as np

from statloom.contracts.public_use import Recoding
from statloom.microdata.public_use.frequencies import MISSING
from statloom.microdata.public_use.recoding import Variable


@dataclass(frozen=True)
class Loss:
    """What was lost of a variable. ``values``: known ones after recoding; ``suppressed``: of these left out;
    ``categories_before``, ``categories_after``: different values; ``bits_before``, ``bits_recoded``,
    ``bits_after``: Shannon entropy of a row's value, in bits, 0 for a missing one; ``coded_top``,
    ``coded_bottom``: values that the highest and the lowest stand for.
    """

    variable: str
    record: str
    rows: int
    values: int
    suppressed: int
    unlisted: int
    categories_before: int
    categories_after: int
    bits_before: float
    bits_recoded: float
    bits_after: float
    coded_top: int
    coded_bottom: int

    @property
    def kept(self) -> float:
        """Share of the information that is left."""
        return self.bits_after / self.bits_before if self.bits_before > 0 else 1.0


def loss(before: Variable, recoded: Variable, after: Variable, *, record: str, rule: Recoding | None) -> Loss:
    """Return what was lost between a variable as it stands in the vault, recoded, and as it goes out."""
    first, second, third = (each.coded().codes for each in (before, recoded, after))
    known, shown = int((second != MISSING).sum()), int((third != MISSING).sum())
    values = before.values
    top = bottom = 0
    if rule is not None and values is not None:
        top = int((values >= rule.top).sum()) if rule.top is not None else 0
        bottom = int((values < rule.bottom).sum()) if rule.bottom is not None else 0
    return Loss(
        variable=recoded.name,
        record=record,
        rows=len(second),
        values=known,
        suppressed=known - shown,
        unlisted=recoded.unlisted,
        categories_before=_different(first),
        categories_after=_different(third),
        bits_before=_bits(first),
        bits_recoded=_bits(second),
        bits_after=_bits(third),
        coded_top=top,
        coded_bottom=bottom,
    )


def _different(codes: np.ndarray) -> int:
    return int((np.bincount(codes[codes != MISSING]) > 0).sum())


def _bits(codes: np.ndarray) -> float:
    counts = np.bincount(codes[codes != MISSING])
    shares = counts[counts > 0] / max(counts.sum(), 1)
    return float(-(shares * np.log2(shares)).sum() * counts.sum() / max(len(codes), 1))
