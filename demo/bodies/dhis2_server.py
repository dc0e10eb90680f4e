"""An HTTP server that answers like the Web API of DHIS2 2.40, from the health MIS tables of the demo country.

    python -m demo.bodies.dhis2_server --port 0 --ready run/dhis2.json

The user's password and the personal access token come from the environment (`STATLOOM_DEMO_DHIS2_PASSWORD`,
`STATLOOM_DEMO_DHIS2_TOKEN`), never from the command line. Collections are paged, `dataValueSets` is not, as
in DHIS2. Listens on 127.0.0.1 only.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hmac
import json
import os
import re
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from demo.bodies.dhis2_store import Conflict, NotFound, Store, choose_fields

USER = "statloom_reader"
DEFAULT_PAGE_SIZE = 50
_PATH = re.compile(
    r"^/api(?:/\d+)?/(?P<resource>[A-Za-z/]+?)(?:/(?P<uid>[A-Za-z][A-Za-z0-9]{10}))?(?:\.json)?/?$"
)


@dataclass
class Fault:
    """One way of going wrong, for tests.

    `kind`: `error` (500 with DHIS2's JSON body), `html` (a proxy's error page with status 200), `truncate`
    (half of the promised body, then the connection is closed), `reset` (the connection is cut before any
    answer), `hang` (the headers and half of the body, then silence).
    `path`: the requests it meets, as a part of the path. `after`: how many of them are answered well first.
    `times`: how many then go wrong; None for all.
    """

    kind: str
    path: str = "/api/"
    after: int = 0
    times: int | None = None

    def strikes(self) -> bool:
        """Count one matching request; return whether this one goes wrong."""
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


class Dhis2Server:
    """A DHIS2 instance on 127.0.0.1, in threads of this process: a context manager, or `start` and `stop`.

    `users` maps user names to passwords, `tokens` are personal access tokens (`d2pat_…`), `faults` are for
    tests.
    `requests` lists the paths of all requests that were received, with their query.
    """

    def __init__(
        self,
        *,
        users: dict[str, str],
        tokens: tuple[str, ...] = (),
        port: int = 0,
        faults: tuple[Fault, ...] = (),
        store: Store | None = None,
    ) -> None:
        self.users = users
        self.tokens = tokens
        self.faults = list(faults)
        self.store = store or Store.load()
        self.requests: list[str] = []
        self.closing = threading.Event()
        self._counting = threading.Lock()
        self._http = _Http(("127.0.0.1", port), _Handler, self)
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return self._http.server_address[1]

    @property
    def url(self) -> str:
        """The server's address, without `/api`."""
        return f"http://127.0.0.1:{self.port}"

    def fault_of(self, path: str) -> Fault | None:
        """Record a request for `path`; return the fault that it meets, if any."""
        with self._counting:
            self.requests.append(path)
            matching = [fault for fault in self.faults if fault.path in path]
            return next((fault for fault in matching if fault.strikes()), None)

    def start(self) -> Dhis2Server:
        """Answer requests in a thread of this process from now on."""
        self._thread = threading.Thread(target=self.serve_forever, name="dhis2", daemon=True)
        self._thread.start()
        return self

    def serve_forever(self) -> None:
        """Answer requests in this thread until `stop`."""
        self._http.serve_forever(poll_interval=0.05)

    def stop(self) -> None:
        """Stop answering, let hanging answers go, and free the port."""
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def __enter__(self) -> Dhis2Server:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type, dhis2: Dhis2Server) -> None:
        self.dhis2 = dhis2
        super().__init__(address, handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error worth a traceback; anything else is."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    protocol_version = "HTTP/1.1"
    server_version = "Apache-Coyote/1.1"
    sys_version = ""
    timeout = 60

    def do_GET(self) -> None:
        dhis2 = self.server.dhis2
        fault = dhis2.fault_of(self.path)
        if fault is not None and fault.kind == "reset":
            self._cut()
            return
        if not self._authorised():
            self._refuse(
                HTTPStatus.UNAUTHORIZED, "Unauthorized", headers={"WWW-Authenticate": 'Basic realm="DHIS2"'}
            )
            return
        if fault is not None and fault.kind == "error":
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "An unexpected error has occurred.")
            return
        if fault is not None and fault.kind == "html":
            page = b"<!DOCTYPE html>\n<html><head><title>503</title></head><body>Unavailable</body></html>"
            self._send(HTTPStatus.OK, page, content_type="text/html;charset=UTF-8")
            return
        try:
            answer = self._answer()
        except Conflict as error:
            self._refuse(HTTPStatus.CONFLICT, str(error), code=error.code)
        except NotFound as error:
            self._refuse(HTTPStatus.NOT_FOUND, str(error), code="E1005")
        else:
            body = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
            if fault is None:
                self._send(HTTPStatus.OK, body)
            else:
                self._send_half(body, hang=fault.kind == "hang")

    def do_POST(self) -> None:
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, f"Request method '{self.command}' is not supported")
        self.close_connection = True

    do_PUT = do_PATCH = do_DELETE = do_POST

    def log_message(self, format: str, *arguments: object) -> None:
        """Log nothing: paths and status lines are of no use to anyone who reads the demo's log."""

    def _authorised(self) -> bool:
        kind, _, credentials = self.headers.get("Authorization", "").partition(" ")
        dhis2 = self.server.dhis2
        if kind == "ApiToken":
            return any(hmac.compare_digest(credentials.encode(), token.encode()) for token in dhis2.tokens)
        if kind != "Basic":
            return False
        try:
            user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        expected = dhis2.users.get(user)
        return expected is not None and hmac.compare_digest(password.encode(), expected.encode())

    def _answer(self) -> dict[str, Any]:
        parts = urlsplit(self.path)
        match = _PATH.match(parts.path)
        if match is None:
            raise NotFound(f"Not found: {parts.path}")
        store, resource = self.server.dhis2.store, match["resource"]
        parameters = parse_qs(parts.query)
        if resource == "system/info":
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "")
            known = {key: value for key, value in store.system.items() if key != "dataValue"}
            return known | {"contextPath": self.server.dhis2.url, "serverDate": now}
        if resource == "me":
            return {
                "id": "xE7jOejl9FI",
                "username": USER,
                "displayName": "Statloom reader",
                "organisationUnits": [{"id": store.system["organisationUnitRoot"]}],
                "authorities": ["F_DATAVALUE_READ"],
            }
        if resource == "dataValueSets":
            return store.data_value_set(parameters)
        if resource in store.collections:
            if match["uid"]:
                return choose_fields(store.one(resource, match["uid"]), parameters.get("fields", ["*"])[0])
            return self._collection(resource, parts.path, parameters)
        raise NotFound(f"Not found: {parts.path}")

    def _collection(self, resource: str, path: str, parameters: dict[str, list[str]]) -> dict[str, Any]:
        filters = parameters.get("filter", []) + [
            f"level:eq:{level}" for level in parameters.get("level", [])
        ]
        found = self.server.dhis2.store.select(resource, filters, parameters.get("order", [""])[0])
        fields = ",".join(parameters.get("fields", ["id,displayName"]))
        if parameters.get("paging", ["true"])[0].lower() == "false":
            return {resource: [choose_fields(item, fields) for item in found]}
        page = max(1, _whole_number(parameters, "page", 1))
        size = max(1, _whole_number(parameters, "pageSize", DEFAULT_PAGE_SIZE))
        pages = max(1, -(-len(found) // size))
        pager: dict[str, Any] = {"page": page, "total": len(found), "pageSize": size, "pageCount": pages}
        for name, number in (("nextPage", page + 1), ("prevPage", page - 1)):
            if 1 <= number <= pages:
                query = {**parameters, "page": [str(number)], "pageSize": [str(size)]}
                pager[name] = f"{self.server.dhis2.url}{path}?{urlencode(query, doseq=True)}"
        shown = found[(page - 1) * size : page * size]
        return {"pager": pager, resource: [choose_fields(item, fields) for item in shown]}

    def _refuse(
        self, status: HTTPStatus, message: str, *, code: str | None = None, headers: dict | None = None
    ) -> None:
        body: dict[str, Any] = {
            "httpStatus": status.phrase,
            "httpStatusCode": status.value,
            "status": "ERROR",
            "message": message,
        }
        if code:
            body["errorCode"] = code
        self._send(status, json.dumps(body).encode(), headers=headers)

    def _send(
        self,
        status: HTTPStatus,
        body: bytes,
        *,
        content_type: str = "application/json;charset=UTF-8",
        headers: dict | None = None,
    ) -> None:
        self._head(status, len(body), content_type, headers or {})
        self.wfile.write(body)

    def _head(self, status: HTTPStatus, length: int, content_type: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(length))
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_half(self, body: bytes, *, hang: bool) -> None:
        self._head(HTTPStatus.OK, len(body), "application/json;charset=UTF-8", {})
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        if hang:
            self.server.dhis2.closing.wait()
        self._cut()

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def _whole_number(parameters: dict[str, list[str]], name: str, default: int) -> int:
    text = parameters.get(name, [str(default)])[0]
    if not text.isdecimal():
        raise Conflict(f"Parameter `{name}` must be a number: `{text}`", "E1003")
    return int(text)


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM; write `{"port", "pid"}` to the file `--ready` once requests are answered."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="any free one when it is taken, or 0")
    parser.add_argument(
        "--ready", type=Path, help="file that tells port and process id when the server answers"
    )
    options = parser.parse_args(arguments)
    credentials = {
        "users": {USER: os.environ["STATLOOM_DEMO_DHIS2_PASSWORD"]},
        "tokens": (os.environ["STATLOOM_DEMO_DHIS2_TOKEN"],),
    }
    try:
        server = Dhis2Server(**credentials, port=options.port)
    except OSError:
        server = Dhis2Server(**credentials)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.stop).start())
    if options.ready:
        draft = options.ready.with_name(f".{options.ready.name}.{os.getpid()}")
        draft.write_text(json.dumps({"port": server.port, "pid": os.getpid()}) + "\n", encoding="utf-8")
        draft.replace(options.ready)
    server.serve_forever()


if __name__ == "__main__":
    main()
