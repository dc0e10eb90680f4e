"""The archive of deliveries: bytes as they came, under their sha256, never overwritten.

Deliveries of microdata are encrypted; their sha256 is that of the plain bytes.
"""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import fsspec

from statloom.connectors.payload import Payload
from statloom.errors import StatloomError
from statloom.landing import sealing
from statloom.landing.disk import full_disk_named
from statloom.microdata.vault import keys

MANIFEST = "manifest.json"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Stored:
    """One delivery in the archive: the key of its bytes (or of its manifest), their sha256, and its size."""

    key: str
    sha256: str
    size: int
    file_name: str


class Archive:
    """A content-addressed store in a folder, or behind any fsspec URL."""

    def __init__(self, url: str | os.PathLike) -> None:
        self.url = str(url)
        self._files, self._root = fsspec.core.url_to_fs(self.url)
        self._local = "file" in self._files.protocol if isinstance(self._files.protocol, tuple) else False

    def put(self, payload: Payload, *, sealed: bool = False) -> Stored:
        """Store the parts of a delivery; of several parts also their manifest, whose sha256 is the
        delivery's. ``sealed``: encrypted under the vault's key; the sha256 is that of the plain bytes.

        Bytes that are there already are not written again. Raises StatloomError when the disk is full; then
        no delivery of this sha256 is in the archive.
        """
        stored = [(part, *self._store(part.path, sealed)) for part in payload.parts]
        size = sum(s for _, _, s in stored)
        if len(stored) == 1:
            part, sha256, size = stored[0]
            return Stored(_key(sha256, sealed), sha256, size, part.name)
        manifest = json.dumps(
            {"parts": [{"name": part.name, "sha256": sha, "size": s} for part, sha, s in stored]},
            indent=1,
            sort_keys=True,
        )
        with tempfile.TemporaryDirectory(prefix="statloom-") as folder:
            path = Path(folder) / MANIFEST
            path.write_text(manifest)
            sha256, _ = self._store(path, sealed)
        return Stored(_key(sha256, sealed), sha256, size, MANIFEST)

    def get(self, key: str, folder: Path, file_name: str) -> Path:
        """Copy a delivery into ``folder`` and return its path: a file, or for several parts a folder.

        Raises StatloomError when bytes are missing or are not those that were stored, or were sealed under
        another key.
        """
        path = self._fetch(key, folder / file_name)
        if file_name != MANIFEST:
            return path
        parts = folder / "parts"
        parts.mkdir()
        for part in json.loads(path.read_text())["parts"]:
            sealed = key.startswith(f"{_SEALED}/")
            self._fetch(_key(part["sha256"], sealed), parts / Path(part["name"]).name)
        os.replace(path, parts / MANIFEST)
        return parts

    def sound(self, key: str) -> bool:
        """Say whether the archive still has the bytes of ``key``, whole; sealed ones are opened for that."""
        digest = _Digest()
        try:
            with self._files.open(f"{self._root}/{key}", "rb") as source:
                if key.startswith(f"{_SEALED}/"):
                    sealing.unseal(source, digest, _sealing_key())
                else:
                    shutil.copyfileobj(source, digest, _CHUNK)
        except (FileNotFoundError, sealing.WrongKey):
            return False
        return digest.sha256() == key.rsplit("/", 1)[-1]

    def remove(self, key: str) -> None:
        """Remove a delivery that lies elsewhere too; its parts stay where other deliveries may have them."""
        with contextlib.suppress(FileNotFoundError):
            self._files.rm_file(f"{self._root}/{key}")

    def _store(self, path: Path, sealed: bool) -> tuple[str, int]:
        digest, size = hashlib.sha256(), 0
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
        sha256 = digest.hexdigest()
        target = f"{self._root}/{_key(sha256, sealed)}"
        if self._files.exists(target) and (sealed or self._files.size(target) == size):
            return sha256, size
        folder = target.rsplit("/", 1)[0]
        if self._local:
            os.makedirs(self._root, mode=0o700, exist_ok=True)
        self._files.makedirs(folder, exist_ok=True)
        temporary = f"{folder}/.{sha256}.{secrets.token_hex(4)}.part"
        try:
            with full_disk_named(target):
                self._write(path, temporary, target, sealed)
        finally:
            if self._files.exists(temporary):
                self._files.rm_file(temporary)
        return sha256, size

    def _write(self, path: Path, temporary: str, target: str, sealed: bool) -> None:
        with path.open("rb") as source, self._files.open(temporary, "wb") as out:
            if sealed:
                sealing.seal(source, out, _sealing_key())
            else:
                shutil.copyfileobj(source, out, _CHUNK)
            if self._local:
                out.flush()
                os.fsync(out.fileno())
        if self._local:
            os.chmod(temporary, 0o400)
            os.replace(temporary, target)
        else:
            self._files.mv(temporary, target)

    def _fetch(self, key: str, target: Path) -> Path:
        try:
            with (
                full_disk_named(target),
                self._files.open(f"{self._root}/{key}", "rb") as source,
                target.open("wb") as out,
            ):
                if key.startswith(f"{_SEALED}/"):
                    sealing.unseal(source, out, _sealing_key())
                else:
                    shutil.copyfileobj(source, out, _CHUNK)
        except FileNotFoundError:
            raise StatloomError(f"the archive has no {key}: it was deleted or moved") from None
        except sealing.WrongKey:
            raise StatloomError(
                f"the archive's {key} is damaged, or was encrypted under another key than secrets/vault.key"
            ) from None
        with target.open("rb") as written:
            sha256 = hashlib.file_digest(written, "sha256").hexdigest()
        if sha256 != key.rsplit("/", 1)[-1]:
            raise StatloomError(f"the archive's {key} is damaged: its bytes have another sha256")
        return target


class _Digest:
    """The sha256 of what is written to it."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        return len(data)

    def sha256(self) -> str:
        return self._digest.hexdigest()


_SEALED = "sealed"


def _sealing_key() -> bytes:
    return keys.derived("archive")


def _key(sha256: str, sealed: bool = False) -> str:
    return f"{_SEALED if sealed else 'sha256'}/{sha256[:2]}/{sha256}"
