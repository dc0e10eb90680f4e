"""What the gates found: every gate with its expectations, their histories, and since when one is not met."""

# ruff: noqa: S608  (queries share a list of columns that is written here)

from typing import Any

from statloom.quality.report.reading import Reader, Rows

REMEMBERED = 30
"""So many judgements of each gate are looked back at."""

DIMENSIONS = ("structure", "completeness", "accuracy", "coherence", "timeliness", "comparability")

_RUNS = """
    select gate_run_id, gate, subject, delivery_id, run_id, started_at, finished_at, passed, expectations,
        failed, warned, parts_held_back, page
    from (
        select *, row_number() over (partition by gate, subject order by gate_run_id desc) as age
        from quality.gate_run
    ) as recent
    where age <= :remembered
    order by gate, subject, gate_run_id
"""

# An expectation is the same in two judgements if all that it says of itself is.
_SAME = "suite, table_name, expectation_type, column_name, description, severity"

_RESULTS = """
    select result.gate_run_id, position, suite, table_name, expectation_type, column_name, dimension,
        severity, owner, description, passed, rows_checked, rows_unexpected, observed, examples, message
    from quality.expectation_result as result
    join (select max(gate_run_id) as gate_run_id from quality.gate_run group by gate, subject) as newest
        using (gate_run_id)
    order by gate_run_id, position
"""

# Outcomes of each expectation in the newest judgements, one letter each (`charts.strip`), oldest first.
# Of two that are the same the worse is last.
_HISTORIES = f"""
    with recent as materialized (
        select gate_run_id, row_number() over by_gate as age,
            max(gate_run_id) over (partition by gate, subject) as newest
        from quality.gate_run
        window by_gate as (partition by gate, subject order by gate_run_id desc)
    )
    select newest as gate_run_id, min(position) filter (where age = 1) as position,
        array_agg(age order by age desc, passed desc) as ages,
        string_agg(outcome, '' order by age desc, passed desc) as outcomes
    from (
        select newest, age, position, passed,
            case when passed then 'g' when severity = 'warn' then 'w' else 'b' end as outcome,
            hashtextextended(concat_ws(chr(31), {_SAME}), 0) as same
        from recent
        join quality.expectation_result as result on result.gate_run_id = recent.gate_run_id
        where age <= :remembered
    ) as judged
    group by newest, same
    having min(age) = 1
"""

# For what was never met as far back as is looked: since the first judgement after the last at which it was.
_LONG = f"""
    with asked as (
        select gate, subject, {_SAME}
        from quality.expectation_result as result
        join quality.gate_run using (gate_run_id)
        where (gate_run_id, position) in (
            select * from unnest(cast(:runs as bigint[]), cast(:positions as integer[]))
        )
    ),
    every as (
        select asked.gate, asked.subject, asked.suite, asked.table_name, asked.expectation_type,
            asked.column_name, asked.description, asked.severity, run.gate_run_id, run.finished_at,
            result.passed
        from asked
        join quality.gate_run as run on (run.gate, run.subject) = (asked.gate, asked.subject)
        join quality.expectation_result as result
            on result.gate_run_id = run.gate_run_id
            and (result.suite, result.table_name, result.expectation_type, result.description)
                = (asked.suite, asked.table_name, asked.expectation_type, asked.description)
            and result.column_name is not distinct from asked.column_name
    )
    select gate, subject, {_SAME}, min(finished_at) filter (where gate_run_id > last_met) as since
    from (
        select *, coalesce(max(gate_run_id) filter (where passed) over (
            partition by gate, subject, {_SAME}), 0) as last_met
        from every
    ) as known
    group by gate, subject, {_SAME}
"""


