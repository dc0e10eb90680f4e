"""Tables of counts on which disclosure control is measured: made by seed, many small counts, all margins.

- m1: 330 townships in 75 districts in 15 states x 2 sexes x 10 ages, 13,893 cells
- m2: m1 crossed with two residences and their total, 41,679 cells
- s1: 30 townships in 5 districts x 2 sexes x 4 ages, 540 cells
- sparse: 110 townships in 25 districts in 5 states x 2 sexes x 10 ages, a third of the size: most cells are
  small or zero; flat: the same number of townships and ages, one sex; single: districts of one or two
  townships, so that small cells are those of districts too
- linked: the places and breakdowns of sparse as persons, and two shares of them: each person is in the first
  or the second part of either; the whole and four parts are 23,265 linked cells
"""

import numpy as np
import pandas as pd

from statloom.disclosure.tables import Dimension, Table

# townships, districts, states, ages, residences, sexes, usual count of a township
SIZES = {
    "s1": (30, 5, 1, 4, 1, 2, 10.0),
    "m1": (330, 75, 15, 10, 1, 2, 10.0),
    "m2": (330, 75, 15, 10, 2, 2, 10.0),
    "sparse": (110, 25, 5, 10, 1, 2, 3.0),
    "flat": (110, 25, 5, 10, 1, 1, 10.0),
    "single": (110, 75, 15, 10, 1, 2, 10.0),
    "linked": (110, 25, 5, 10, 1, 2, 25.0),
}
# The quantities of linked tables: persons, and the two parts of each share with how many are in the first.
SHARES = {"literate": ("illiterate", 0.7), "employed": ("not_employed", 0.12)}


def frame(name: str, seed: int = 2026) -> tuple[pd.DataFrame, list[Dimension]]:
    """Return the table ``name`` (one of ``SIZES``): a frame with a ``value`` per cell, and its dimensions."""
    townships, districts, states, ages, residences, sexes, usual = SIZES[name]
    random = np.random.default_rng(seed)
    district = np.sort(
        np.concatenate([np.arange(districts), random.integers(0, districts, townships - districts)])
    )
    state = np.sort(np.concatenate([np.arange(states), random.integers(0, states, districts - states)]))
    size = random.lognormal(np.log(usual), 0.75, (townships, 1, 1, 1))
    by_age = np.linspace(1.9, 0.25, ages).reshape(1, 1, ages, 1)
    by_residence = np.array([1.3, 0.7])[:residences] if residences > 1 else np.array([1.0])
    noise = random.lognormal(0.0, 0.35, (townships, sexes, ages, residences))
    counts = random.poisson(size * by_age * by_residence * noise)

    parents = {f"t{number:03d}": f"d{of:02d}" for number, of in enumerate(district)}
    if states > 1:
        parents |= {f"d{number:02d}": f"s{of:02d}" for number, of in enumerate(state)}
        parents |= {f"s{number:02d}": "_T" for number in range(states)}
    else:
        parents |= {f"d{number:02d}": "_T" for number in range(districts)}
    levels = [np.eye(townships, dtype=int), district[None, :] == np.arange(districts)[:, None]]
    codes = [f"t{number:03d}" for number in range(townships)] + [
        f"d{number:02d}" for number in range(districts)
    ]
    if states > 1:
        levels.append(state[district][None, :] == np.arange(states)[:, None])
        codes += [f"s{number:02d}" for number in range(states)]
    levels.append(np.ones((1, townships), dtype=int))
    codes.append("_T")
    places = np.concatenate(levels).astype(int)

    if name == "linked":
        first = [random.binomial(counts, share) for _, share in SHARES.values()]
        counts = np.stack([counts, *(part for n in first for part in (n, counts - n))], axis=-1)
    full = np.tensordot(places, counts, axes=(1, 0))
    for axis in (*((1,) if sexes > 1 else ()), 2, *((3,) if residences > 1 else ())):
        full = np.concatenate([full, full.sum(axis=axis, keepdims=True)], axis=axis)
    axes = {
        "place": codes,
        "sex": ["F", "M", "_T"] if sexes > 1 else ["_T"],
        "age": [*(f"a{number}" for number in range(ages)), "_T"],
        "residence": ["U", "R", "_T"] if residences > 1 else ["_T"],
    }
    if name == "linked":
        axes["part"] = ["_T", *(code for first, (rest, _) in SHARES.items() for code in (first, rest))]
    index = pd.MultiIndex.from_product(axes.values(), names=axes.keys())
    cells = pd.DataFrame({"value": full.ravel()}, index=index).reset_index()
    cells.insert(
        1,
        "place_level",
        cells["place"].str[0].map({"t": "township", "d": "district", "s": "state", "_": "country"}),
    )
    dimensions = [
        Dimension.tree("place", parents),
        *([Dimension.flat("sex", axes["sex"])] if sexes > 1 else []),
        Dimension.flat("age", axes["age"]),
    ]
    if residences > 1:
        dimensions.append(Dimension.flat("residence", axes["residence"]))
    else:
        cells = cells.drop(columns="residence")
    if sexes == 1:
        cells = cells.drop(columns="sex")
    if name == "linked":
        parts = ((first, rest) for first, (rest, _) in SHARES.items())
        dimensions.append(Dimension("part", tuple(("_T", pair) for pair in parts)))
    return cells, dimensions


def table(name: str, seed: int = 2026) -> Table:
    """Return the table ``name`` with its equations."""
    cells, dimensions = frame(name, seed)
    return Table.of(cells, dimensions)
