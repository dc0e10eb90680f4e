"""Kills what a run depends on, at points spread over all its steps, and counts what is wrong afterwards.

A small country with the project's own DAG steps, dbt, gates, publication and release. At each point: a
delivery comes in; the victim is killed with SIGKILL at the point; the marts, as readers see them, and the
open data are looked at; the next run must complete without help; everything is looked at again, leftovers
too (`tests/under_fire/invariants.py`).

    .venv/bin/python -m benchmarks.under_fire [--rounds 4] [--victims process,server] [--steps publish]
        [--write]

Each round has a point in every step, and the victims take turns. Without `--write` it prints the table. It
fails when anything was wrong.
"""

import argparse
import contextlib
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from statistics import median

from benchmarks.machine import describe
from tests.under_fire import installation, invariants
from tests.under_fire.fire import Outcome, Point, fire, spread
from tests.under_fire.points import VICTIMS

RESULTS = Path(__file__).parent / "results" / "under_fire.md"
_WHAT = {
    "process": "the process of the step, as when Airflow's worker is killed",
    "backend": "the database session of the step; PostgreSQL then ends all others and recovers",
    "postmaster": "the server's first process alone",
    "server": "the server with all its processes, as by a power cut",
}


def measure(victims: list[str], rounds: int, steps: list[str] | None) -> Iterator[Outcome]:
    """Fire at a point of every step in each round, the victims taking turns; yield what came of each."""
    installation.preload()
    here = installation.make()
    try:
        for stamp in (1, 2):
            here.deliver(stamp)
            whole = installation.run(here)
            assert whole.error is None, whole.error
        assert (wrong := invariants.completed(here, 1, 2)) == [], wrong
        chosen = [p for p in spread(whole.points, rounds) if steps is None or p[0] in steps]
        for turn in range(rounds):
            for position, (step, number) in enumerate(chosen[turn::rounds]):
                victim = victims[(position + turn) % len(victims)]
                outcome = fire(here, Point(victim, step, number), stamp, stamp + 1)
                stamp += 1
                print(_line(outcome), file=sys.stderr, flush=True)
                yield outcome
    finally:
        installation.remove(here)


def _line(outcome: Outcome) -> str:
    point = outcome.point
    shown = "new" if outcome.published else "old"
    wrong = "; ".join(outcome.wrong) or ("ok" if outcome.struck else "not reached")
    return (
        f"{point.victim:<10} {point.step:<16} {point.number:>4} shows {shown}, server back after"
        f" {outcome.back:.1f} s, next run {outcome.next_run:.1f} s: {wrong}"
    )


def table(outcomes: list[Outcome]) -> str:
    """Return the results as Markdown."""
    by_victim: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.struck:
            by_victim[outcome.point.victim].append(outcome)
    lines = [
        "| killed | points | of steps | marts then at the old / new publication"
        " | server back, median / longest | next run, median / longest | wrong |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for victim, of in by_victim.items():
        new = sum(outcome.published for outcome in of)
        back, runs = [o.back for o in of], [o.next_run for o in of]
        lines.append(
            f"| {_WHAT[victim]} | {len(of)} | {len({o.point.step for o in of})} | {len(of) - new} / {new} |"
            f" {median(back):.1f} / {max(back):.1f} s | {median(runs):.1f} / {max(runs):.1f} s |"
            f" {sum(bool(o.wrong) for o in of)} |"
        )
    wrong = [_line(outcome) for outcome in outcomes if outcome.wrong]
    missed = len(outcomes) - sum(len(of) for of in by_victim.values())
    after = ["", f"{missed} further points were not reached: that run had fewer of them."] if missed else []
    return "\n".join([*lines, *after, *(f"\n- {line}" for line in wrong)])


def write(shown: str) -> None:
    """Write the results."""
    said = (__doc__ or "").split("\n\n")
    RESULTS.write_text(
        f"# Under fire\n\n{said[0]}\n\n{said[1]}\n\nMeasured {date.today()} on {describe()}.\n\n{shown}\n\n"
        "Kills of Airflow's worker processes: `tests/under_fire/in_airflow.py`. Readers while\n"
        "publications are written: `tests/publication/test_readers.py`.\n"
    )


def main() -> int:
    """Measure and print, or write the results; those so far, when it is interrupted."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=4, help="points of each step")
    options.add_argument("--victims", default=",".join(VICTIMS))
    options.add_argument("--steps")
    options.add_argument("--write", action="store_true")
    given = options.parse_args()
    outcomes: list[Outcome] = []
    with contextlib.suppress(KeyboardInterrupt):
        for outcome in measure(
            given.victims.split(","), given.rounds, given.steps.split(",") if given.steps else None
        ):
            outcomes.append(outcome)
            if given.write:
                write(table(outcomes))
    print(table(outcomes))
    return int(any(outcome.wrong for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
