"""The cell-key method: noise that the respondents of a cell decide, so that it is the same wherever they are.

Every unit record has a record key, its keyed hash; a cell's key is the sum of its records' keys modulo 1, and
the key looks up the noise in the perturbation table. Two cells of the same respondents have the same noise,
in whatever table or release they stand, and asking again gives nothing new. Sources: Fraser and Wooton
(2005), A proposed method for confidentialising tabular output; Marley and Leaver (2011); Eurostat's
recommendation for the census of 2021.
"""

from collections.abc import Sequence

import numpy as np

from statloom.disclosure.perturbation import keyed
from statloom.disclosure.perturbation.noise_table import NoiseTable

MODULUS = 2**32
"""Record keys are whole numbers below it: sums over 2 000 million records fit 64 bits."""
_RECORDS, _CELLS = "record keys", "cell keys of aggregates"


def record_keys(identity: Sequence[str], *, key: bytes) -> np.ndarray:
    """Return the record key (int64, below ``MODULUS``) of each unit, from the text that identifies it."""
    draw = keyed.uniform(keyed.derived(key, _RECORDS), identity)
    return np.floor(draw * MODULUS).astype(np.int64)


def record_key_sql(identity: str, *, key: bytes) -> str:
    """Return DuckDB's SQL for `record_keys`; ``identity`` is a SQL expression of type text.

    HMAC-SHA256 written out (RFC 2104), since DuckDB has the hash alone. The text holds what is made of the
    key: it may be run in this process, never logged or sent.
    """
    secret = keyed.derived(key, _RECORDS).ljust(64, b"\0")
    inner, outer = (_blob(bytes(byte ^ pad for byte in secret)) for pad in (0x36, 0x5C))
    inside = f"unhex(sha256({inner} || encode({identity})))"
    return f"cast('0x' || substr(sha256({outer} || {inside}), 1, 8) as bigint)"


def _blob(content: bytes) -> str:
    return "'" + "".join(f"\\x{byte:02X}" for byte in content) + "'::blob"


def cell_draws(record_key_sum: Sequence[int]) -> np.ndarray:
    """Return each cell's key as a number in [0, 1), from the sum of its records' keys."""
    return (np.asarray(record_key_sum, dtype=np.int64) % MODULUS) / MODULUS


def aggregate_draws(identity: Sequence[str], count: Sequence[float], *, key: bytes) -> np.ndarray:
    """Return keys in [0, 1) for cells without unit records: keyed hashes of what the cell is and its count.

    Weaker than `cell_draws`: two cells of the same respondents under two names (a district of one local unit)
    have two independent noises. The same name with the same count has the same in every table and release.
    """
    texts = keyed.with_value(identity, count)
    return keyed.uniform(keyed.derived(key, _CELLS), texts)


def perturbed(count: Sequence[float], draw: np.ndarray, table: NoiseTable) -> np.ndarray:
    """Return each ``count`` with its noise; counts that are not whole (parts of divided units) are made so.

    Zero stays zero, missing (NaN) stays missing. Raises ValueError for a negative or infinite count.
    """
    given = np.asarray(count, dtype=float)
    there = ~np.isnan(given)
    if np.any(given[there] < 0) or np.any(np.isinf(given)):
        raise ValueError("only counts are perturbed: a figure is negative or infinite")
    result = given.copy()
    whole = np.rint(given[there])
    result[there] = whole + table.look_up(whole, np.asarray(draw, dtype=float)[there])
    return result
