"""A gazetteer of 84,000 villages and dirty records that name them, with the truth for each; seeded.

1,050 districts of 80 villages. The names are made of the first and last parts of the names of Nepali
villages, so they look alike as real ones do, and many districts have villages of one name. A record has the
village and its district, each perhaps misspelt.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.places_noise import _kind_of_unit, _transliterated, _typo
from statloom.places.gates import COLUMNS
from statloom.places.registry import Registry

DISTRICTS, VILLAGES = 1_050, 80
DAY = "2020-01-01"
OPTIONS = {"scheme": "S", "level": "vdc", "date": DAY}


def write(registry: Registry, folder: Path, seed: int = 11) -> None:
    """Write the seeds of the gazetteer into ``folder``."""
    rng = np.random.default_rng(seed)
    real = registry.places[registry.places["place_level"] == "vdc"]["place_name"]
    real = real[real.str.fullmatch(r"[A-Za-z]{5,12}")].str.lower().unique()
    heads = np.unique([name[: len(name) // 2 + 1] for name in real])
    tails = np.unique([name[len(name) // 2 + 1 :] for name in real])

    def made(count: int) -> np.ndarray:
        both = np.char.add(
            rng.choice(heads, count * 3).astype("U12"), rng.choice(tails, count * 3).astype("U12")
        )
        return np.char.title(pd.unique(both)[:count].astype("U24"))

    districts = made(DISTRICTS)
    pool = made(40_000)
    rows = [("V:country:0", "country", "Gazetteer", "")]
    rows += [
        (f"V:district:{number}", "district", name, "V:country:0") for number, name in enumerate(districts)
    ]
    for number in range(DISTRICTS):
        for place, name in enumerate(rng.choice(pool, VILLAGES, replace=False)):
            rows.append((f"V:vdc:{number}-{place}", "vdc", name, f"V:district:{number}"))
    place = pd.DataFrame(rows, columns=["place_id", "place_level", "place_name", "parent_id"])
    place = place.assign(place_vintage="V", valid_from="2000-01-01", is_statistical="true")
    code = place.assign(place_scheme="S", place_code=place["place_id"].str.rpartition(":")[2])
    seeds = {
        "place": place,
        "place_code": code.assign(place_code_name=place["place_name"]),
        "place_scheme": pd.DataFrame([{"place_scheme": "S", "title": "made up", "valid_from": "2000-01-01"}]),
        "place_vintage": pd.DataFrame(
            [{"place_vintage": "V", "title": "made up", "valid_from": "2000-01-01", "is_current": "true"}]
        ),
    }
    folder.mkdir(parents=True)
    for name, columns in COLUMNS.items():
        frame = seeds.get(name, pd.DataFrame()).reindex(columns=list(columns))
        frame.to_csv(folder / f"{name}.csv", index=False)


def records(registry: Registry, count: int, seed: int = 12) -> pd.DataFrame:
    """Return dirty records: columns ``name, parent, truth`` (place id; '' for what is no village)."""
    rng = np.random.default_rng(seed)
    places = registry.places
    names = places.set_index("place_id")["place_name"]
    villages = places[places["place_level"] == "vdc"]
    picked = villages.iloc[rng.integers(0, len(villages), count)]
    ways = rng.integers(0, 10, count)
    spoilt = [_spoil(name, way, rng) for name, way in zip(picked["place_name"], ways, strict=True)]
    parents = picked["parent_id"].map(names)
    misspelt = rng.random(count) < 0.2
    parents = [_typo(name, rng) if bad else name for name, bad in zip(parents, misspelt, strict=True)]
    frame = pd.DataFrame({"name": spoilt, "parent": parents, "truth": picked["place_id"].to_numpy()})
    # One in twenty is no village of the district: its name comes from somewhere else.
    strange = rng.random(count) < 0.05
    real = np.array(["Kathmandu Road", "Not stated", "Total", "Xanthippe", "Quinquireme", "Ouagadougou"])
    frame.loc[strange, "name"] = rng.choice(real, int(strange.sum()))
    frame.loc[strange, "truth"] = ""
    return frame


def _spoil(name: str, way: int, rng: np.random.Generator) -> str:
    if way < 2:
        return name
    if way == 2:
        return name.upper() + " "
    if way == 3:
        return _kind_of_unit(name, rng, level="vdc", kind="village")
    if way in (4, 5):
        return _transliterated(name, rng)
    return _typo(name, rng) if way < 9 else _typo(_typo(name, rng), rng)
