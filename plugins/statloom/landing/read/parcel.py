"""The files of a delivery of microdata: one, several beside each other, or a zip archive of them."""

import fnmatch
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from statloom.contracts.model import Contract
from statloom.errors import DeliveryError
from statloom.landing.disk import full_disk_named
from statloom.landing.read import checks

_MANIFEST = "manifest.json"
_MOST_FILES = 1000


@dataclass(frozen=True)
class File:
    """A file of a delivery: as messages call it, and where it is."""

    name: str
    path: Path


def files(contract: Contract, path: Path, name: str, folder: Path) -> list[File]:
    """Return the files of the delivery in ``path``: a file, or a folder with the manifest of its parts. A zip
    archive is unpacked into ``folder``.

    Raises DeliveryError for an archive that is damaged, encrypted, or unpacks beyond the size limit.
    """
    found = [File(name, path)]
    if path.is_dir():
        parts = json.loads((path / _MANIFEST).read_text())["parts"]
        names = [part if isinstance(part, str) else part["name"] for part in parts]
        found = [File(each, path / Path(each).name) for each in names]
    if contract.format.compression != "zip":
        return found
    unpacked: list[File] = []
    for number, each in enumerate(found):
        if len(found) > 1 and not zipfile.is_zipfile(each.path):
            unpacked.append(each)
            continue
        unpacked += _unpacked(each, folder / str(number))
    return unpacked


def _unpacked(archive: File, folder: Path) -> list[File]:
    folder.mkdir(mode=0o700)
    try:
        checks.check_directory(archive.path, archive.name, _MOST_FILES)
        with zipfile.ZipFile(archive.path) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            _check(archive, entries)
            left = checks.maximum_bytes()
            found = []
            for entry in entries:
                target = folder / PurePosixPath(entry.filename.replace("\\", "/")).name
                if target.exists():
                    raise DeliveryError(f"two files are called {target.name!r}", file=archive.name)
                left -= _write(opened, entry, target, left, archive)
                found.append(File(f"{archive.name}/{target.name}", target))
            return found
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise DeliveryError(
            f"the zip archive is damaged, truncated or encrypted ({error})", file=archive.name
        ) from None


def _check(archive: File, entries: list[zipfile.ZipInfo]) -> None:
    if not entries:
        raise DeliveryError("the zip archive is empty", file=archive.name)
    for entry in entries:
        if entry.flag_bits & 1:
            raise DeliveryError(f"{entry.filename!r} is encrypted", file=archive.name)
    size = sum(entry.file_size for entry in entries)
    if size > checks.maximum_bytes():
        raise DeliveryError(
            f"unpacks to {size:,} bytes, more than the limit of {checks.maximum_bytes():,}", file=archive.name
        )
    checks.check_growth(archive.path.stat().st_size, size, archive.name)


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int, archive: File) -> int:
    """Unpack one file; what an archive says of its sizes need not be true, so bytes are counted."""
    size = 0
    with full_disk_named(target), opened.open(entry) as source, target.open("xb") as out:
        while chunk := source.read(checks.CHUNK):
            size += len(chunk)
            if size > left:
                raise DeliveryError(
                    f"grows beyond the limit of {checks.maximum_bytes():,} bytes when unpacked: refused as a"
                    " zip bomb",
                    file=archive.name,
                )
            out.write(chunk)
    return size


def of_record(contract: Contract, record: str, found: list[File]) -> File:
    """Return the file of ``record``: the only one, or the one that its pattern (default: its name) fits.

    Raises DeliveryError when none fits, or several do.
    """
    pattern = contract.records[record].file
    if pattern is None and len(contract.records) == 1:
        if len(found) > 1:
            names = ", ".join(file.name for file in found)
            raise DeliveryError(f"one file was expected, and there are {names}")
        return found[0]
    pattern = (pattern or f"{record}.*").lower()
    fitting = [file for file in found if fnmatch.fnmatchcase(file.name.rsplit("/", 1)[-1].lower(), pattern)]
    if len(fitting) != 1:
        what = "no file" if not fitting else f"{len(fitting)} files"
        raise DeliveryError(
            f"{what} of record {record!r} ({pattern}) among {', '.join(file.name for file in found)}"
        )
    return fitting[0]
