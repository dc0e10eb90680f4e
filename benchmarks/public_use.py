"""A public-use file of 1 million persons, by the declaration of the demo's survey.

Usage: python -m benchmarks.public_use [--persons 1000000] [--repeat 3]

A seeded survey of that size is put into a vault of its own. Measured, in CPU seconds and by the clock:
making the file (reading, recoding, local suppression to k and l, numbers and order), writing CSV and Parquet,
and the gate (reading both anew, frequencies, diversity, risk). As a peer for counting alone, DuckDB groups
the same rows by the same keys, which is what is to be counted where nothing is missing; counts must agree.
The result goes to ``benchmarks/results/public_use.md``.
"""

import argparse
import dataclasses
import os
import resource
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.machine import describe
from statloom.contracts.public_use import Recoding

ROOT = Path(__file__).parents[1]
SOURCE = "synthetic_household_survey_2021"
SHA256 = "0" * 64
SIZES = np.arange(1, 15)
SHARES = np.array([39, 115, 192, 202, 171, 125, 73, 44, 22, 11, 4, 1.5, 0.4, 0.1])


def store(contract, persons: int):
    """Put a survey of about so many persons into the vault; categories are drawn with falling frequencies."""
    from statloom.microdata import vault

    generator = np.random.default_rng(2026)
    sizes = generator.choice(SIZES, round(persons / (SIZES @ SHARES / SHARES.sum())), p=SHARES / SHARES.sum())
    households, of = len(sizes), np.repeat(np.arange(len(sizes)), sizes)
    rows = {"household": households, "person": len(of)}
    with vault.Writer(contract, SHA256) as writer:
        for record, count in rows.items():
            columns = {}
            for name, column in contract.own(record).items():
                if column.in_vault:
                    columns[name] = _values(generator, column, count)
            numbers = np.arange(count) + 1
            columns |= {f"_{record}": numbers, "_row_number": numbers}
            if record == "person":
                columns["_household"] = of + 1
            writer.write(record, pa.table(columns))
        writer.finish()
        return writer.commit(), len(of)


def _values(generator, column, count: int):
    if column.categories:
        shares = 0.5 ** np.arange(len(column.categories))
        chosen = generator.choice(len(column.categories), count, p=shares / shares.sum())
        return pa.array(column.categories).take(pa.array(chosen))
    if column.role == "place_code":
        return pa.array([str(number) for number in range(1, 8)]).take(
            pa.array(generator.integers(0, 7, count))
        )
    if column.role == "weight":
        return generator.uniform(20, 40, count)
    if column.name == "age":
        return np.minimum(generator.exponential(28, count), 98).astype(int)
    if column.type == "number":
        return np.round(generator.lognormal(9, 0.5, count))
    if column.type == "integer":
        return generator.integers(0, 1000, count)
    return pa.array([f"{number:032x}" for number in range(count)])


def harder(contract):
    """Return the contract with finer ages, and schooling among the keys: there is something to leave out."""
    public = contract.public_use
    keys = (*public.keys, "education")
    recode = dict(public.recode) | {"age": Recoding(width=5, top=80)}
    variables = tuple(name for name in public.variables if name not in keys)
    return dataclasses.replace(
        contract,
        public_use=dataclasses.replace(
            public, keys=keys, variables=variables, recode=recode, largest_household=11
        ),
    )


def measured(steps: dict, name: str, work):
    """Run ``work`` and note its CPU seconds and its time by the clock."""
    cpu, clock = time.process_time(), time.perf_counter()
    result = work()
    steps.setdefault(name, []).append((time.process_time() - cpu, time.perf_counter() - clock))
    return result


