"""Published CSV files, read as the public reads them: text, figures, and gaps."""

import glob
from pathlib import Path

import numpy as np
import pandas as pd

from statloom.disclosure.audit.description import DescriptionError


def tables(folder: Path, release: str, entry: dict, description: dict) -> pd.DataFrame:
    """Return the rows of the files of ``entry`` in ``release``: ``group`` (quantity and what keeps tables
    apart), one column per dimension, ``figure`` (NaN where left out), ``file`` and ``line`` (the header is
    line 1)."""
    frames = [_rows(path, entry, description) for path in _paths(folder / release, entry["file"])]
    return pd.concat(frames, ignore_index=True)


def _paths(folder: Path, pattern: str) -> list[Path]:
    found = [Path(name) for name in sorted(glob.glob(str(folder / pattern), recursive=True))]
    if not found:
        raise DescriptionError(f"{folder / pattern}: no such file")
    return found


def text(path: Path) -> pd.DataFrame:
    """Return the CSV file as text, nothing turned into a missing value."""
    return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", compression="infer")


def _rows(path: Path, entry: dict, description: dict) -> pd.DataFrame:
    raw = text(path)
    gap = description["suppressed"]
    columns, fixed = entry["columns"], dict(entry["fixed"])
    chosen = {}
    for name, column in columns.items():
        total = description["dimensions"][name].get("total")
        if column in raw.columns:
            chosen[name] = raw[column]
        elif total is not None:
            fixed[name] = total
        else:
            raise DescriptionError(f"{path}: no column {column} for the dimension {name}, which has no total")
    for column in [entry["value"], *entry["apart"]]:
        if column not in raw.columns:
            raise DescriptionError(f"{path}: no column {column}")
    value = raw[entry["value"]].str.strip()
    left_out = value.isin(["", *gap.get("markers", [])])
    if gap.get("column") in raw.columns:
        left_out |= raw[gap["column"]].isin(gap.get("values", []))
    figure = pd.to_numeric(value.where(~left_out), errors="coerce")
    wrong = figure.isna() & ~left_out
    if wrong.any():
        line = int(np.flatnonzero(wrong)[0])
        raise DescriptionError(
            f"{path}, row {line + 2}, column {entry['value']}: {value.iloc[line]!r} is neither a figure nor "
            "a marker of a left-out one"
        )
    rows = pd.DataFrame({"file": str(path), "line": np.arange(len(raw)) + 2, "figure": figure.to_numpy()})
    apart = raw[entry["apart"]].agg(" ".join, axis=1) if len(entry["apart"]) > 1 else None
    rows["apart"] = apart if apart is not None else (raw[entry["apart"][0]] if entry["apart"] else "")
    for name in description["dimensions"]:
        rows[name] = chosen[name] if name in chosen else fixed[name]
    return rows


def sums(folder: Path, release: str, entry: dict) -> list[tuple[str, list[str]]]:
    """Return the sums (code, codes of its parts) of a file of the release, or else of the folder."""
    path = next((p for p in (folder / release / entry["file"], folder / entry["file"]) if p.is_file()), None)
    if path is None:
        raise DescriptionError(f"{folder / entry['file']}: no such file")
    raw = text(path)
    for column in (entry["sum"], entry["part"]):
        if column not in raw.columns:
            raise DescriptionError(f"{path}: no column {column}")
    pairs = raw[(raw[entry["sum"]] != "") & (raw[entry["part"]] != "")].drop_duplicates()
    return [(whole, list(parts)) for whole, parts in pairs.groupby(entry["sum"], sort=False)[entry["part"]]]
