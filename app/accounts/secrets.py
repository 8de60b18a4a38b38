"""Passwords, one-time codes and access tokens: how they are made and checked."""

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated
from uuid import UUID

import jwt
from anyio import to_thread
from fastapi import Depends, Request
from pwdlib import PasswordHash

from app.clock import now

ALGORITHM = "HS256"
ISSUER = "shuangku"
SECOND_STEP = "second-step"
CHALLENGE_LIFETIME = timedelta(minutes=5)

_hasher = PasswordHash.recommended()


async def hash_password(password: str) -> str:
    """Argon2id, about 80 ms of CPU in a thread."""
    return await to_thread.run_sync(_hasher.hash, password)


async def is_password(password: str, password_hash: str | None) -> bool:
    """Whether the password fits; an absent hash costs the same time and fits nothing."""
    fits = await to_thread.run_sync(lambda: _hasher.verify(password, password_hash or _nobodys()))
    return fits and password_hash is not None


@cache
def _nobodys() -> str:
    """A hash to check when the e-mail is unknown: an answer's time must not tell whether it is."""
    return _hasher.hash(secrets.token_urlsafe(16))


def new_secret(prefix: str = "") -> str:
    """256 random bits as text."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """How a random secret is stored; it needs no salt, since it cannot be guessed."""
    return hashlib.sha256(secret.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessClaims:
    """What a genuine access token says."""

    account_id: UUID
    issued_at: datetime


COUNTS_FROM = "counts_from"
LEEWAY = timedelta(seconds=30)  # by which two hosts' clocks may differ
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessTokens:
    """Signs and reads access tokens (JWT, HS256).

    refresh_lifetime: of the refresh tokens that are issued beside them.
    """

    key: str
    lifetime: timedelta
    refresh_lifetime: timedelta
    audience: str | None = None

    def challenges(self) -> "AccessTokens":
        """Signs what somebody holds between the two steps of a sign-in.

        Neither kind of token passes for the other.
        """
        return replace(self, audience=SECOND_STEP, lifetime=CHALLENGE_LIFETIME)

    def write(
        self,
        account_id: UUID,
        *,
        valid_from: datetime = LONG_AGO,
        issued_at: datetime | None = None,
    ) -> str:
        """A token for so long as `lifetime` says.

        valid_from: the account's, which is to come if the clock was set back since: the token
            counts as issued then, or nobody could sign in until the clock has caught up.
        """
        moment = issued_at or now()
        claims = {
            "sub": str(account_id),
            "iss": ISSUER,
            "iat": moment.timestamp(),
            "exp": moment + self.lifetime,
        }
        if valid_from > moment:
            claims[COUNTS_FROM] = valid_from.timestamp()
        if self.audience:
            claims["aud"] = self.audience
        return jwt.encode(claims, self.key, algorithm=ALGORITHM)

    def read(self, token: str) -> AccessClaims | None:
        """Its claims, or None for a token that is forged, foreign, past its time or before it."""
        try:
            claims = jwt.decode(
                token,
                self.key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=self.audience,
                options={"require": ["sub", "exp", "iat", "iss"], "verify_iat": False},
            )
            if datetime.fromtimestamp(claims["iat"], UTC) > now() + LEEWAY:
                return None
            issued_at = datetime.fromtimestamp(claims.get(COUNTS_FROM, claims["iat"]), UTC)
            return AccessClaims(account_id=UUID(claims["sub"]), issued_at=issued_at)
        except (jwt.InvalidTokenError, ValueError):
            return None

    def account_of(self, token: str) -> UUID | None:
        """Whose token it is, unless it is forged or past its time."""
        claims = self.read(token)
        return claims.account_id if claims else None


async def get_access_tokens(request: Request) -> AccessTokens:
    tokens: AccessTokens = request.app.state.access_tokens
    return tokens


AccessTokensDep = Annotated[AccessTokens, Depends(get_access_tokens)]
