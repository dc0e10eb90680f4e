"""HTTP for connectors: streamed to a file, with limits of size and time, a few retries, no half answers, and
no redirect to where the contract does not mean to go.
"""

import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import requests
import urllib3

from statloom.connectors import redirects
from statloom.connectors.connections import Connection, without_secrets
from statloom.errors import DeliveryError, StatloomError
from statloom.landing.disk import full_disk_named
from statloom.landing.read.checks import CHUNK, maximum_bytes

CONNECT_SECONDS = 5
READ_SECONDS = 30
HEAD_SECONDS = 60
"""What the head of an answer may take in all, beyond the patience for one silence."""
WHOLE_ANSWER_SECONDS = 3600
SLOWEST, SLOW_SECONDS = 1000, 60
"""Bytes a second that an answer must bring on average, once it has taken so many seconds."""
WAITS = (0.5, 1.0, 2.0)
"""Seconds between the tries of a request; a server that asks for more patience than the last gets no further
try.
"""

_TEMPORARY = (429, 500, 502, 503, 504)


class Client:
    """Requests of one source to one server. ``connection`` gives the credentials, if any."""

    def __init__(self, source: str, connection: Connection | None, timeout: float | None) -> None:
        self.source, self.connection = source, connection
        self._timeout = (CONNECT_SECONDS, timeout or READ_SECONDS)
        self._session = requests.Session()
        self._session.max_redirects = 5
        self._session.hooks["response"].append(lambda response, **_: redirects.check(source, response))
        self._session.headers.update({"User-Agent": "statloom", "Accept-Encoding": "identity"})
        self._secrets = connection.secrets if connection else ()
        token = connection.extra.get("token") if connection else None
        if token:
            self._session.headers["Authorization"] = (
                f"{connection.extra.get('token_type', 'ApiToken')} {token}"
            )
            # Without this, requests looks for a login in the account's .netrc, and puts it in the token's
            # place.
            self._session.auth = lambda request: request
        elif connection and connection.login:
            self._session.auth = (connection.login, connection.password or "")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def download(self, url: str, target: Path, *, accept: str = "*/*") -> requests.Response:
        """Write the body of ``url`` to ``target``; return the response (its body is gone).

        Raises StatloomError when the server cannot be reached, refuses or fails, DeliveryError when its
        answer stops in the middle. Temporary failures are tried again for a few seconds.
        """
        shown = self._shown(url)
        for wait in (*WAITS, None):
            try:
                response, failure = self._once(url, target, accept)
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                failure = self._transport_failure(error, shown)
            if failure is None:
                return response
            error, pause = failure
            if wait is None or pause is None:
                raise error
            if pause > WAITS[-1]:
                raise error
            time.sleep(max(wait, pause))
        raise AssertionError("unreachable")

    def _once(self, url: str, target: Path, accept: str):
        shown = self._shown(url)
        with self._begun(url, accept) as response:
            if response.status_code >= 400:
                return response, self._refusal(response, shown)
            size, limit = 0, maximum_bytes()
            began = time.monotonic()
            with full_disk_named(target), target.open("wb") as out:
                # What has come, not whole chunks: a server that drips is seen while it does.
                while chunk := response.raw.read1(CHUNK, decode_content=True):
                    size += len(chunk)
                    if size > limit:
                        raise DeliveryError(
                            f"{shown} sends more than the limit of {limit:,} bytes", source=self.source
                        )
                    self._check_pace(size, time.monotonic() - began, shown)
                    out.write(chunk)
            promised = response.headers.get("Content-Length", "")
            if promised.isdecimal() and size != int(promised) and "Content-Encoding" not in response.headers:
                return response, (
                    DeliveryError(
                        f"{shown} sent {size:,} of {int(promised):,} bytes: the answer is truncated",
                        source=self.source,
                    ),
                    0,
                )
            return response, None

    def _begun(self, url: str, accept: str) -> requests.Response:
        """Return the response as soon as its head is there.

        A head that drips in, byte by byte, keeps within the limit of each silence, so it is waited for
        beside a clock.
        """
        outcome: list = []

        def ask() -> None:
            try:
                outcome.append(
                    self._session.get(url, stream=True, timeout=self._timeout, headers={"Accept": accept})
                )
            except BaseException as error:
                outcome.append(error)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(sum(self._timeout) + HEAD_SECONDS)
        if not outcome:
            raise StatloomError(f"{self.source}: {self._shown(url)} does not come to the end of its head")
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        return outcome[0]

    def _check_pace(self, size: int, seconds: float, shown: str) -> None:
        if seconds > WHOLE_ANSWER_SECONDS:
            raise StatloomError(
                f"{self.source}: {shown} was still sending after {WHOLE_ANSWER_SECONDS} seconds"
            )
        if seconds > SLOW_SECONDS and size < SLOWEST * seconds:
            raise StatloomError(
                f"{self.source}: {shown} sends too slowly: {size:,} bytes in {seconds:.0f} seconds"
            )

    def _refusal(self, response: requests.Response, shown: str):
        """Return the error of a refused request, and how many seconds to wait before another try, None for
        never.
        """
        status = response.status_code
        if status in (401, 403):
            return StatloomError(
                f"{self.source}: {shown} refuses the login ({status}): wrong user name, password or token,"
                " or no right to read"
            ), None
        detail = self._detail(response)
        error = StatloomError(
            f"{self.source}: {shown} answered {status} {response.reason or ''}".rstrip() + detail
        )
        if status not in _TEMPORARY:
            return error, None
        after = response.headers.get("Retry-After", "0")
        return error, float(after) if after.isdecimal() else 0

    def _detail(self, response: requests.Response) -> str:
        try:
            message = response.json().get("message", "")
        except (ValueError, AttributeError, requests.RequestException, urllib3.exceptions.HTTPError):
            return ""
        return f": {without_secrets(str(message)[:300], *self._secrets)}" if message else ""

    def _transport_failure(self, error: Exception, shown: str):
        if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.ReadTimeout):
            return self._silent(shown), None
        text = str(error)
        if "timed out" in text:
            return self._silent(shown), None
        if "IncompleteRead" in text or isinstance(error, requests.exceptions.ChunkedEncodingError):
            return DeliveryError(
                f"{shown} stopped in the middle of its answer: it is truncated", source=self.source
            ), 0
        if isinstance(error, requests.exceptions.SSLError):
            return StatloomError(f"{self.source}: {shown}: the server's certificate is not valid"), None
        if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
            return StatloomError(f"{self.source}: {shown} is no address"), None
        reason = without_secrets(_root(error), *self._secrets)
        return StatloomError(f"{self.source}: {shown} cannot be reached ({reason})"), 0

    def _silent(self, shown: str) -> StatloomError:
        return StatloomError(f"{self.source}: {shown} stopped answering for {self._timeout[1]:g} seconds")

    def _shown(self, url: str) -> str:
        return without_secrets(url, *self._secrets)


def _root(error: BaseException) -> str:
    """Return the operating system's words at the bottom of a chain of errors."""
    seen = error
    while True:
        inner = (
            seen.__cause__
            or seen.__context__
            or next((a for a in seen.args if isinstance(a, BaseException)), getattr(seen, "reason", None))
        )
        if not isinstance(inner, BaseException) or inner is seen:
            break
        seen = inner
    return getattr(seen, "strerror", None) or str(seen)[:200]


def absolute(source: str, url: str, connection: Connection | None) -> str:
    """Return ``url`` as an absolute address, on the connection's server when one is given.

    Raises StatloomError when ``url`` would carry the connection's login to another server.
    """
    if connection is None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise StatloomError(f"{source}: {without_secrets(url)} is no address of http or https")
        return url
    base = connection.base_url()
    if "://" not in url:
        return f"{base}/{url.lstrip('/')}"
    if urlsplit(url)[:2] != urlsplit(base)[:2]:
        raise StatloomError(f"{source}: {without_secrets(url)} is not on the server of its connection")
    return url
