"""10 million persons from Parquet by place hierarchy × sex × age, 40 measures: this library beside its peers.

Usage: python -m benchmarks.tabulation [--persons 10000000] [--large 54000000] [--steps ours,peer,…] [--again]

The peers make the same cells from the same data: hand-written two-phase SQL of DuckDB, PostgreSQL (on loaded
data), pandas; and the library itself on a Spark cluster of two workers, and with 54 million persons. Every
measurement is a process of its own and is kept in ``--folder``, so that a run which is cut off goes on where
it was; ``--again`` forgets them. All cells are compared. The result goes to
``benchmarks/results/tabulation.md``.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "plugins")]

from benchmarks import tabulation_data as data  # noqa: E402
from benchmarks.machine import describe  # noqa: E402

STEPS = ("ours", "peer", "pandas", "postgres", "spark", "large")
MOST = {"peer": ("CPU", 1.3), "postgres": ("time", 0.35), "pandas": ("time", 0.25)}
LEVELS = ("province", "district", "ward")
LEVEL = (
    "case "
    + " ".join(f"when grouping({level}) = 0 then '{level}'" for level in LEVELS)
    + " else 'country' end"
)
KEYS = ["place_level", "place_code", "sex", "age_group"]
SETS = ", ".join(
    f"({', '.join([*place, *by])})"
    for place in ([], *([level] for level in LEVELS))
    for by in ([], ["sex"], ["age_group"], ["sex", "age_group"])
)


@contextmanager
def measured(seen: dict):
    """Note seconds and CPU seconds of the block."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    seen |= {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def ours(path: Path, out: Path) -> dict:
    """Tabulate with this library and DuckDB."""
    import duckdb  # noqa: F401 - as of its peer, the import is not measured

    from statloom.microdata.tabulation import load_request, tabulate

    seen: dict = {}
    (plan,) = load_request(out.parent / "request.yml")
    with measured(seen):
        table = tabulate(path, plan)
    return _kept(table, out, seen)


def peer(path: Path, out: Path) -> dict:
    """Tabulate with two statements of DuckDB, written by hand."""
    import duckdb

    seen: dict = {}
    counts = ", ".join(f"count(case when {c} then 1 end) as {name}" for name, c in data.conditions().items())
    sums = ", ".join(f"sum({name})::bigint as {name}" for name in data.conditions())
    connection = duckdb.connect(config={"memory_limit": "640MB", "preserve_insertion_order": False})
    connection.execute("set enable_progress_bar = false")
    with measured(seen):
        connection.execute(
            f"create temp table base as select province, district, ward, sex, {data.AGE_GROUP} as age_group,"
            f" count(*) as units, {counts} from read_parquet('{path}') group by all"
        )
        table = connection.sql(
            f"select {LEVEL} as place_level,"
            " coalesce(province, district, ward, 'NP') as place_code, coalesce(sex, '_T') as sex,"
            f" coalesce(age_group, '_T') as age_group, sum(units)::bigint as units, {sums}"
            f" from base group by grouping sets ({SETS})"
        ).to_arrow_table()
    return _kept(table, out, seen)


