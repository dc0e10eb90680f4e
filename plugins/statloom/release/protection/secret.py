"""The secret of perturbation: who has it can take the noise off every figure."""

import hashlib
import hmac
import os
import secrets

from sqlalchemy import Connection, text

from statloom import processes
from statloom import settings as settings_module
from statloom.errors import StatloomError
from statloom.publication.sql import run

FILE = "perturbation.key"
CHANGED = "STATLOOM_PERTURBATION_KEY_CHANGED"
_BYTES = 32


def load() -> bytes:
    """Return the secret (32 bytes), made now if there is none: ``secrets/perturbation.key``, mode 0600.

    ``STATLOOM_PERTURBATION_KEY`` (64 hexadecimal digits) in the environment comes first and is not written
    down. Raises StatloomError for a secret of another form.
    """
    given = os.environ.get("STATLOOM_PERTURBATION_KEY")
    if given:
        return _parsed(given, "STATLOOM_PERTURBATION_KEY")
    settings = settings_module.load()
    file = settings.secrets / FILE
    if not file.exists():
        with processes.lock(settings.run / "perturbation_key.lock"):
            if not file.exists():
                processes.write_private(file, secrets.token_hex(_BYTES) + "\n")
    return _parsed(file.read_text(), str(file))


def _parsed(given: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(given.strip())
    except ValueError:
        key = b""
    if len(key) != _BYTES:
        raise StatloomError(
            f"{where} is no secret of perturbation: {2 * _BYTES} hexadecimal digits are needed"
        )
    return key


def mark(key: bytes) -> str:
    """Return what tells one secret from another and says nothing about it."""
    return hashlib.sha256(hmac.digest(key, b"mark of the secret", "sha256")).hexdigest()


def the_same(connection: Connection, key: bytes) -> None:
    """Remember which secret is in use; raise StatloomError when it is not the one of earlier releases.

    Another secret gives every figure another noise; the two together tell more than one. ``CHANGED`` set to
    ``yes`` says that this is meant.
    """
    run(
        connection,
        "create table if not exists release.perturbation_secret "
        "(only_row boolean primary key default true check (only_row), mark text not null, "
        "since timestamptz not null default now())",
    )
    known = run(connection, "select mark from release.perturbation_secret").scalar()
    if known is not None and known != mark(key) and os.environ.get(CHANGED) != "yes":
        raise StatloomError(
            "the secret of perturbation is another one than in earlier releases: every perturbed figure "
            "would change, and two noises of one figure tell more than one. Put back "
            f"secrets/{FILE} from a backup, or, if it is meant to change (docs/perturbation.md), set "
            f"{CHANGED}=yes once"
        )
    if known != mark(key):
        connection.execute(
            text(
                "insert into release.perturbation_secret (mark) values (:mark) "
                "on conflict (only_row) do update set mark = excluded.mark, since = now()"
            ),
            {"mark": mark(key)},
        )
