"""The archive keeps bytes as they came, whole or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from statloom.connectors.payload import Part, Payload
from statloom.errors import StatloomError
from statloom.landing.archive import MANIFEST, Archive


def payload(folder: Path, **parts: bytes) -> Payload:
    made = []
    for name, content in parts.items():
        path = folder / name
        path.write_bytes(content)
        made.append(Part(name, path, "somewhere"))
    return Payload(tuple(made), "somewhere")


@pytest.fixture(params=["folder", "memory"])
def archive(request, tmp_path):
    return Archive(tmp_path / "archive" if request.param == "folder" else f"memory://{tmp_path.name}")


def test_bytes_are_found_by_their_sha256(archive, tmp_path):
    stored = archive.put(payload(tmp_path, a=b"bytes"))
    assert stored.sha256 == "277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9"
    assert stored.key == f"sha256/27/{stored.sha256}" and stored.size == 5
    assert archive.put(payload(tmp_path, other=b"bytes")).key == stored.key
    out = tmp_path / "out"
    out.mkdir()
    assert archive.get(stored.key, out, "name.csv").read_bytes() == b"bytes"


def test_parts_are_kept_with_a_manifest(archive, tmp_path):
    stored = archive.put(payload(tmp_path, a=b"1", b=b"2"))
    assert stored.file_name == MANIFEST and stored.size == 2
    out = tmp_path / "out"
    out.mkdir()
    folder = archive.get(stored.key, out, MANIFEST)
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.name != MANIFEST} == {"a": b"1", "b": b"2"}
    assert archive.put(payload(tmp_path, b=b"2", a=b"1")).sha256 != stored.sha256, (
        "order is part of a delivery"
    )


def test_damaged_and_missing_bytes_are_noticed(tmp_path):
    archive = Archive(tmp_path / "archive")
    stored = archive.put(payload(tmp_path, a=b"bytes"))
    file = tmp_path / "archive" / stored.key
    assert file.stat().st_mode & 0o777 == 0o400
    assert (tmp_path / "archive").stat().st_mode & 0o777 == 0o700
    file.chmod(0o600)
    file.write_bytes(b"bytez")
    with pytest.raises(StatloomError, match="is damaged: its bytes have another sha256"):
        archive.get(stored.key, tmp_path, "x")
    file.unlink()
    with pytest.raises(StatloomError, match="it was deleted or moved"):
        archive.get(stored.key, tmp_path, "x")


def test_a_file_cut_short_by_a_crash_is_written_again(tmp_path):
    archive = Archive(tmp_path / "archive")
    stored = archive.put(payload(tmp_path, a=b"bytes"))
    file = tmp_path / "archive" / stored.key
    file.chmod(0o600)
    file.write_bytes(b"byt")
    archive.put(payload(tmp_path, a=b"bytes"))
    assert file.read_bytes() == b"bytes"


PROGRAM = """
import resource, sys
from pathlib import Path
from statloom.connectors.payload import Part, Payload
from statloom.landing.archive import Archive
source = Path(sys.argv[1])
source.write_bytes(b"x" * 300_000)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    Archive(sys.argv[2]).put(Payload((Part("a", source, ""),), ""))
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_disk_that_refuses_to_take_more_leaves_nothing(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "source"), str(tmp_path / "archive")],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": ":".join(p for p in sys.path if p)},
    )
    assert run.stdout.startswith("StatloomError no space is left to write")
    assert not [p for p in (tmp_path / "archive").rglob("*") if p.is_file()]


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this account may not mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_leaves_nothing_and_the_next_try_succeeds(small_disk, tmp_path):
    archive = Archive(small_disk / "archive")
    (small_disk / "ballast").write_bytes(b"x" * 700_000)
    with pytest.raises(StatloomError, match=r"no space is left to write .*No space left on device"):
        archive.put(payload(tmp_path, a=b"y" * 500_000))
    assert [p.name for p in small_disk.rglob("*") if p.is_file()] == ["ballast"]
    (small_disk / "ballast").unlink()
    assert archive.put(payload(tmp_path, a=b"y" * 500_000)).size == 500_000
