"""AES-256-GCM under a ring of keys: the first one seals, all of them open.

A sealed value is text for a text and bytes for bytes: a mark that no text of people's can begin
with, the id of its key, nonce and ciphertext. It is bound to its place, so that copied to another
record it does not open.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import AnyStr, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.interface.language import Text

# `app.interface.schemas.TEXT_PATTERN` lets no control character in.
MARK = "\x01"
KEY_BYTES = 32
NONCE_BYTES = 12
KEY_ID_LENGTH = 8
HEAD_LENGTH = len(MARK) + KEY_ID_LENGTH
BETWEEN_KEYS = re.compile(r"[\s,，;；]+")


class CannotOpen(Exception):
    """A sealed value whose key is missing, or that was changed or moved to another place."""


class NotKeys(ValueError):
    """Text that is no key, or no key at all; `text` says what is wrong, and no part of it."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.text = Text(zh, en)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by their ids, in order."""

    keys: Mapping[str, AESGCM]

    @classmethod
    def of(cls, keys: Sequence[str]) -> Self:
        """A ring of base64 keys; raises NotKeys for none, or for one that is no key."""
        if not keys:
            raise NotKeys("没有密钥", "there is no key")
        raw = [key_bytes(key, number) for number, key in enumerate(keys, start=1)]
        return cls({_key_id(key): AESGCM(key) for key in raw})

    @property
    def first(self) -> str:
        """The id of the key that seals."""
        return next(iter(self.keys))

    def seal(self, text: str, place: str) -> str:
        """The text, readable only with this ring and at this place."""
        sealed = self.seal_bytes(text.encode(), place)
        return _head(sealed) + base64.urlsafe_b64encode(sealed[HEAD_LENGTH:]).decode()

    def seal_bytes(self, content: bytes, place: str) -> bytes:
        """The same of bytes, which they lengthen by 37."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self.keys[self.first].encrypt(nonce, content, place.encode())
        return b"".join([(MARK + self.first).encode(), nonce, sealed])

    def open(self, stored: str, place: str) -> str:
        """What was sealed; a text without the mark was never sealed and is returned as it is.

        Raises CannotOpen.
        """
        if not stored.startswith(MARK):
            return stored
        head = stored[:HEAD_LENGTH]
        try:
            raw = base64.urlsafe_b64decode(stored[HEAD_LENGTH:])
        except ValueError:
            raise _not_sealed_there(head, place) from None
        return self.open_bytes(head.encode() + raw, place).decode()

    def open_bytes(self, stored: bytes, place: str) -> bytes:
        """The same of bytes."""
        if not stored.startswith(MARK.encode()):
            return stored
        head, raw = _head(stored), stored[HEAD_LENGTH:]
        key_id = head[len(MARK) :]
        if key_id not in self.keys:
            raise CannotOpen(f"{place} needs the key {key_id}, which ENCRYPTION_KEYS lacks")
        try:
            return self.keys[key_id].decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError):
            raise _not_sealed_there(head, place) from None

    def renew(self, stored: AnyStr, place: str) -> AnyStr:
        """The same value under the first key; what is empty stays so. Raises CannotOpen."""
        if not stored:
            return stored
        if isinstance(stored, bytes):
            return self.seal_bytes(self.open_bytes(stored, place), place)
        return self.seal(self.open(stored, place), place)


def _head(sealed: bytes) -> str:
    """Mark and id of the key."""
    return sealed[:HEAD_LENGTH].decode("latin-1")


def _not_sealed_there(head: str, place: str) -> CannotOpen:
    return CannotOpen(f"{place} was not sealed there with the key {head[len(MARK) :]}")


def split_keys(text: str) -> list[str]:
    """The keys of a setting or a file, parted by commas or lines."""
    return [key for key in BETWEEN_KEYS.split(text) if key]


def key_bytes(key: str, number: int) -> bytes:
    """The 32 bytes that the base64 text stands for; raises NotKeys for anything else.

    number: of the key among those that were given, from 1.
    """
    try:
        raw = base64.b64decode(key.translate(str.maketrans("-_", "+/")), validate=True)
    except ValueError:
        raise NotKeys(
            f"第 {number} 个加密密钥不是 base64", f"encryption key {number} is not base64"
        ) from None
    if len(raw) != KEY_BYTES:
        raise NotKeys(
            f"第 {number} 个加密密钥应为 {KEY_BYTES} 字节，实为 {len(raw)}",
            f"encryption key {number} should be {KEY_BYTES} bytes long, not {len(raw)}",
        )
    return raw


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"key id\n" + key).hexdigest()[:KEY_ID_LENGTH]
