"""Files encrypted for the archive, piece by piece, so that none need fit into memory.

AES-256-GCM over pieces of 1 MiB, each under its own nonce: random for the file, number of the piece, and
whether it is the last, so that pieces can be neither swapped nor left off. Source of the construction: Hoang,
Reyhanitabar, Rogaway and Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance"
(2015), STREAM.
"""

import os
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MARK = b"statloom sealed 1\n"
_PIECE, _RANDOM, _TAG = 1 << 20, 7, 16


class WrongKey(Exception):
    """The content was sealed under another key, or has been changed."""


def seal(source: BinaryIO, target: BinaryIO, key: bytes) -> None:
    """Write the encrypted content of ``source`` to ``target``. ``key``: 32 bytes."""
    cipher, random = AESGCM(key), os.urandom(_RANDOM)
    target.write(MARK + random)
    piece, number = source.read(_PIECE), 0
    while True:
        following = source.read(_PIECE)
        target.write(cipher.encrypt(_nonce(random, number, not following), piece, MARK))
        if not following:
            return
        piece, number = following, number + 1


def unseal(source: BinaryIO, target: BinaryIO, key: bytes) -> None:
    """Write the content of ``source``, which `seal` has encrypted, to ``target``.

    Raises WrongKey when the key is another or the content is not whole; what was written then is no content.
    """
    if source.read(len(MARK)) != MARK:
        raise WrongKey
    cipher, random = AESGCM(key), source.read(_RANDOM)
    piece, number = source.read(_PIECE + _TAG), 0
    while True:
        following = source.read(_PIECE + _TAG)
        try:
            target.write(cipher.decrypt(_nonce(random, number, not following), piece, MARK))
        except (InvalidTag, ValueError):
            raise WrongKey from None
        if not following:
            return
        piece, number = following, number + 1


def _nonce(random: bytes, number: int, last: bool) -> bytes:
    return random + number.to_bytes(4, "big") + bytes([last])
