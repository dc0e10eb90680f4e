"""Numbers that a secret and a text decide: who has not the secret cannot tell them from random ones."""

import hmac
from collections.abc import Iterable

import numpy as np

KEY_BYTES = 32
_BITS = 52


def derived(key: bytes, purpose: str) -> bytes:
    """Return the key (32 bytes) for ``purpose``, so that no two uses share one. Source: HMAC-SHA256
    (RFC 2104, FIPS 180-4). Raises ValueError for a ``key`` of fewer than 32 bytes."""
    if len(key) < KEY_BYTES:
        raise ValueError(f"a key of perturbation has at least {KEY_BYTES} bytes")
    return hmac.digest(key, purpose.encode(), "sha256")


def uniform(key: bytes, texts: Iterable[str]) -> np.ndarray:
    """Return a number in [0, 1) for each text: the first 52 bits of its HMAC-SHA256 under ``key``."""
    digest = hmac.digest
    first = b"".join(digest(key, text.encode(), "sha256")[:8] for text in texts)
    return (np.frombuffer(first, dtype=">u8") >> np.uint64(64 - _BITS)).astype(float) / 2.0**_BITS


def marks(key: bytes, texts: Iterable[str]) -> list[str]:
    """Return a mark (32 hexadecimal digits) for each text: its HMAC-SHA256 under ``key``, cut short."""
    return [hmac.digest(key, text.encode(), "sha256")[:16].hex() for text in texts]


def identities(*columns: Iterable[object]) -> list[str]:
    """Return one text per cell from the columns that identify it.

    Two cells have the same text only if all their parts are equal: parts are set apart by a character that
    none of them has (U+001F), else ValueError is raised.
    """
    parts = [[str(each) for each in column] for column in columns]
    if any("\x1f" in each for column in parts for each in column):
        raise ValueError("a code with the character U+001F cannot identify a cell")
    return ["\x1f".join(row) for row in zip(*parts, strict=True)]


def with_value(identity: Iterable[str], value: np.ndarray) -> list[str]:
    """Return each cell's ``identity`` together with its figure."""
    figures = np.asarray(value, dtype=float).tolist()
    return [f"{text}\x1e{figure:.6f}" for text, figure in zip(identity, figures, strict=True)]
