"""Connections: where a source is, and what opens it. They come from outside; a contract only names them."""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from statloom.errors import StatloomError

Lookup = Callable[[str], str]


@dataclass(frozen=True)
class Connection:
    """An Airflow connection. ``extra`` has its further settings. Its text shows no secret."""

    kind: str
    host: str | None = None
    port: int | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    schema: str | None = None
    extra: dict = field(default_factory=dict, repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the texts that must not be shown."""
        secret = [
            str(v) for k, v in self.extra.items() if re.search("token|secret|password|key", k, re.IGNORECASE)
        ]
        return tuple(text for text in (self.password, *secret) if text)

    def base_url(self) -> str:
        """Return the address for HTTP: scheme, host, port and path."""
        scheme = self.extra.get("scheme") or (self.kind if self.kind in ("http", "https") else None)
        host = self.host or ""
        if "://" in host:
            base = host
        else:
            # Airflow keeps the scheme of an http connection in its schema field.
            scheme = self.schema if self.schema in ("http", "https") else scheme or "https"
            base = f"{scheme}://{host}"
        base = base.rstrip("/") + (f":{self.port}" if self.port else "")
        path = self.extra.get("path") or (self.schema if self.schema not in ("http", "https", None) else "")
        return f"{base}/{path.strip('/')}".rstrip("/")


def find(connection_id: str, lookup: Lookup | None = None) -> Connection:
    """Return the connection ``connection_id``: by ``lookup`` where given, else from ``AIRFLOW_CONN_<ID>``.

    Raises StatloomError when there is none.
    """
    variable = f"AIRFLOW_CONN_{re.sub('[^A-Za-z0-9]', '_', connection_id).upper()}"
    given = os.environ.get(variable)
    if not given and lookup is not None:
        try:
            given = lookup(connection_id)
        except Exception as error:
            # The text of a lookup's error may quote what it read.
            raise StatloomError(
                f"connection {connection_id!r} was not found ({type(error).__name__})"
            ) from None
    if not given:
        raise StatloomError(
            f"connection {connection_id!r} is not defined: set {variable}, or make it in Airflow"
        )
    return parse(given, connection_id)


def parse(text: str, connection_id: str) -> Connection:
    """Return the connection that an Airflow URI or JSON document describes."""
    try:
        return _from_json(json.loads(text)) if text.lstrip().startswith("{") else _from_uri(text)
    except (ValueError, TypeError, AttributeError):
        raise StatloomError(f"connection {connection_id!r} is neither an Airflow URI nor its JSON") from None


def _from_json(data: dict) -> Connection:
    extra = data.get("extra") or {}
    return Connection(
        kind=data.get("conn_type", ""),
        host=data.get("host"),
        port=int(data["port"]) if data.get("port") else None,
        login=data.get("login"),
        password=data.get("password"),
        schema=data.get("schema"),
        extra=json.loads(extra) if isinstance(extra, str) else extra,
    )


def _from_uri(text: str) -> Connection:
    # Where the host of a connection has a scheme of its own, Airflow writes both: http://https://host.
    parts = urlsplit(re.sub(r"^[a-z0-9+.-]+://(?=https?://)", "", text))
    if not parts.scheme:
        raise ValueError("no scheme")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    extra = json.loads(query.pop("__extra__", "{}")) | query
    host = unquote(parts.hostname or "")
    path = unquote(parts.path)
    return Connection(
        kind=parts.scheme,
        host=host or None,
        port=parts.port,
        login=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        schema=path.lstrip("/") or None,
        extra=extra,
    )


def without_secrets(text: object, *secrets: str) -> str:
    """Return ``text`` with passwords in URLs, tokens in queries and every one of ``secrets`` as ``***``."""
    masked = str(text)
    for secret in secrets:
        for form in {secret, quote(secret, safe="")}:
            if form:
                masked = masked.replace(form, "***")
    masked = re.sub(r"(?<=://)([^/\s:@]+):[^/\s@]+@", r"\1:***@", masked)
    return re.sub(
        r"(?i)\b(password|passwd|pwd|token|access_token|api_key|apikey|key|secret|sig|signature)=[^&\s'\"]+",
        r"\1=***",
        masked,
    )
