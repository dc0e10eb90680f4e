"""The harness: kills one victim at one point of a run, looks, lets the next run complete, looks again."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from statloom import processes
from tests.under_fire import invariants
from tests.under_fire.installation import STEPS, Installation, run


@dataclass(frozen=True)
class Point:
    """``victim`` (of ``points.VICTIMS``) is killed at point ``number``, from 1, of pipeline step ``step``."""

    victim: str
    step: str
    number: int


@dataclass(frozen=True)
class Outcome:
    """What came of one point.

    ``struck``: the point was reached. ``completed``: the run went on to its end all the same. ``said``: what
    the run said that lost its database. ``wrong``: what was found wrong. ``back``: seconds until the server
    answered again; ``next_run``: seconds of the next run.
    """

    point: Point
    struck: bool
    completed: bool
    published: bool
    said: str | None
    wrong: tuple[str, ...]
    back: float
    next_run: float


def spread(points: dict[str, int], each: int) -> Iterator[tuple[str, int]]:
    """Yield ``each`` points of every step, evenly over it; all of them where it has fewer."""
    for step in STEPS:
        count = points.get(step, 0)
        taken = min(each, count)
        yield from ((step, 1 + (2 * n + 1) * count // (2 * taken)) for n in range(taken) if count)


def strike(here: Installation, point: Point, old: int, new: int) -> Outcome:
    """Deliver ``new``, kill at ``point`` while it is taken in, and look; the next run is not begun."""
    here.deliver(new)
    ended = run(here, lambda watch: watch.strike(point.victim, point.step, point.number))
    began = time.monotonic()
    back = revive(here)
    wrong = invariants.at_rest(here, old, new)
    if ended.error and not ended.expected:
        wrong.append(f"the run ended with {ended.error}")
    seen = here.query("select max(value)::int / 1000 from marts.observation", "analyst")
    return Outcome(
        point,
        struck=ended.struck,
        completed=not ended.killed and ended.error is None,
        published=seen == [(new,)],
        said=ended.error,
        wrong=tuple(wrong),
        back=back,
        next_run=time.monotonic() - began,
    )


def revive(here: Installation) -> float:
    """Make room where the disk is full, start the server again as each command does, and return the seconds
    until it answered.
    """
    began = time.monotonic()
    here.filler.unlink(missing_ok=True)
    # After one of its processes was killed it recovers by itself; a command then waits for it.
    here.start_server()
    assert processes.wait_until(lambda: _answers(here), seconds=30)
    return time.monotonic() - began


def _answers(here: Installation) -> bool:
    try:
        return here.query("select 1") == [(1,)]
    except Exception:
        return False


def fire(here: Installation, point: Point, old: int, new: int) -> Outcome:
    """``strike``, then let the next run complete without help, and look again."""
    first = strike(here, point, old, new)
    began = time.monotonic()
    again = run(here)
    wrong = list(first.wrong)
    if again.killed or again.error:
        wrong.append(f"the next run did not complete: {again.error or 'it was killed'}")
    wrong += invariants.completed(here, old, new)
    values = vars(first) | {"wrong": tuple(wrong), "next_run": time.monotonic() - began}
    return Outcome(**values)
