"""Where the vault lies: a folder of mode 0700, or any fsspec URL."""

import os
import shutil
from pathlib import Path

import fsspec

from statloom import settings

FILE_MODE, FOLDER_MODE = 0o600, 0o700


class Location:
    """A folder of the vault. ``path``: as fsspec and every engine know it."""

    def __init__(self, path: str) -> None:
        self.path = path.rstrip("/")
        self.files, self._root = fsspec.core.url_to_fs(self.path)
        protocol = self.files.protocol
        self.local = "file" in ([protocol] if isinstance(protocol, str) else protocol)
        if self.local:
            self.path = self._root

    def file(self, name: str) -> str:
        """Return the address of a file in the folder."""
        return f"{self.path}/{name}"

    def exists(self, name: str) -> bool:
        """Say whether the folder has the file."""
        return self.files.exists(f"{self._root}/{name}")

    def make(self, *, below: str | None = None) -> None:
        """Make the folder; a local one, and those above it as far as ``below``, are of mode 0700."""
        self.files.makedirs(self._root, exist_ok=True)
        if not self.local:
            return
        folder = Path(self._root)
        top = Path(below or folder)
        for each in [folder, *folder.parents]:
            each.chmod(FOLDER_MODE)
            if each == top or top not in each.parents:
                break

    def create(self, name: str):
        """Return a new file to write bytes to; a local one is of mode 0600."""
        target = f"{self._root}/{name}"
        if self.local:
            return os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb")
        return self.files.open(target, "wb")

    def open(self, name: str):
        """Return the file to read bytes from."""
        return self.files.open(f"{self._root}/{name}", "rb")

    def move(self, name: str, to: "Location") -> None:
        """Move a file into the folder ``to``, in place of one of its name; locally in one step."""
        if self.local:
            os.replace(f"{self._root}/{name}", f"{to._root}/{name}")
            return
        if to.exists(name):
            self.files.rm_file(f"{to._root}/{name}")
        self.files.mv(f"{self._root}/{name}", f"{to._root}/{name}")

    def names(self) -> list[str]:
        """Return the names of what is in the folder, sorted; empty when there is no folder."""
        try:
            found = self.files.ls(self._root, detail=False)
        except FileNotFoundError:
            return []
        return sorted(path.rstrip("/").rsplit("/", 1)[-1] for path in found)

    def remove(self) -> None:
        """Remove the folder and what is in it."""
        if self.local:
            shutil.rmtree(self._root, ignore_errors=True)
        elif self.files.exists(self._root):
            self.files.rm(self._root, recursive=True)


def root() -> str:
    """Return the vault's address."""
    return settings.load().vault.rstrip("/")


def of_source(source: str) -> Location:
    """Return the folder of all deliveries of ``source``."""
    return Location(f"{root()}/{source}")


def of_delivery(source: str, sha256: str) -> Location:
    """Return the folder of one delivery."""
    return Location(f"{root()}/{source}/{sha256}")


def private(folder: Path) -> Path:
    """Make ``folder``, of mode 0700, and return it."""
    folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    folder.chmod(FOLDER_MODE)
    return folder
