"""How alike two names are."""

import numpy as np
import pandas as pd
import pyarrow as pa
from rapidfuzz import process
from rapidfuzz.distance import OSA, JaroWinkler

from statloom.places.normalise import in_latin

Spellings = tuple[list[str], list[str]]
FAR = 99  # edits between names of which one is not asked for


def spellings(forms: pd.DataFrame) -> Spellings:
    """Return what is compared of names in the forms of ``normalise``: cores without spaces, and keys."""
    return forms["core"].str.replace(" ", "", regex=False).tolist(), forms["key"].tolist()


def written(cores: pd.Series) -> list[str]:
    """Return cores without spaces, in Latin letters."""
    texts = in_latin(pa.array(cores, pa.string()))
    return [text.replace(" ", "") for text in texts.to_pylist()]


def similarity(left: Spellings, right: Spellings) -> np.ndarray:
    """Return the likeness (0 to 100) of each name of ``left`` with each of ``right``."""
    return similarity_and_edits(left, right)[0]


def similarity_and_edits(left: Spellings, right: Spellings) -> tuple[np.ndarray, np.ndarray]:
    """Return the likeness (0 to 100) of each name of ``left`` with each of ``right``, and their edits.

    Likeness is the better of two means of edit similarity and Jaro-Winkler similarity: one of the names as
    written without spaces, one of how they sound. Edits are letters put in, left out, changed or swapped with
    the next (optimal string alignment) in the names as written.
    """
    written, edits = _compared(left[0], right[0])
    sounded, _ = _compared(left[1], right[1])
    return np.maximum(written, sounded), edits


def _compared(left: list[str], right: list[str]) -> tuple[np.ndarray, np.ndarray]:
    edits = process.cdist(left, right, scorer=OSA.distance, dtype=np.int32)
    winkler = process.cdist(left, right, scorer=JaroWinkler.normalized_similarity, dtype=np.float32)
    longer = np.maximum.outer([len(text) for text in left], [len(text) for text in right])
    same = 1 - edits / np.maximum(longer, 1, dtype=np.float32)
    return (same + winkler) * 50, edits


def pairwise(left: Spellings, right: Spellings) -> np.ndarray:
    """Return the likeness (0 to 100) of each name of ``left`` with the one of ``right`` at the same place."""
    return np.maximum(*(_pairs(a, b) for a, b in zip(left, right, strict=True)))


def _pairs(left: list[str], right: list[str]) -> np.ndarray:
    edit = process.cpdist(left, right, scorer=OSA.normalized_similarity, dtype=np.float32)
    winkler = process.cpdist(left, right, scorer=JaroWinkler.normalized_similarity, dtype=np.float32)
    return (edit + winkler) * 50
