"""The generated passwords of this installation, in ``secrets/passwords.json`` (mode 0600)."""

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
