"""What machine a measurement was made on."""

import os
import platform
from pathlib import Path


def describe() -> str:
    """Return one line: processor, cores, memory, system, Python."""
    processor = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    kilobytes = int(Path("/proc/meminfo").read_text().split("MemTotal:")[1].split()[0])
    return (
        f"{processor}, {len(os.sched_getaffinity(0))} cores, {kilobytes / 2**20:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    )
