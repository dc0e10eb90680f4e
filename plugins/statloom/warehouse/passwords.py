"""The generated passwords of this installation, in ``secrets/passwords.json`` (mode 0600)."""

import hashlib
import json
import os
import secrets

from statloom import processes
from statloom.errors import StatloomError
from statloom.settings import Settings


def load(settings: Settings) -> dict[str, str]:
    """Return ``{login: password}`` as far as they were made; raises StatloomError for a damaged file."""
    file = settings.secrets / "passwords.json"
    if not file.exists():
        return {}
    try:
        return json.loads(file.read_text())
    except json.JSONDecodeError as error:
        raise StatloomError(f"{file} is damaged: {error}") from None


def of(settings: Settings, login: str, *, renew: bool = False) -> str:
    """Return the password of ``login``, made now if there is none (or ``renew``).

    ``<LOGIN>_PASSWORD`` in the environment (``STATLOOM_ANALYST_PASSWORD``) comes first and is not written
    down.
    """
    given = os.environ.get(f"{login.upper()}_PASSWORD")
    if given:
        return given
    known = load(settings)
    if login in known and not renew:
        return known[login]
    with processes.lock(settings.run / "passwords.lock"):
        known = load(settings)
        if login not in known or renew:
            known[login] = secrets.token_urlsafe(24)
            processes.write_private(settings.secrets / "passwords.json", json.dumps(known, indent=2) + "\n")
    return known[login]


def known(settings: Settings, login: str) -> str:
    """Return the password of ``login``; raises StatloomError when there is none."""
    given = os.environ.get(f"{login.upper()}_PASSWORD")
    if given:
        return given
    found = load(settings).get(login)
    if found is None:
        file = settings.secrets / "passwords.json"
        raise StatloomError(f"no password for {login}: neither {login.upper()}_PASSWORD nor {file} has one")
    return found


def shown_once(settings: Settings, login: str) -> str | None:
    """Return the generated password of ``login`` the first time that it is asked for here, later None.

    None too for one that the environment gives, and where a service manager writes what is printed to its
    journal.
    """
    generated = None if os.environ.get(f"{login.upper()}_PASSWORD") else load(settings).get(login)
    if generated is None or os.environ.get("JOURNAL_STREAM") or os.environ.get("INVOCATION_ID"):
        return None
    # Of a random text as long as this one, a digest says nothing.
    digest = hashlib.sha256(generated.encode()).hexdigest()
    mark = settings.secrets / f"{login}.shown"
    if mark.exists() and mark.read_text().strip() == digest:
        return None
    processes.write_private(mark, digest + "\n")
    return generated
