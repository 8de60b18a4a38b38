"""AES-256-GCM under a ring of keys: the first one seals, all of them open.

A sealed value is text: a mark that no text of people's can begin with, the id of its key, nonce
and ciphertext. It is bound to its place, so that copied to another record it does not open.
"""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# `app.interface.schemas.TEXT_PATTERN` lets no control character in.
MARK = "\x01"
KEY_BYTES = 32
NONCE_BYTES = 12
KEY_ID_LENGTH = 8


class CannotOpen(Exception):
    """A sealed value whose key is missing, or that was changed or moved to another place."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by their ids, in order."""

    keys: Mapping[str, AESGCM]

    @classmethod
    def of(cls, keys: Sequence[str]) -> Self:
        """A ring of base64 keys; raises ValueError for none, or for one that is no key."""
        if not keys:
            raise ValueError("a ring needs at least one key")
        raw = [key_bytes(key) for key in keys]
        return cls({_key_id(key): AESGCM(key) for key in raw})

    @property
    def first(self) -> str:
        """The id of the key that seals."""
        return next(iter(self.keys))

    def seal(self, text: str, place: str) -> str:
        """The text, readable only with this ring and at this place."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self.keys[self.first].encrypt(nonce, text.encode(), place.encode())
        return MARK + self.first + base64.urlsafe_b64encode(nonce + sealed).decode()

    def open(self, stored: str, place: str) -> str:
        """What was sealed; a text without the mark was never sealed and is returned as it is.

        Raises CannotOpen.
        """
        if not stored.startswith(MARK):
            return stored
        key_id = key_id_of(stored)
        if key_id not in self.keys:
            raise CannotOpen(f"{place} needs the key {key_id}, which ENCRYPTION_KEYS lacks")
        try:
            raw = base64.urlsafe_b64decode(stored[len(MARK) + KEY_ID_LENGTH :])
            sealed = self.keys[key_id].decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError):
            raise CannotOpen(f"{place} was not sealed there with the key {key_id}") from None
        return sealed.decode()


def key_id_of(stored: str) -> str:
    """The id of the key that a sealed value needs."""
    return stored[len(MARK) : len(MARK) + KEY_ID_LENGTH]


def key_bytes(key: str) -> bytes:
    """The 32 bytes that the base64 text stands for; raises ValueError for anything else."""
    try:
        raw = base64.b64decode(key.translate(str.maketrans("-_", "+/")), validate=True)
    except binascii.Error:
        raise ValueError("an encryption key should be base64") from None
    if len(raw) != KEY_BYTES:
        raise ValueError(f"an encryption key should be {KEY_BYTES} bytes long, not {len(raw)}")
    return raw


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"key id\n" + key).hexdigest()[:KEY_ID_LENGTH]
