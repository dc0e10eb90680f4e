"""Draws that depend on nothing but the seed, the topic and the unit's number."""

from __future__ import annotations

import zlib

import numpy as np
from scipy.special import expit, ndtri

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


class Draws:
    """Random numbers by hash (the finaliser of splitmix64: Steele, Lea and Flood 2014).

    Every method takes a `topic`, which separates one attribute from another, and `unit`, an array of uint64,
    and returns an array of that length; the same seed, topic and unit always give the same value.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def uniform(self, topic: str, unit: np.ndarray) -> np.ndarray:
        """Return numbers above 0 and below 1."""
        start = zlib.crc32(f"{self._seed}/{topic}".encode()) * int(_STEP) + self._seed
        mixed = unit * _STEP
        mixed += np.uint64(start % 2**64)
        mixed ^= mixed >> np.uint64(30)
        mixed *= _FIRST
        mixed ^= mixed >> np.uint64(27)
        mixed *= _SECOND
        mixed ^= mixed >> np.uint64(31)
        return ((mixed >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52

    def normal(self, topic: str, unit: np.ndarray) -> np.ndarray:
        """Return draws from the standard normal distribution."""
        return ndtri(self.uniform(topic, unit))

    def yes(self, topic: str, unit: np.ndarray, log_odds: np.ndarray | float) -> np.ndarray:
        """Return booleans that are true with the given log odds."""
        return self.uniform(topic, unit) < expit(log_odds)

    def category(self, topic: str, unit: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return codes from 1; `weights` has one row a unit and one column a category, in any scale."""
        upto = np.cumsum(weights, axis=1)
        point = self.uniform(topic, unit) * upto[:, -1]
        return (1 + (point[:, None] >= upto[:, :-1]).sum(axis=1)).astype("int8")


def log_odds(share: np.ndarray) -> np.ndarray:
    """Return the log odds of shares, which are kept off 0 and 1."""
    clipped = np.clip(np.asarray(share, dtype=float), 0.001, 0.999)
    return np.log(clipped / (1 - clipped))
