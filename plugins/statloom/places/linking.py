"""Two lists of the same places, by different bodies, linked one to one by name within parent."""

import numpy as np
import pandas as pd

from statloom.places.normalise import normalise
from statloom.places.scoring import similarity, spellings

# Both lists name the same places, so what is left over on both sides of a parent is compared more generously
# than a lone reference would be.
LEAST_SCORE = 80.0
LEAST_SCORE_OF_LAST = 73.0  # when one is left on each side of a parent
LEAST_MARGIN = 8.0


def link(
    left: pd.DataFrame, right: pd.DataFrame, *, complete: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Link two lists one to one.

    Both frames have columns ``name, parent`` (parents on one system) and a unique index. ``complete``: both
    lists are known to hold all units of every parent, so when all but one are linked, the last pair is the
    same unit whatever its names (``elimination``). Returns the links, columns ``left, right`` (index
    values), ``method`` (folded, core_and_kind, core, key, fuzzy, elimination), ``score``; and what of
    ``left`` found no partner, columns ``left, reason``.
    """
    a = left[["name", "parent"]].join(normalise(left["name"]))
    b = right[["name", "parent"]].join(normalise(right["name"]))
    links = []
    for method, columns in (
        ("folded", ["parent", "folded"]),
        ("core_and_kind", ["parent", "core", "kind"]),
        ("core", ["parent", "core"]),
        ("key", ["parent", "key"]),
    ):
        found = _unique(a, columns).merge(_unique(b, columns), on=columns, suffixes=("_left", "_right"))
        found = found[["index_left", "index_right"]].set_axis(["left", "right"], axis=1)
        links.append(found.assign(method=method, score=100.0))
        a, b = a.drop(found["left"]), b.drop(found["right"])
    for parent in sorted(set(a["parent"]) & set(b["parent"])):
        found = _link_by_score(a[a["parent"] == parent], b[b["parent"] == parent], complete)
        links.append(found)
        a, b = a.drop(found["left"]), b.drop(found["right"])
    left_over = b.groupby("parent")["name"].agg(lambda names: ", ".join(sorted(names)[:5])).to_dict()
    found_none = "no partner within the parent by name; "
    reasons = [
        found_none + f"left over on the other side: {left_over[parent]}"
        if parent in left_over
        else found_none + "nothing is left over on the other side"
        for parent in a["parent"]
    ]
    unlinked = pd.DataFrame({"left": a.index, "reason": reasons})
    return pd.concat(links, ignore_index=True), unlinked


def _unique(forms: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    single = forms[~forms.duplicated(columns, keep=False) & (forms[columns[1]] != "")]
    return single[columns].rename_axis("index").reset_index()


def _link_by_score(a: pd.DataFrame, b: pd.DataFrame, complete: bool) -> pd.DataFrame:
    """Link by mutual best score with a margin on both sides, best first, until nothing more is sure."""
    scores = similarity(spellings(a), spellings(b))
    rows, columns = np.arange(len(a)), np.arange(len(b))
    found = []
    while len(rows) and len(columns):
        part = scores[np.ix_(rows, columns)]
        i, j = np.unravel_index(part.argmax(), part.shape)
        best = part[i, j]
        rival = max(np.delete(part[i], j).max(initial=0), np.delete(part[:, j], i).max(initial=0))
        last = part.shape == (1, 1)
        enough = best >= (LEAST_SCORE_OF_LAST if last else LEAST_SCORE) and best - rival >= LEAST_MARGIN
        if not enough and not (last and complete):
            break
        method = "fuzzy" if enough else "elimination"
        found.append((a.index[rows[i]], b.index[columns[j]], method, round(float(best), 1)))
        rows, columns = np.delete(rows, i), np.delete(columns, j)
    return pd.DataFrame(found, columns=["left", "right", "method", "score"])
