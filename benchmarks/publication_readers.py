"""Readers of the published marts, each a process of its own, and how long their reads take.

Each read is one transaction: a series over all places, a place's profile and two whole small marts, which
must all show one publication. A read that fails, is empty or shows two publications is counted.
"""

import multiprocessing
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import create_engine, text

READERS = 8
SERIES = text(
    "select place_code, period, value, geo_method, obs_status from marts.observation "
    "where series_code = :series and period = '2000'"
)
PROFILE = text("select series_code, period, value, unit from marts.place_profile where place_id = :place")
STAMPS = "select min(stamp), max(stamp), count(*) from marts.{}"


@dataclass
class Reads:
    """What the readers saw: (moment, seconds) of each read, and how many reads were wrong."""

    took: list[tuple[float, float]] = field(default_factory=list)
    failed: int = 0
    empty: int = 0
    mixed: int = 0

    def between(self, begin: float, end: float) -> list[float]:
        """Return the seconds of the reads that began within a span of ``time.monotonic``."""
        return sorted(took for moment, took in self.took if begin <= moment < end)


def percentiles(took: list[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile of ``took``."""
    if len(took) < 2:
        return float("nan"), float("nan")
    return statistics.median(took), statistics.quantiles(took, n=100)[98]


def _read(url: str, number: int, known: dict, pause: float, ready, stop, results) -> None:
    chance, reads = random.Random(number), Reads()
    engine = create_engine(url)
    engine.connect().close()
    ready.wait()
    while not stop.is_set():
        begun = time.monotonic()
        try:
            with engine.begin() as connection:
                rows = [
                    len(connection.execute(SERIES, {"series": chance.choice(known["series"])}).all()),
                    len(connection.execute(PROFILE, {"place": chance.choice(known["places"])}).all()),
                ]
                stamps = set()
                for mart in chance.sample(known["marts"], min(2, len(known["marts"]))):
                    low, high, count = connection.exec_driver_sql(STAMPS.format(mart)).one()
                    stamps |= {low, high}
                    rows.append(count)
            reads.empty += 0 in rows
            reads.mixed += len(stamps) > 1
        except Exception:  # what a reader meets is what is counted
            reads.failed += 1
        reads.took.append((begun, time.monotonic() - begun))
        time.sleep(pause * chance.random() * 2)
    results.put(reads)
    engine.dispose()


@contextmanager
def reading(url: str, known: dict, pause: float) -> Iterator[Reads]:
    """Let 8 readers read while the block runs; the object is filled when it ends.

    ``known``: names of ``series``, ``places`` and small ``marts`` to read; ``pause``: mean seconds between
    two reads of a reader.
    """
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Barrier(READERS + 1), context.Event()
    results, all_reads = context.Queue(), Reads()
    readers = [
        context.Process(target=_read, args=(url, number, known, pause, ready, stop, results))
        for number in range(READERS)
    ]
    for reader in readers:
        reader.start()
    ready.wait(timeout=120)
    try:
        yield all_reads
    finally:
        stop.set()
        for _ in readers:
            reads = results.get(timeout=60)
            all_reads.took += reads.took
            all_reads.failed += reads.failed
            all_reads.empty += reads.empty
            all_reads.mixed += reads.mixed
        for reader in readers:
            reader.join()
