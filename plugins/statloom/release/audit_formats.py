"""Whether other files of a release show a figure that its tables leave out.

Looked up by the observation's key, or by series, place, period and breakdown where a file has no key: the
Parquet files of the series, every mart, and the report of changes.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from statloom.release.columns import DIMENSIONS, MEASURES

VERDICT = "in another file"
_KEY = ("series_code", "place_id", "period", *DIMENSIONS)
# Marts that compare figures: the key of each side, and what must not stand there when one is left out.
_COMPARED = {
    "change": (
        ("from_observation_key", "to_observation_key"),
        ("from_value", "to_value", "difference", "se", "ci_low", "ci_high", "z", "p_value", "covariance"),
    ),
    "source_comparison": (
        ("observation_key", "other_observation_key"),
        ("value", "other_value", "difference", "difference_percent"),
    ),
}
_PROGRESS = {"baseline": ("baseline_value", "change", "change_percent"), "latest": ("latest_value", "change")}


def shown(here: Path) -> pd.DataFrame:
    """Return one row for each left-out figure of the release in ``here`` that another of its files shows:
    ``file``, ``line``, ``cell``, ``verdict``, ``sentence``."""
    out = _left_out(here)
    if not len(out):
        return pd.DataFrame()
    keys = pa.array(out["observation_key"], pa.string())
    found = []
    for path in sorted((here / "data").glob("*.parquet")):
        if path.stem in set(out["series_code"]):
            found.append(_filled(here, path, keys, ("observation_key",), MEASURES))
    for path in sorted((here / "marts").glob("*.parquet")):
        columns = pq.read_schema(path).names
        by, figures = _COMPARED.get(path.stem, (("observation_key",), MEASURES))
        if set(by) <= set(columns):
            found.append(_filled(here, path, keys, by, figures))
        if "country_value" in columns:
            found.append(_of_countries(here, path, out))
        if "baseline_period" in columns:
            found += [_of_progress(here, path, out, side, names) for side, names in _PROGRESS.items()]
    found.append(_of_changes(here, out))
    found = [one for one in found if len(one)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _left_out(here: Path) -> pd.DataFrame:
    """Return the left-out cells of the release, from its tables as CSV."""
    series = pd.read_csv(here / "series.csv", usecols=["series_code", "cells_suppressed"])
    frames = []
    for code in series.loc[series["cells_suppressed"] > 0, "series_code"]:
        path = next(
            p for p in (here / "data" / f"{code}.csv", here / "data" / f"{code}.csv.gz") if p.is_file()
        )
        columns = [
            "observation_key",
            "obs_status",
            "place_level",
            "place_vintage",
            "preferred",
            "source_id",
            *_KEY,
        ]
        rows = pa_csv.read_csv(
            path,
            pa_csv.ReadOptions(use_threads=False),
            pa_csv.ParseOptions(newlines_in_values=True),
            pa_csv.ConvertOptions(
                include_columns=columns,
                column_types=dict.fromkeys(columns, pa.string()),
                strings_can_be_null=False,
            ),
        )
        frames.append(rows.filter(pc.equal(rows["obs_status"], "Q")).to_pandas())
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _filled(
    here: Path, path: Path, keys: pa.Array, by: tuple[str, ...], figures: tuple[str, ...]
) -> pd.DataFrame:
    """Return rows of a Parquet file that are about left-out cells and have figures."""
    there = [name for name in figures if name in pq.read_schema(path).names]
    frame = pq.read_table(path, columns=[*by, *there], use_threads=False)
    about = np.zeros(len(frame), dtype=bool)
    for name in by:
        about |= np.asarray(pc.is_in(frame[name].cast(pa.string()), value_set=keys))
    rows = np.flatnonzero(about)
    part = frame.take(pa.array(rows)).to_pandas()
    has = part[there].notna().any(axis=1).to_numpy()
    cells = [" and ".join(map(str, keys)) for keys in part.loc[has, list(by)].itertuples(index=False)]
    return _said(here, path, rows[has] + 1, [f"observation {cell}" for cell in cells])


def _of_countries(here: Path, path: Path, out: pd.DataFrame) -> pd.DataFrame:
    """Return rows that give the country's figure beside a place's, where it is left out."""
    by = ["series_code", "place_vintage", "period", *DIMENSIONS]
    left = out[(out["place_level"] == "country") & (out["preferred"] == "true")][by].drop_duplicates()
    if not len(left):
        return pd.DataFrame()
    frame = pq.read_table(path, columns=[*by, "country_value"]).to_pandas().reset_index()
    bad = frame[frame["country_value"].notna()].merge(left, on=by)
    return _said(
        here, path, bad["index"].to_numpy() + 1, bad["series_code"] + " of the country, " + bad["period"]
    )


def _of_progress(
    here: Path, path: Path, out: pd.DataFrame, side: str, names: tuple[str, ...]
) -> pd.DataFrame:
    """Return rows on the change since the first period, of which one side is left out."""
    total = out[(out[list(DIMENSIONS)] == "_T").all(axis=1) & (out["preferred"] == "true")]
    left = total[["series_code", "place_id", "period"]].drop_duplicates()
    frame = pq.read_table(path).to_pandas().reset_index().rename(columns={f"{side}_period": "period"})
    has = frame[[name for name in names if name in frame]].notna().any(axis=1)
    bad = frame[has].merge(left, on=["series_code", "place_id", "period"])
    return _said(
        here,
        path,
        bad["index"].to_numpy() + 1,
        bad["series_code"] + ", " + bad["place_id"] + ", " + bad["period"],
    )


def _of_changes(here: Path, out: pd.DataFrame) -> pd.DataFrame:
    """Return entries of the report of changes that give the new value of a left-out cell."""
    path = here / "changes.json"
    if not path.is_file():
        return pd.DataFrame()
    by = ["series_code", "place_id", "period", "sex", "age", "cust_breakdown", "source_id"]
    said = [
        entry | {"series_code": series["series_code"]}
        for series in json.loads(path.read_text(encoding="utf-8")).get("series_changed", [])
        for entry in series.get("largest", [])
    ]
    if not said:
        return pd.DataFrame()
    frame = pd.DataFrame(said).reset_index()
    rest = [name for name in DIMENSIONS if name not in by]
    left = out[(out[rest] == "_T").all(axis=1)][by].drop_duplicates()
    bad = frame[frame["after"].notna()].merge(left, on=by)
    return _said(here, path, bad["index"].to_numpy() + 1, bad["series_code"] + ", " + bad["place_id"])


def _said(here: Path, path: Path, lines: np.ndarray, cells: Iterable[str]) -> pd.DataFrame:
    file = path.relative_to(here).as_posix()
    frame = pd.DataFrame({"file": file, "line": lines, "cell": list(cells), "verdict": VERDICT})
    frame["sentence"] = [
        f"{file}, row {line}: {cell} is shown, although its table leaves it out"
        for line, cell in zip(frame["line"], frame["cell"], strict=True)
    ]
    return frame
