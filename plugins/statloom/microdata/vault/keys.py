"""The vault's key, and what is derived from it: pseudonyms, and the key of archived deliveries."""

import os
import secrets
from hashlib import blake2b

import pyarrow as pa
import pyarrow.compute as pc

from statloom import processes
from statloom import settings as settings_module
from statloom.errors import StatloomError

FILE = "vault.key"
_BYTES = 32
_PSEUDONYM_BYTES = 16


def load() -> bytes:
    """Return the vault's key (32 bytes), made now if there is none: ``secrets/vault.key``, mode 0600.

    ``STATLOOM_VAULT_KEY`` (64 hexadecimal digits) in the environment comes first and is not written down.
    Raises StatloomError for a key of another form.
    """
    given = os.environ.get("STATLOOM_VAULT_KEY")
    if given:
        return _parsed(given, "STATLOOM_VAULT_KEY")
    settings = settings_module.load()
    file = settings.secrets / FILE
    if not file.exists():
        with processes.lock(settings.run / "vault_key.lock"):
            if not file.exists():
                processes.write_private(file, secrets.token_hex(_BYTES) + "\n")
    return _parsed(file.read_text(), str(file))


def _parsed(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != _BYTES:
        raise StatloomError(f"{where} is no key of the vault: {2 * _BYTES} hexadecimal digits are needed")
    return key


def derived(purpose: str, key: bytes | None = None) -> bytes:
    """Return the key (32 bytes) for ``purpose``, so that no two uses share one. Source: BLAKE2 (RFC 7693),
    keyed."""
    return blake2b(purpose.encode(), digest_size=_BYTES, key=key or load(), person=b"statloom").digest()


def pseudonyms(values: pa.ChunkedArray | pa.Array, column: str, key: bytes) -> pa.Array:
    """Return the keyed hash of each value (text, 32 hexadecimal digits; null stays null).

    The same value under the same column name has the same pseudonym in every delivery and source: rows can be
    linked, and without ``key`` (of `derived`) nobody can try out values.
    """
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    encoded = values.dictionary_encode() if not pa.types.is_dictionary(values.type) else values
    texts = encoded.dictionary.cast(pa.string()).to_pylist()
    salt = column.encode()[:16]
    hashed = [
        None
        if text is None
        else blake2b(text.encode(), digest_size=_PSEUDONYM_BYTES, key=key, salt=salt).hexdigest()
        for text in texts
    ]
    return pc.take(pa.array(hashed, pa.string()), encoded.indices)