def pandas(path: Path, out: Path) -> dict:
    """Tabulate with pandas, in two phases too."""
    import pandas as pd

    seen: dict = {}
    with measured(seen):
        frame = pd.read_parquet(path)
        age, sex = frame["age"], frame["sex"]
        masks = {
            "adults": age >= 15,
            "women": (sex == "F") & age.between(15, 49),
            "infants": age < 5,
            "pupils": age.between(5, 14),
        }
        keys = frame[["province", "district", "ward", "sex"]].astype("category")
        edges = [-1, *(bound - 1 for bound in data.BOUNDS), 200]
        labels = [*(f"{bound - 5:02}-{bound - 1:02}" for bound in data.BOUNDS), "75+"]
        keys["age_group"] = pd.cut(age, edges, labels=labels)
        columns = {"units": pd.Series(1, index=frame.index, dtype="int32")}
        for number, (name, (population, _)) in enumerate(data.measures().items()):
            question = frame[f"q{number % data.QUESTIONS}"]
            met = question.isin([1, 2 + number % 3]) if number % 2 else question == number % 5
            columns[name] = (met & masks[population] if population else met).astype("int32")
        del frame
        by = ["province", "district", "ward", "sex", "age_group"]
        base = pd.concat([keys, pd.DataFrame(columns)], axis=1).groupby(by, observed=True).sum().reset_index()
        for key in by:
            base[key] = base[key].astype(str)
        blocks = []
        for level in (None, *LEVELS):
            for crossed in ([], ["sex"], ["age_group"], ["sex", "age_group"]):
                place = pd.Series("NP", index=base.index) if level is None else base[level]
                grouped = [place.rename("place_code")] + [
                    base[key] if key in crossed else pd.Series("_T", index=base.index, name=key)
                    for key in ("sex", "age_group")
                ]
                block = base[list(columns)].groupby(grouped).sum().reset_index()
                block.insert(0, "place_level", level or "country")
                blocks.append(block)
        whole = pd.concat(blocks, ignore_index=True)
    return _kept(pa.Table.from_pandas(whole, preserve_index=False), out, seen)


def postgres(path: Path, out: Path) -> dict:
    """Tabulate with PostgreSQL, the persons loaded before; its CPU is that of all its processes."""
    import psycopg
    from pyarrow import csv

    from statloom.settings import PROJECT, Settings
    from statloom.warehouse import passwords, server

    folder = Path(tempfile.mkdtemp(prefix="statloom-benchmark-"))
    folder.chmod(0o711)
    here = Settings(project=PROJECT, home=folder / "home")
    options = {"fsync": "off", "shared_buffers": "2GB", "max_wal_size": "8GB", "autovacuum": "off"}
    counts = ", ".join(f"count(case when {c} then 1 end) as {name}" for name, c in data.conditions().items())
    sums = ", ".join(f"sum({name})::bigint as {name}" for name in data.conditions())
    questions = ", ".join(f"q{number} smallint" for number in range(data.QUESTIONS))
    seen: dict = {}
    try:
        running = server.ensure_running(here, options=options)
        connection = psycopg.connect(
            host=running.host,
            port=running.port,
            user=server.ADMINISTRATOR,
            password=passwords.of(here, server.ADMINISTRATOR),
            dbname="postgres",
            autocommit=True,
        )
        connection.execute(
            "create unlogged table person (province text, district text, ward text, sex text, age smallint,"
            f" {questions})"
        )
        start = time.perf_counter()
        with connection.cursor().copy("copy person from stdin (format csv)") as sink:
            for batch in parquet.ParquetFile(path).iter_batches(250_000):
                text = pa.BufferOutputStream()
                csv.write_csv(batch, text, csv.WriteOptions(include_header=False, quoting_style="none"))
                sink.write(text.getvalue().to_pybytes())
        seen["loading"] = time.perf_counter() - start
        connection.execute("vacuum (analyze) person")
        connection.execute("set work_mem = '512MB'")
        connection.execute("set max_parallel_workers_per_gather = 2")
        master = running.pid
        cpu, start = _cpu_of_group(master), time.perf_counter()
        connection.execute(
            f"create temp table base as select province, district, ward, sex, {data.AGE_GROUP} as age_group,"
            f" count(*) as units, {counts} from person group by 1, 2, 3, 4, 5"
        )
        connection.execute(
            f"create temp table cell as select {LEVEL} as place_level,"
            " coalesce(province, district, ward, 'NP') as place_code, coalesce(sex, '_T') as sex,"
            f" coalesce(age_group, '_T') as age_group, sum(units)::bigint as units, {sums}"
            f" from base group by grouping sets ({SETS})"
        )
        seen |= {"seconds": time.perf_counter() - start, "cpu": _cpu_of_group(master) - cpu}
        with (
            connection.cursor().copy("copy cell to stdout (format csv)") as rows,
            (folder / "cells").open("wb") as file,
        ):
            for block in rows:
                file.write(block)
        names = [*KEYS, "units", *data.conditions()]
        types = dict.fromkeys(KEYS, pa.string()) | dict.fromkeys(names[4:], pa.int64())
        table = csv.read_csv(
            folder / "cells",
            read_options=csv.ReadOptions(column_names=names),
            convert_options=csv.ConvertOptions(column_types=types),
        )
        connection.close()
    finally:
        server.remove(here)
        shutil.rmtree(folder, ignore_errors=True)
    return _kept(table, out, seen, memory=False)


