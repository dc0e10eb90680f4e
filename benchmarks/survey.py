"""200 indicators of a survey of 650,000 persons, for the nation and 330 townships, each also by sex, from
Parquet.

198,600 estimates. Usage: python -m benchmarks.survey [--repeat 3]

A seeded survey (155,000 households in 4,300 EAs of 100 strata) is written to a temporary folder. Measured,
each in a process of its own: `statloom.microdata.survey.estimate`, with standard error, CV, interval, design
effect, n, PSUs and degrees of freedom; the same by the command ``statloom survey estimate``, from the start
of its process to the written CSV file; and, as their peer, one hand-written pass of DuckDB that sums by EA
and sex, with numpy, for estimate and standard error alone. Both must agree. The result goes to
``benchmarks/results/survey.md``.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.machine import describe

ROOT = Path(__file__).parents[1]
STRATA, AREAS, HOUSEHOLDS, TOWNSHIPS, INDICATORS = 100, 4300, 36, 330, 200
MOST_SECONDS, MOST_GIB = 5.0, 2.0
BY = [[], ["sex"], ["township"], ["township", "sex"]]


def make(path: Path) -> int:
    """Write the survey to ``path``; return its number of persons."""
    generator = np.random.default_rng(2026)
    stratum = np.arange(AREAS) * STRATA // AREAS
    township = np.arange(AREAS) * TOWNSHIPS // AREAS
    area = np.arange(AREAS).repeat(HOUSEHOLDS).repeat(1 + generator.binomial(8, 0.4, AREAS * HOUSEHOLDS))
    columns = {
        "weight": generator.uniform(50, 150, AREAS)[area],
        "stratum": stratum[area].astype("int32"),
        "ea": area.astype("int32"),
        "township": township[area].astype("int32"),
        "sex": pa.array(np.where(generator.random(len(area)) < 0.5, "F", "M")),
    }
    for number in range(INDICATORS):
        level = np.clip(generator.beta(2, 3) + generator.normal(0, 0.1, AREAS), 0.02, 0.98)
        columns[f"y{number}"] = (generator.random(len(area)) < level[area]).astype("int8")
    pq.write_table(pa.table(columns), path)
    return len(area)


def ours(path: str) -> dict:
    """Estimate with this library; return what was seen."""
    sys.path.insert(0, str(ROOT / "plugins"))
    from statloom.microdata.survey import Design, Estimand, estimate

    estimands = [Estimand(f"i{number}", "proportion", f"y{number} = 1") for number in range(INDICATORS)]
    design = Design("weight", strata="stratum", psu="ea")
    wall, cpu = time.perf_counter(), time.process_time()
    made = estimate(path, design, estimands, by=BY)
    seen = measured(wall, cpu) | {"estimates": len(made)}
    townships = made[made["township"].notna() & made["sex"].isna()]
    return seen | {"sample": [*townships["estimate"][:500], *townships["se"][:500]]}


def peer(path: str) -> dict:
    """Estimate by one hand-written pass of DuckDB and numpy; return what was seen."""
    import duckdb

    wall, cpu = time.perf_counter(), time.process_time()
    sums = ", ".join(f"sum(CASE WHEN y{number} = 1 THEN weight ELSE 0 END)" for number in range(INDICATORS))
    found = duckdb.connect().execute(
        f"SELECT stratum, ea, township, sex, sum(weight), {sums} FROM read_parquet(?) "
        "GROUP BY ALL ORDER BY ALL",
        [path],
    )
    columns = list(found.fetchnumpy().values())
    stratum, township, sex = np.asarray(columns[0]), np.asarray(columns[2]), np.asarray(columns[3])
    area = np.asarray(columns[1])
    weight, values = np.asarray(columns[4]), np.stack(columns[5:], axis=1)
    strata_of_area = np.bincount(stratum[np.unique(area, return_index=True)[1]])
    results = []
    for domain in (np.zeros_like(township), sex == "M", township, township * 2 + (sex == "M")):
        _, domain = np.unique(domain, return_inverse=True)
        total = np.zeros((domain.max() + 1, INDICATORS))
        np.add.at(total, domain, values)
        size = np.bincount(domain, weights=weight)
        share = total / size[:, None]
        z = (values - share[domain] * weight[:, None]) / size[domain][:, None]
        unit, of_unit = np.unique(np.stack([domain, stratum, area]), axis=1, return_inverse=True)
        by_unit = np.zeros((unit.shape[1], INDICATORS))
        np.add.at(by_unit, of_unit, z)
        group, of_group = np.unique(unit[:2], axis=1, return_inverse=True)
        first, second = (np.zeros((group.shape[1], INDICATORS)) for _ in range(2))
        np.add.at(first, of_group, by_unit)
        np.add.at(second, of_group, by_unit**2)
        n = strata_of_area[group[1]][:, None]
        variance = np.zeros_like(total)
        np.add.at(variance, group[0], n / (n - 1) * (second - first**2 / n))
        results.append((share, np.sqrt(variance)))
    seen = measured(wall, cpu) | {"estimates": sum(share.size for share, _ in results)}
    share, error = results[2]
    return seen | {"sample": [*share.ravel()[:500], *error.ravel()[:500]]}


def command(path: str) -> dict:
    """Estimate by the command, from files to a file; return what was seen, of its process."""
    folder = Path(path).parent
    (folder / "design.yml").write_text("weight: weight\nstrata: stratum\npsu: ea\n")
    estimands = [
        {"name": f"i{number}", "type": "proportion", "expression": f"y{number} = 1"}
        for number in range(INDICATORS)
    ]
    (folder / "estimands.yml").write_text(json.dumps({"estimands": estimands, "by": BY}))
    out = folder / "estimates.csv"
    files = {"--design": folder / "design.yml", "--estimands": folder / "estimands.yml", "--out": out}
    wall = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", "import sys; from statloom.cli import main; sys.exit(main())"]
        + ["survey", "estimate", path]
        + [str(part) for option in files.items() for part in option],
        check=True,
        capture_output=True,
    )
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": time.perf_counter() - wall,
        "cpu": used.ru_utime + used.ru_stime,
        "gib": used.ru_maxrss / 2**20,
        "estimates": sum(1 for _ in out.open()) - 1,
    }


def measured(wall: float, cpu: float) -> dict:
    """Return the seconds since, and the most memory this process has held."""
    return {
        "seconds": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


WAYS = {"ours": ours, "command": command, "peer": peer}


def in_process_of_its_own(what: str, path: Path) -> dict:
    command = [sys.executable, "-m", "benchmarks.survey", "--only", what, "--data", str(path)]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=3, help="how often each is run; the fastest counts")
    parser.add_argument("--only", choices=tuple(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--data", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(WAYS[arguments.only](arguments.data)))
        return
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "persons.parquet"
        persons, size = make(path), path.stat().st_size
        runs = {what: [in_process_of_its_own(what, path) for _ in range(arguments.repeat)] for what in WAYS}
    best = {what: min(seen, key=lambda run: run["seconds"]) for what, seen in runs.items()}
    one, other = (np.array(best[what]["sample"]) for what in ("ours", "peer"))
    apart = float(np.abs(one / other - 1).max())
    lines = [
        "# Survey estimates",
        "",
        f"{persons:,} persons, {AREAS * HOUSEHOLDS:,} households, {AREAS:,} EAs, {STRATA} strata, "
        f"{INDICATORS} indicators; Parquet of {size / 2**20:.0f} MiB. "
        f"The nation and {TOWNSHIPS} townships, each also by sex: {best['ours']['estimates']:,} estimates.",
        "",
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {describe()}. Fastest of {arguments.repeat} runs, "
        "each a process of its own; seconds from the call to the result. "
        f"Load of the machine before: {load:.1f}.",
        "",
        "| | seconds | CPU seconds | most memory | what |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    told = {
        "ours": ("`statloom.microdata.survey`", "estimate, se, cv, interval, design effect, n, PSUs, df"),
        "command": ("`statloom survey estimate`", "the same, from the start of its process to a CSV file"),
        "peer": ("one pass of DuckDB and numpy, by hand", "estimate, se"),
    }
    for what, (name, gives) in told.items():
        run = best[what]
        lines.append(f"| {name} | {run['seconds']:.2f} | {run['cpu']:.2f} | {run['gib']:.2f} GiB | {gives} |")
    lines += [
        "",
        f"Aim: at most {MOST_SECONDS:g} s and {MOST_GIB:g} GiB. "
        "Estimates and standard errors of the two differ by "
        f"at most {apart:.1e} of their size.",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / "survey.md").write_text(text, encoding="utf-8")
    if apart > 1e-8:
        raise SystemExit("the two do not agree")


if __name__ == "__main__":
    main()
