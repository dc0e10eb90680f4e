"""How alike two names are."""

import numpy as np
import pandas as pd
from rapidfuzz import process
from rapidfuzz.distance import OSA, JaroWinkler


def spellings(forms: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Return what is compared of names in the forms of ``normalise``: cores without spaces, and keys."""
    return forms["core"].str.replace(" ", "", regex=False).tolist(), forms["key"].tolist()


def similarity(left: tuple[list[str], list[str]], right: tuple[list[str], list[str]]) -> np.ndarray:
    """Return the likeness (0 to 100) of each name of ``left`` with each of ``right``, both from
    ``spellings``.

    It is the better of two means of edit similarity (optimal string alignment) and Jaro-Winkler similarity:
    one of the names as written without spaces, one of how they sound.
    """
    return np.maximum(*(_mean(a, b, process.cdist) for a, b in zip(left, right, strict=True)))


def pairwise(left: tuple[list[str], list[str]], right: tuple[list[str], list[str]]) -> np.ndarray:
    """Return the likeness (0 to 100) of each name of ``left`` with the one of ``right`` at the same place."""
    return np.maximum(*(_mean(a, b, process.cpdist) for a, b in zip(left, right, strict=True)))


def _mean(left: list[str], right: list[str], compare) -> np.ndarray:
    edit = compare(left, right, scorer=OSA.normalized_similarity, dtype=np.float32)
    winkler = compare(left, right, scorer=JaroWinkler.normalized_similarity, dtype=np.float32)
    return (edit + winkler) * 50
