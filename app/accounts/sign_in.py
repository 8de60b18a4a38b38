"""Sign-in with a password, and the rotating chain of refresh tokens."""

from datetime import datetime
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.accounts import repository
from app.accounts.models import Account, RefreshToken
from app.accounts.schemas import PasswordChange, SecondStep, SignIn, Tokens
from app.accounts.secrets import (
    CHALLENGE_LIFETIME,
    LEEWAY,
    AccessTokens,
    digest,
    hash_password,
    is_password,
    new_secret,
)
from app.changes import operations as changes
from app.clock import now
from app.interface import auditing
from app.interface.errors import NotSignedIn, invalid_field
from app.interface.language import Text

WRONG_PASSWORD = Text("邮箱或密码不正确", "The e-mail or the password is not right")
ENDED = Text("登录已失效，请重新登录", "This sign-in has ended; sign in again")


class TokenReused(NotSignedIn):
    """A refresh token came a second time: somebody holds a copy, so the whole chain ends."""

    code = "token_reused"
    keeps_work = True


async def sign_in(session: AsyncSession, tokens: AccessTokens, data: SignIn) -> Tokens | SecondStep:
    began_at = now()
    account = await repository.find_by_email(session, data.email)
    stored = account.password_hash if account else None
    fits = await is_password(data.password.get_secret_value(), stored)
    if account is None or not fits or not account.is_active:
        raise NotSignedIn(WRONG_PASSWORD)
    return await pass_first_step(session, tokens, account, began_at)


async def pass_first_step(
    session: AsyncSession,
    tokens: AccessTokens,
    account: Account,
    began_at: datetime,
) -> Tokens | SecondStep:
    """What somebody gets who has proved who they are: tokens, or the question for their code.

    began_at: before the proof was looked at, so that a password change beside it ends this, too.
    """
    auditing.identify(session, account.id, account.role)
    if account.has_second_factor:
        challenge = tokens.challenges().write(
            account.id, valid_from=account.tokens_valid_from, issued_at=began_at
        )
        return SecondStep(challenge=challenge, expires_in=int(CHALLENGE_LIFETIME.total_seconds()))
    return await begin_sign_in(session, tokens, account)


async def begin_sign_in(session: AsyncSession, tokens: AccessTokens, account: Account) -> Tokens:
    """Begin a sign-in; refused for an account that was shut or got a new password meanwhile."""
    await repository.open_scope_of(session, account.id)
    if not await repository.note_sign_in(session, account):
        raise NotSignedIn(WRONG_PASSWORD)
    return _issue(session, tokens, account, uuid7())


async def refresh(session: AsyncSession, tokens: AccessTokens, refresh_token: str) -> Tokens:
    """New tokens for an unused refresh token; a used one ends the chain it belongs to."""
    link = await _enter_by_link(session, refresh_token)
    if link is None or link.revoked_at is not None or link.expires_at <= now():
        raise NotSignedIn(ENDED)
    account = await repository.find(session, link.account_id)
    if account is None or not account.is_active:
        raise NotSignedIn(ENDED)
    auditing.identify(session, account.id, account.role)
    if link.used_at is not None:
        await repository.revoke_family(session, link.family_id)
        raise TokenReused(ENDED)
    link.used_at = now()
    return _issue(session, tokens, account, link.family_id)


async def _enter_by_link(session: AsyncSession, refresh_token: str) -> RefreshToken | None:
    """The token, locked, and the scope of its account, unless that was shut."""
    await repository.open_scope_by_secret(session, digest(refresh_token))
    return await repository.find_refresh_token(session, digest(refresh_token))


async def sign_out(session: AsyncSession, refresh_token: str) -> None:
    """End the chain of this token; an unknown token is already out."""
    link = await _enter_by_link(session, refresh_token)
    if link is not None:
        auditing.touch(session, link.account_id)
        await repository.revoke_family(session, link.family_id)


async def change_password(
    session: AsyncSession,
    tokens: AccessTokens,
    account: Account,
    data: PasswordChange,
) -> Tokens:
    """Set a new password, or a first one, and end every other sign-in; the caller goes on."""
    await require_password(account, data.current_password, "/current_password")
    await set_password(session, account, data.new_password.get_secret_value(), account.id)
    return _issue(session, tokens, account, uuid7())


async def require_password(
    account: Account, given: SecretStr | None, pointer: str = "/password"
) -> None:
    """Once more before what cannot be undone; of whoever has none, being signed in is enough.

    Raises Invalid.
    """
    if not account.has_password:
        return
    if given is None:
        raise invalid_field(pointer, "missing", "必填", "Required")
    if not await is_password(given.get_secret_value(), account.password_hash):
        message = ("当前密码不正确", "The current password is not right")
        raise invalid_field(pointer, "wrong_password", *message)


async def set_password(
    session: AsyncSession, account: Account, password: str, actor_id: UUID
) -> None:
    """End every sign-in and reset code, too: the old password may have been a thief's."""
    account.password_hash = await hash_password(password)
    await end_sign_ins(session, account)
    await repository.close_resets(session, account.id)
    await changes.append(session, "account.password_changed", account.id, actor_id=actor_id)


async def end_sign_ins(session: AsyncSession, account: Account) -> None:
    """Refuse every token that the account holds, from now on; also one of a clock that is ahead."""
    account.tokens_valid_from = now() + LEEWAY
    await repository.revoke_all(session, account.id)


def _issue(
    session: AsyncSession,
    tokens: AccessTokens,
    account: Account,
    family_id: UUID,
) -> Tokens:
    secret = new_secret()
    session.add(
        RefreshToken(
            account_id=account.id,
            family_id=family_id,
            token_hash=digest(secret),
            expires_at=now() + tokens.refresh_lifetime,
        )
    )
    return Tokens(
        access_token=tokens.write(account.id, valid_from=account.tokens_valid_from),
        expires_in=int(tokens.lifetime.total_seconds()),
        refresh_token=secret,
    )