def spark(path: Path, out: Path) -> dict:
    """Tabulate with this library on a cluster of two workers, one core each; the second run counts."""
    from statloom.microdata.tabulation import Spark, load_request, tabulate
    from statloom.microdata.tabulation.cluster import local_cluster

    seen: dict = {}
    (plan,) = load_request(out.parent / "request.yml")
    settings = {
        "spark.executor.memory": "2g",
        "spark.driver.memory": "2g",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
    }
    with local_cluster(workers=2, cores=1, memory="2g") as master, Spark(master, settings).session():
        start = time.perf_counter()
        tabulate(path, plan, engine=Spark())
        seen["cold"] = time.perf_counter() - start
        start = time.perf_counter()
        table = tabulate(path, plan, engine=Spark())
        seen["seconds"] = time.perf_counter() - start
    return _kept(table, out, seen, memory=False)


def _cpu_of_group(master: int) -> float:
    """Return the CPU seconds of process ``master``, its children, and those of them that have ended."""
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(folder.name) == master:
            ticks += sum(map(int, fields[11:15]))
        elif int(fields[1]) == master:
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _kept(table: pa.Table, out: Path, seen: dict, *, memory: bool = True) -> dict:
    if memory:
        seen["mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    seen |= {"cells": table.num_rows, "load": os.getloadavg()[0]}
    parquet.write_table(table.select([*KEYS, "units", *data.conditions()]), out, compression="zstd")
    return seen


def differences(one: Path, other: Path) -> int:
    """Return how many cells differ: in a key that only one has, or in any figure."""
    import duckdb

    with duckdb.connect() as connection:
        columns = ", ".join(["units", *data.conditions()])
        (count,) = connection.execute(
            f"with one as (select * exclude ({columns}), hash({columns}) h from read_parquet('{one}')),"
            f" other as (select * exclude ({columns}), hash({columns}) h from read_parquet('{other}'))"
            " select count(*) from one full join other using (place_level, place_code, sex, age_group)"
            " where one.h is distinct from other.h"
        ).fetchone()
    return count


def run(step: str, folder: Path, path: Path, repeats: int) -> dict:
    """Return the measurement of ``step``, the one of least CPU of ``repeats``; kept in ``folder``."""
    kept = folder / f"{step}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    seen = []
    for number in range(repeats):
        out = folder / f"{step}.parquet"
        name = "ours" if step == "large" else step
        print(f"{step}: run {number + 1} of {repeats}", file=sys.stderr, flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.tabulation", "--only", name, "--data", path, "--out", out],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        seen.append(json.loads(done.stdout.splitlines()[-1]))
    best = min(seen, key=lambda each: each.get("cpu", each["seconds"]))
    kept.write_text(json.dumps(best))
    return best


def report(found: dict[str, dict], options: argparse.Namespace, apart: dict[str, int]) -> str:
    """Return the results as Markdown."""
    told = {
        "ours": f"`statloom.microdata.tabulation`, DuckDB, {options.persons:,} persons",
        "peer": "DuckDB, two statements by hand",
        "postgres": "PostgreSQL, two statements by hand, persons loaded before",
        "pandas": "pandas, two phases",
        "spark": "`statloom.microdata.tabulation`, Spark, two workers of one core",
        "large": f"`statloom.microdata.tabulation`, DuckDB, {options.large:,} persons",
    }
    order = "scattered over their wards" if options.scattered else "in the order of their wards"
    lines = [
        "# Tabulation",
        "",
        f"{options.persons:,} persons in Parquet, {order}, by nation, {data.PROVINCES} provinces, "
        f"{data.DISTRICTS} districts and {data.WARDS:,} wards × sex × 16 age groups, 40 measures: "
        f"{found['ours']['cells']:,} cells of 40 counts and their units.",
        "",
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {describe()}. Each a process of its own, of DuckDB's the "
        f"one of least CPU of {options.repeat}; from the call to the result in memory. Load: the machine's, "
        "in the minute before the end.",
        "",
        "| | seconds | CPU seconds | most memory | load | cells that differ | aim |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    base = found["ours"]
    for step, seen in found.items():
        aim = ""
        if step in MOST:
            what, most = MOST[step]
            part = "cpu" if what == "CPU" else "seconds"
            aim = f"ours is {base[part] / seen[part]:.2f} of its {what}; at most {most:g}"
        elif step == "ours":
            aim = "below 1,024 MiB"
        elif step == "large":
            aim = (
                f"{seen['cpu'] / base['cpu']:.2f} times the CPU, at most 4; "
                f"{seen['mib'] / base['mib']:.2f} times the memory, at most 1.2"
            )
        elif step == "spark":
            aim = f"first run {seen['cold']:.1f} s"
        cpu = f"{seen['cpu']:.2f}" if "cpu" in seen else ""
        memory = f"{seen['mib']:,.0f} MiB" if "mib" in seen else ""
        differ = "" if step in ("ours", "large") else str(apart[step])
        lines.append(
            f"| {told[step]} | {seen['seconds']:.2f} | {cpu} | {memory} "
            f"| {seen['load']:.1f} | {differ} | {aim} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--persons", type=int, default=10_000_000)
    parser.add_argument("--large", type=int, default=54_000_000, help="persons of the step `large`")
    parser.add_argument("--steps", default=",".join(STEPS), help="some of %(default)s")
    parser.add_argument("--repeat", type=int, default=3, help="runs of DuckDB's steps; the best counts")
    parser.add_argument("--scattered", action="store_true", help="persons in no order of places")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "statloom-benchmark-tabulation"
    )
    parser.add_argument("--again", action="store_true", help="forget the measurements that are kept")
    parser.add_argument("--only", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        steps = {"ours": ours, "peer": peer, "pandas": pandas, "postgres": postgres, "spark": spark}
        print(json.dumps(steps[options.only](options.data, options.out)))
        return
    wanted = options.steps.split(",")
    if unknown := set(wanted) - set(STEPS):
        parser.error(f"no such steps: {', '.join(sorted(unknown))}")
    how = "scattered" if options.scattered else "ordered"
    folder = options.folder / f"{options.persons}-{how}"
    folder.mkdir(parents=True, exist_ok=True)
    if options.again:
        for kept in folder.glob("*.json"):
            kept.unlink()
    (folder / "request.yml").write_text(data.request())
    sizes = {"persons": options.persons} | ({"large": options.large} if "large" in wanted else {})
    for name, persons in sizes.items():
        if not (folder / f"{name}.input").exists():
            print(f"writing {persons:,} persons", file=sys.stderr, flush=True)
            data.write(folder / f"{name}.input", persons, scattered=options.scattered)
    found, apart = {}, {}
    for step in ("ours", *(step for step in STEPS[1:] if step in wanted)):
        repeats = options.repeat if step in ("ours", "peer") else 1
        path = folder / ("large.input" if step == "large" else "persons.input")
        found[step] = run(step, folder, path, repeats)
        if step != "large":
            apart[step] = differences(folder / "ours.parquet", folder / f"{step}.parquet")
    text = report(found, options, apart)
    print(text)
    if options.persons == parser.get_default("persons") and options.large == parser.get_default("large"):
        name = "tabulation_scattered.md" if options.scattered else "tabulation.md"
        (ROOT / "benchmarks" / "results" / name).write_text(text, encoding="utf-8")
    if any(apart.values()):
        raise SystemExit("the cells differ")


if __name__ == "__main__":
    main()