def gates(read: Reader) -> Rows:
    """Return one entry a gate and subject: raw gates by source, then the marts', then the release's.

    An entry has the columns of its newest ``quality.gate_run``, ``history`` (the last judgements, oldest
    first), ``outcomes`` (theirs as letters), ``state``, ``since`` (when it began to be as bad, else None),
    ``lights`` (dimension → state), ``over_budget`` (it failed by the number of its warnings alone) and
    ``results``: those of the newest judgement, each with ``outcomes`` (of the same judgements as
    ``history``; a space where it was not judged), ``state``, and ``since``.
    """
    results: dict[int, Rows] = {}
    by_position: dict[tuple[int, int], dict[str, Any]] = {}
    for row in read.rows(_RESULTS):
        row |= {"outcomes": "", "since": None}
        row["state"] = _result_state(row)
        results.setdefault(row["gate_run_id"], []).append(row)
        by_position[row["gate_run_id"], row["position"]] = row
    entries: dict[tuple[str, str], dict[str, Any]] = {}
    for run in read.rows(_RUNS, remembered=REMEMBERED):
        entry = entries.setdefault((run["gate"], run["subject"]), {"history": []})
        entry["history"].append(run)
        entry.update(run)
    histories = {entry["gate_run_id"]: entry["history"] for entry in entries.values()}
    read.execute("set local work_mem = '64MB'", keep=False)
    read.execute("set local jit = off", keep=False)
    long = []
    for known in read.rows(_HISTORIES, remembered=REMEMBERED):
        row = by_position.get((known["gate_run_id"], known["position"]))
        if row is None:
            continue
        length = len(histories[known["gate_run_id"]])
        told = dict(zip(known["ages"], known["outcomes"], strict=True))
        row["outcomes"] = "".join(told.get(age, " ") for age in range(length, 0, -1))
        if not row["passed"]:
            # Since the first judgement after the last one at which it was met.
            unmet = len(row["outcomes"]) - len(row["outcomes"].rpartition("g")[2].lstrip())
            row["since"] = histories[known["gate_run_id"]][unmet]["finished_at"]
            if "g" not in row["outcomes"] and length == REMEMBERED:
                long.append(row)
    _look_further(read, long)
    for entry in entries.values():
        entry["results"] = results.get(entry["gate_run_id"], [])
        entry["state"] = state(entry)
        entry["outcomes"] = "".join(letter(run) for run in entry["history"])
        entry["lights"] = lights(entry["results"])
        entry["since"] = _since(entry)
        entry["over_budget"] = not entry["passed"] and not entry["failed"]
    order = {"raw": 0, "marts": 1, "release": 2}
    return sorted(entries.values(), key=lambda entry: (order[entry["gate"]], entry["subject"]))


def _look_further(read: Reader, rows: Rows) -> None:
    """Correct ``since`` of results that were not met in any of the judgements that are remembered."""
    if not rows:
        return
    found = read.rows(
        _LONG, runs=[row["gate_run_id"] for row in rows], positions=[row["position"] for row in rows]
    )
    names = [name.strip() for name in _SAME.split(",")]
    since = {tuple(row[name] for name in names): row["since"] for row in found}
    for row in rows:
        row["since"] = since.get(tuple(row[name] for name in names), row["since"])


def state(run: dict[str, Any]) -> str:
    """Return the traffic light of a judgement; ``part``: it held back parts, and the rest went on."""
    if not run["passed"]:
        return "bad"
    return "part" if run["parts_held_back"] or run["failed"] else "warn" if run["warned"] else "good"


def _result_state(row: dict[str, Any]) -> str:
    if row["passed"]:
        return "good"
    # What could not be judged fails its gate whatever its severity.
    broken = ": could not be judged:" in (row["message"] or "")
    return "bad" if row["severity"] == "fail" or broken else "warn"


def letter(run: dict[str, Any]) -> str:
    """Return a judgement as a letter of `charts.strip`."""
    return state(run)[0]


def lights(results: Rows) -> dict[str, str]:
    """Return the state of each dimension: bad, warn, good, or none where no expectation was judged."""
    said = dict.fromkeys(DIMENSIONS, "none")
    worse = ("none", "good", "warn", "bad")
    for result in results:
        name = result["dimension"]
        said[name] = max(said.get(name, "none"), result["state"], key=worse.index)
    return said


def _since(entry: dict[str, Any]):
    """Return when the gate's present run of failures or warnings began, as far back as is looked."""
    since = None
    for run in reversed(entry["history"]):
        if state(run) != entry["state"]:
            break
        since = run["finished_at"]
    return since if entry["state"] != "good" else None
