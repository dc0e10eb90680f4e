"""A census of persons by seed, as Parquet, and the 40 measures that are tabulated of it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

WARDS, DISTRICTS, PROVINCES, QUESTIONS = 6743, 77, 7, 20
POPULATIONS = {
    "adults": "age >= 15",
    "women": "sex = 'F' and age between 15 and 49",
    "infants": "age < 5",
    "pupils": "age between 5 and 14",
}
BOUNDS = range(5, 80, 5)
AGE_GROUP = " ".join(
    ["case", *(f"when age < {b} then '{b - 5:02}-{b - 1:02}'" for b in BOUNDS), "else '75+' end"]
)
_BLOCK = 500_000


def measures() -> dict[str, tuple[str | None, str]]:
    """Return name → (population, condition) of the 40 measures, as SQL."""
    names = [None, *POPULATIONS]
    return {
        f"m{number:02}": (
            names[number % 5],
            f"q{number % QUESTIONS} in (1, {2 + number % 3})"
            if number % 2
            else f"q{number % QUESTIONS} = {number % 5}",
        )
        for number in range(40)
    }


def conditions() -> dict[str, str]:
    """Return name → the whole condition of each measure, as SQL written by hand would have it."""
    return {
        name: f"({POPULATIONS[population]}) and {condition}" if population else condition
        for name, (population, condition) in measures().items()
    }


def request() -> str:
    """Return the tabulation as a request of this library."""
    columns = {"province": "text", "district": "text", "ward": "text", "sex": "text", "age": "integer"}
    columns |= {f"q{number}": "integer" for number in range(QUESTIONS)}
    lines = ["country: NP", "columns:", *(f"  {name}: {kind}" for name, kind in columns.items())]
    lines += [
        "tabulation:",
        "  places: {province: province, district: district, ward: ward}",
        "  populations:",
    ]
    lines += [f'    {name}: "{condition}"' for name, condition in POPULATIONS.items()]
    lines += ["  numerators:"]
    for name, (population, condition) in measures().items():
        of = f", population: {population}" if population else ""
        lines.append(f'    {name}: {{expression: "{condition}"{of}}}')
    lines += ["  breakdowns:", "    sex: sex", f'    age_group: "{AGE_GROUP}"']
    return "\n".join(lines) + "\n"


def write(path: Path, persons: int, *, scattered: bool = False) -> None:
    """Write ``persons`` rows to ``path``, block by block, in the order of their wards, as a census hands them
    over; ``scattered``: in no order.
    """
    draw = np.random.default_rng(2026)
    ward = np.array([f"{10001 + number}" for number in range(WARDS)])
    district = np.array([f"{101 + number * DISTRICTS // WARDS}" for number in range(WARDS)])
    province = np.array([f"{1 + number * PROVINCES // WARDS}" for number in range(WARDS)])
    part = path.with_name(path.name + ".part")
    writer = None
    for start in range(0, persons, _BLOCK):
        count = min(_BLOCK, persons - start)
        place = (
            draw.integers(0, WARDS, count)
            if scattered
            else np.arange(start, start + count) * WARDS // persons
        )
        columns = {
            "province": _texts(province, place),
            "district": _texts(district, place),
            "ward": _texts(ward, place),
            "sex": _texts(np.array(["F", "M"]), draw.integers(0, 2, count)),
            "age": pa.array(np.minimum(draw.geometric(0.03, count) - 1, 99).astype("int16")),
        }
        for number in range(QUESTIONS):
            columns[f"q{number}"] = pa.array(draw.integers(0, 6, count, dtype="int8"))
        table = pa.table(columns)
        writer = writer or parquet.ParquetWriter(part, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=125_000)
    writer.close()
    part.rename(path)


def _texts(values: np.ndarray, chosen: np.ndarray) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(chosen.astype("int32")), pa.array(values)).cast(
        pa.string()
    )