def once(contract, stored, folder: Path, steps: dict):
    """Make, write and judge the file once; return what was made and measured."""
    from statloom.exports import csv, parquet
    from statloom.microdata.public_use import Layout, examine, make
    from statloom.release import public_use_gate

    made = measured(steps, "make the file", lambda: make(stored, contract, b"benchmark"))

    def write():
        for record, table in made.tables.items():
            csv.write(table, folder / f"{record}.csv", gzip_above=20_000_000)
            parquet.write_table(table, folder / f"{record}.parquet", about={}, fields=())

    measured(steps, "write CSV (packed) and Parquet", write)
    layout = Layout(contract)
    back, frames = measured(
        steps, "gate: read both anew", lambda: public_use_gate.read(folder, folder, layout)
    )
    findings, measures = measured(
        steps, "gate: frequencies, diversity, risk", lambda: examine(contract, frames)
    )
    assert all(finding.passed for finding in (*back, *findings)), [
        f.message for f in findings if not f.passed
    ]
    return made, frames, measures


def peer(contract, stored, steps: dict) -> tuple[int, int]:
    """Count the rows with the same keys before anything is left out; return combinations and rare rows."""
    from statloom.microdata.public_use.frequencies import frequencies
    from statloom.microdata.public_use.recoding import recode

    public = contract.public_use
    rows = stored.table("person", list(public.keys))
    coded = {
        name: recode(rows[name], contract.columns[name], public.recode.get(name)) for name in public.keys
    }
    codes = np.column_stack([variable.codes for variable in coded.values()])
    with duckdb.connect() as database:
        database.register("coded", pa.table({name: variable.codes for name, variable in coded.items()}))
        keys = ", ".join(public.keys)
        counted = measured(
            steps,
            "peer: DuckDB groups by the same keys",
            lambda: database.execute(f"select count(*) as rows from coded group by {keys}").fetchnumpy(),
        )
    fk, _ = measured(steps, "frequencies of the same rows", lambda: frequencies(codes))
    assert (fk < public.k).sum() == counted["rows"][counted["rows"] < public.k].sum()
    return len(counted["rows"]), int((fk < public.k).sum())


def main() -> None:
    """Run the benchmark and write its results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--persons", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    steps: dict = {}
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"STATLOOM_HOME": home, "STATLOOM_VAULT_KEY": "0" * 64}
        from statloom import contracts

        contract = contracts.load(SOURCE)
        contract = harder(contract)
        stored, persons = store(contract, arguments.persons)
        for repetition in range(arguments.repeat):
            folder = Path(home) / str(repetition)
            folder.mkdir()
            made, frames, measures = once(contract, stored, folder, steps)
        combinations, rare = peer(contract, stored, steps)
    suppressed = sum(loss.suppressed for loss in made.losses)
    keys = sum(loss.values for loss in made.losses if loss.variable in contract.public_use.keys)
    risk = measures.risk
    lines = [
        f"# A public-use file of {persons:,} persons",
        "",
        f"`python -m benchmarks.public_use --persons {arguments.persons}`, {datetime.now(UTC):%Y-%m-%d},"
        f" {describe()}; median of {arguments.repeat}, other work on the machine.",
        "",
        "| step | CPU s | by the clock, s |",
        "| --- | ---: | ---: |",
        *(
            f"| {name} | {statistics.median(cpu for cpu, _ in seen):.2f}"
            f" | {statistics.median(clock for _, clock in seen):.2f} |"
            for name, seen in steps.items()
        ),
        "",
        f"- {frames['person'].num_rows:,} persons in {frames['household'].num_rows:,} households go out;"
        f" keys: {', '.join(contract.public_use.keys)}, size of household; k = {contract.public_use.k}.",
        f"- Before: {combinations:,} combinations without that size, {rare:,} persons in rare ones.",
        f"- Left out: {suppressed:,} of {keys:,} values of keys ({suppressed / keys:.2%}).",
        f"- Global risk of persons {risk.individual:.4%}, of households {risk.household:.4%}; all met.",
        f"- Most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB.",
        "",
    ]
    (ROOT / "benchmarks" / "results" / "public_use.md").write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
