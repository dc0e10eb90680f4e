"""CKAN's action API over HTTP: what a portal job needs of it."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import requests

from statloom.errors import StatloomError

TOKEN = "STATLOOM_CKAN_TOKEN"  # noqa: S105  the name of a variable
_SECONDS = (10, 300)
_BLOCK = 1 << 20


class Refused(StatloomError):
    """CKAN answered that it will not do what it was asked. ``kind``: its own name of the reason."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class Portal:
    """A CKAN portal at ``url``, used with an API token."""

    def __init__(self, url: str, token: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise StatloomError(f"{url} is no address of a portal; it begins with https://")
        if parts.username or parts.password:
            raise StatloomError("the portal's address holds a login; give an API token instead")
        token = token or os.environ.get(TOKEN)
        if not token:
            raise StatloomError(f"set {TOKEN} to an API token of the portal; it is not asked for otherwise")
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.headers.update({"Authorization": token, "User-Agent": "statloom"})
        # Without this, requests puts a login from the account's .netrc in the token's place.
        self._session.auth = lambda request: request

    def __enter__(self) -> "Portal":
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def ask(self, action: str, data: dict) -> dict:
        """Return what CKAN answers to ``action``. Raises Refused, or StatloomError when it cannot be reached
        or fails.
        """
        return self._send(action, json=data)

    def upload(self, action: str, fields: dict[str, str], file: Path) -> dict:
        """Ask ``action`` with ``file`` as its upload, read block by block."""
        body = _Form(fields, file)
        return self._send(action, data=body, headers={"Content-Type": body.content_type})

    def show(self, name: str) -> dict | None:
        """Return the dataset ``name``, or None where there is none."""
        try:
            return self.ask("package_show", {"id": name})
        except Refused as error:
            if error.kind == "Not Found Error":
                return None
            raise

    def _send(self, action: str, **request: object) -> dict:
        url = f"{self.url}/api/3/action/{action}"
        try:
            answer = self._session.post(url, timeout=_SECONDS, allow_redirects=False, **request)
        except requests.RequestException as error:
            raise StatloomError(
                f"{self.url} cannot be reached or stopped in the middle ({type(error).__name__}); "
                "run it again, it goes on where it stopped"
            ) from error
        try:
            content = answer.json()
        except ValueError:
            content = None
        if not isinstance(content, dict) or "success" not in content:
            raise StatloomError(
                f"{self.url} answered {answer.status_code} to {action}, and not as CKAN does"
                + ("; run it again later" if answer.status_code >= 500 or answer.status_code == 429 else "")
            )
        if not content["success"]:
            error = content.get("error") or {}
            kind = str(error.get("__type", ""))
            said = "; ".join(
                f"{key}: {value}" for key, value in error.items() if key not in ("__type", "help")
            )
            raise Refused(f"{self.url} refused {action}: {kind} ({said})", kind)
        return content["result"]


class _Form:
    """A multipart form with one file, of known length, that is never whole in memory."""

    _BOUNDARY = "statloom-4f1c2a9d7be84e0f"

    def __init__(self, fields: dict[str, str], file: Path) -> None:
        self.content_type = f"multipart/form-data; boundary={self._BOUNDARY}"
        parts = [
            f'--{self._BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        parts.append(
            f'--{self._BOUNDARY}\r\nContent-Disposition: form-data; name="upload"; filename="{file.name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        self._head, self._tail = "".join(parts).encode(), f"\r\n--{self._BOUNDARY}--\r\n".encode()
        self._file = file
        self._length = len(self._head) + file.stat().st_size + len(self._tail)
        self._blocks = self._read()
        self._rest = b""

    def __len__(self) -> int:
        return self._length

    def _read(self) -> Iterator[bytes]:
        yield self._head
        with self._file.open("rb") as opened:
            while block := opened.read(_BLOCK):
                yield block
        yield self._tail

    def read(self, size: int = -1) -> bytes:
        """Return the next ``size`` bytes, all that is left by default."""
        while size < 0 or len(self._rest) < size:
            block = next(self._blocks, None)
            if block is None:
                break
            self._rest += block
        cut = len(self._rest) if size < 0 else size
        given, self._rest = self._rest[:cut], self._rest[cut:]
        return given
