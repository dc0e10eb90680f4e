"""How the warehouse stood after each of its last runs."""

from typing import Any

from statloom.quality.report.judged import REMEMBERED, letter
from statloom.quality.report.reading import Reader, Rows

# With years of runs, more than are shown is never read.
_RUNS = """
    select gate_run_id, gate, subject, delivery_id, run_id, finished_at, passed, expectations, failed, warned,
        parts_held_back
    from (select * from quality.gate_run order by gate_run_id desc limit 20000) as newest
    order by gate_run_id
"""

# A part may fail several expectations.
_HELD = """
    select held_back_at, lifted_at, count(distinct (source_id, series_code, period, delivery_id)) as parts
    from quality.held_back group by 1, 2
"""

_NOTE = """
    insert into quality.quarantined_by_run (gate_run_id, source_id, rows_in, rows_quarantined)
    select newest.gate_run_id, source_id, rows_in, rows_quarantined
    from quality.row_account
    cross join (select max(gate_run_id) as gate_run_id from quality.gate_run where gate = 'marts') as newest
    where newest.gate_run_id is not null
    on conflict (gate_run_id, source_id) do update
        set rows_in = excluded.rows_in, rows_quarantined = excluded.rows_quarantined
"""


def note(read: Reader) -> None:
    """Keep the numbers of quarantined rows of the newest run: the quarantine itself has the present alone."""
    if read.has("quality.row_account") and read.has("quality.quarantined_by_run"):
        read.execute(_NOTE)


def trend(read: Reader) -> Rows:
    """Return how the warehouse stood after each of the last runs, the oldest first.

    A run ends with a judgement of the marts; what was judged after the last one is a run that is ``open``.
    Columns: ``at``, ``gate_run_id``, ``open``, ``judged`` (gates judged in it), ``met, warned, failed``
    (expectations of the newest judgement of every gate by then), ``gates_failed``, ``held_back`` (parts;
    None where that is not recorded), ``quarantined`` (rows), ``sources`` (source → state as a letter).
    """
    runs = read.rows(_RUNS)
    ends = _ends(runs)
    held = read.rows(_HELD) if _records_held_back(read) else None
    quarantined = _quarantined(read)
    at_reading = dict(
        read.pairs("select delivery_id, rows_quarantined from landing.delivery where rows_quarantined > 0")
    )
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    stands, judged = [], 0
    for run in runs:
        newest[run["gate"], run["subject"]] = run
        judged += 1
        if run["gate_run_id"] in ends:
            gates = list(newest.values())
            raw = [gate for gate in gates if gate["gate"] == "raw"]
            of_marts = max((gate["gate_run_id"] for gate in gates if gate["gate"] == "marts"), default=None)
            counted = quarantined.get(of_marts)
            stands.append(
                {
                    "at": run["finished_at"],
                    "gate_run_id": run["gate_run_id"],
                    "open": ends[run["gate_run_id"]],
                    "judged": judged,
                    "met": sum(gate["expectations"] - gate["failed"] - gate["warned"] for gate in gates),
                    "warned": sum(gate["warned"] for gate in gates),
                    "failed": sum(gate["failed"] for gate in gates),
                    "gates_failed": sum(not gate["passed"] for gate in gates),
                    "held_back": _standing(held, run["finished_at"]),
                    "quarantined": sum(at_reading.get(gate["delivery_id"], 0) for gate in raw)
                    if counted is None
                    else counted,
                    "sources": {gate["subject"]: letter(gate) for gate in raw},
                }
            )
            judged = 0
    return stands[-REMEMBERED:]


def _ends(runs: Rows) -> dict[int, bool]:
    """Return the last judgement of each run → whether the run is open.

    The release's judgement belongs to the run of the marts before it. Without a judgement of the marts, runs
    are told apart by their id, or by the day.
    """
    of_marts = [run["gate_run_id"] for run in runs if run["gate"] == "marts"]
    if not of_marts:
        last = {run["run_id"] or run["finished_at"].date(): run["gate_run_id"] for run in runs}
        return dict.fromkeys(last.values(), True)
    ends: dict[int, bool] = {}
    present = None
    for run in runs:
        if run["gate"] == "raw" and present is not None:
            ends[present] = False
            present = None
        elif run["gate"] != "raw":
            if run["gate"] == "marts" and present is not None:
                ends[present] = False
            present = run["gate_run_id"]
    if present is not None:
        ends[present] = False
    if runs[-1]["gate"] == "raw":
        ends[runs[-1]["gate_run_id"]] = True
    return ends


def _quarantined(read: Reader) -> dict[int, int]:
    """Return the numbers of quarantined rows that were kept, by the judgement that ended the run."""
    if not read.has("quality.quarantined_by_run"):
        return {}
    return dict(
        read.pairs(
            "select gate_run_id, sum(rows_quarantined)::bigint from quality.quarantined_by_run"
            " group by gate_run_id order by gate_run_id desc limit 60"
        )
    )


def _records_held_back(read: Reader) -> bool:
    return {"held_back_at", "lifted_at"} <= read.columns("quality.held_back")


def _standing(held: Rows | None, moment: Any) -> int | None:
    if held is None:
        return None
    return sum(
        row["parts"]
        for row in held
        if row["held_back_at"] <= moment and (row["lifted_at"] is None or row["lifted_at"] > moment)
    )
