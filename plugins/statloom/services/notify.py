"""Messages to the people who look after the warehouse: as JSON to a web address, as e-mail, or both.

Where they go is said by the environment:

- ``STATLOOM_NOTIFY_WEBHOOK``: an address (http, https) that takes JSON by POST; with
  ``STATLOOM_NOTIFY_WEBHOOK_KEY`` as bearer token where that is given.
- ``STATLOOM_NOTIFY_EMAIL``: addresses, separated by commas. The owner whom a message names gets it as well.
- ``STATLOOM_SMTP``: the mail server, ``smtp://[user:password@]host[:port]`` (encrypted by STARTTLS; a
  password is never sent in clear to another machine) or ``smtps://…``; ``STATLOOM_NOTIFY_FROM`` is the
  sender.

Without the first two nothing is sent. Nobody's work waits long for a message, or fails for want of one: what
could not be sent is in the returned outcomes and in ``logs/notifications.jsonl``.
"""

import json
import os
import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

import requests

from statloom import processes
from statloom.errors import StatloomError
from statloom.settings import Settings

WEBHOOK, WEBHOOK_KEY = "STATLOOM_NOTIFY_WEBHOOK", "STATLOOM_NOTIFY_WEBHOOK_KEY"
EMAIL, SENDER, SMTP = "STATLOOM_NOTIFY_EMAIL", "STATLOOM_NOTIFY_FROM", "STATLOOM_SMTP"
SECONDS = 10
lookup: Callable[[str], str] | None = None
"""Gives the URI of a connection by its id; whoever has connections sets it (the DAGs: those of Airflow)."""

_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Message:
    """What has happened. ``kind``: ``failed`` or ``held_back``; ``reason`` may have several lines."""

    kind: str
    title: str
    reason: str
    dag: str
    run: str
    task: str | None = None
    source: str | None = None
    owner: str | None = None
    link: str | None = None
    at: str = ""

    def text(self) -> str:
        """Return the message as lines for a person."""
        named = {
            "DAG": self.dag,
            "task": self.task,
            "source": self.source,
            "owner": self.owner,
            "run": self.run,
            "at": self.at,
            "log": self.link,
        }
        about = "\n".join(f"{name + ':':<8}{value}" for name, value in named.items() if value)
        return f"{self.title}\n\n{self.reason}\n\n{about}\n"


def wanted() -> bool:
    """Say whether anybody is to be told."""
    return bool(os.environ.get(WEBHOOK) or os.environ.get(EMAIL))


def send(
    settings: Settings, message: Message, *, smtp: Callable[[], str] | None = None, mask=lambda text: text
) -> dict[str, str]:
    """Send ``message`` to everybody who is to be told; return ``{channel: "sent" or why not}``.

    ``smtp`` gives the URL of the mail server where ``STATLOOM_SMTP`` does not; ``mask`` takes the secrets out
    of a text before it is written down. Raises nothing.
    """
    outcomes = {}
    for channel, name, deliver in (
        ("webhook", WEBHOOK, lambda: _post(message)),
        ("email", EMAIL, lambda: _mail(message, smtp)),
    ):
        if not os.environ.get(name):
            continue
        try:
            deliver()
            outcomes[channel] = "sent"
        except Exception as error:
            outcomes[channel] = mask(f"not sent: {_why(error)}")
    _record(settings, message, outcomes)
    return outcomes


def _post(message: Message) -> None:
    address = os.environ[WEBHOOK]
    if urlsplit(address).scheme not in ("http", "https"):
        raise StatloomError(f"{WEBHOOK} is no address that begins with http:// or https://")
    key = os.environ.get(WEBHOOK_KEY)
    # "text" is what the usual chat programs show.
    answer = requests.post(
        address,
        json={"text": message.text(), **asdict(message)},
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=SECONDS,
        allow_redirects=False,
        stream=True,
    )
    with answer:
        if not 200 <= answer.status_code < 300:
            raise StatloomError(f"the receiver answered {answer.status_code}")


def _mail(message: Message, smtp: Callable[[], str] | None) -> None:
    url = os.environ.get(SMTP) or (smtp() if smtp else "")
    if not url:
        raise StatloomError(f"no mail server is named: set {SMTP}")
    server = urlsplit(url)
    if server.scheme not in ("smtp", "smtps") or not server.hostname:
        raise StatloomError("the address of the mail server is not smtp://host:port or smtps://host:port")
    mail = _composed(message)
    with _connected(server) as session:
        if server.username:
            session.login(unquote(server.username), unquote(server.password or ""))
        session.send_message(mail)


def _composed(message: Message) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = f"[Statloom] {' '.join(message.title.split())}"[:200]
    mail["From"] = os.environ.get(SENDER) or f"statloom@{socket.gethostname()}"
    listed = [address.strip() for address in os.environ[EMAIL].split(",")]
    mail["To"] = ", ".join(dict.fromkeys(filter(None, [*listed, message.owner])))
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain="statloom")
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text())
    return mail


def _connected(server) -> smtplib.SMTP:
    """A session with the mail server, encrypted unless the server cannot and no password is to be sent."""
    secure = ssl.create_default_context()
    if server.scheme == "smtps":
        return smtplib.SMTP_SSL(server.hostname, server.port or 465, timeout=SECONDS, context=secure)
    session = smtplib.SMTP(server.hostname, server.port or 25, timeout=SECONDS)
    try:
        session.ehlo()
        if session.has_extn("starttls"):
            session.starttls(context=secure)
            session.ehlo()
        elif server.username and server.hostname not in _LOCAL:
            raise StatloomError("the mail server offers no encryption, so the password was not sent to it")
    except BaseException:
        session.close()
        raise
    return session


def _why(error: Exception) -> str:
    if isinstance(error, StatloomError):
        return str(error)
    if isinstance(error, requests.RequestException):
        # Its text has the address, and addresses of chat programs are secrets.
        return f"the receiver cannot be reached ({type(error).__name__})"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "the mail server refuses the login"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"the mail server refuses {', '.join(error.recipients)}"
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _record(settings: Settings, message: Message, outcomes: dict[str, str]) -> None:
    line = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "kind": message.kind,
        "dag": message.dag,
        "run": message.run,
        "task": message.task,
        **outcomes,
    }
    file = settings.logs / "notifications.jsonl"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists() and file.stat().st_size > processes.LONGEST_LOG:
            file.replace(file.with_name(f"{file.name}.1"))
        with file.open("a") as log:
            log.write(json.dumps(line) + "\n")
    except OSError:
        # A full disk is one of the things that messages are about.
        pass
