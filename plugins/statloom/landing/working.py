"""Folders for the working copies of deliveries, removed after use."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from statloom import processes, settings
from statloom.contracts.model import Contract
from statloom.microdata.vault import location


@contextmanager
def folder(contract: Contract) -> Iterator[Path]:
    """Give a folder for a working copy of a delivery.

    That of microdata lies in the state folder, of mode 0700; what a killed process left there is removed
    by the next.
    """
    if not contract.microdata:
        with tempfile.TemporaryDirectory(prefix="statloom-") as made:
            yield Path(made)
        return
    work = location.private(settings.load().work)
    _remove_leftovers(work)
    with tempfile.TemporaryDirectory(prefix=f"{os.getpid()}-", dir=work) as made:
        yield Path(made)


@contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """Have everything in this process that asks for a temporary file or folder get it in ``folder``: engines
    put aside there what they cannot hold in memory.
    """
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _remove_leftovers(work: Path) -> None:
    for each in work.iterdir():
        pid = each.name.partition("-")[0]
        if pid.isdigit() and not processes.alive(int(pid)):
            shutil.rmtree(each, ignore_errors=True)
