"""Signatures of Standard Webhooks (https://www.standardwebhooks.com), symmetric version 1."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers_of(
    message_id: str, body: bytes, secrets_in_force: Sequence[str], moment: datetime
) -> Mapping[str, str]:
    """The header fields by which a receiver knows who sends, what, and when.

    One signature for each secret; a message that is sent again keeps its id.
    """
    timestamp = str(int(moment.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = [f"v1,{_signature(secret, signed)}" for secret in secrets_in_force]
    return {
        "Content-Type": "application/json",
        "User-Agent": "shuangku",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
