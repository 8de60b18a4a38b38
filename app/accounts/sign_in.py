"""Sign-in with a password, and the rotating chain of refresh tokens."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.accounts import repository
from app.accounts.models import Account, RefreshToken
from app.accounts.schemas import PasswordChange, SignIn, Tokens
from app.accounts.secrets import AccessTokens, digest, hash_password, is_password, new_secret
from app.changes import operations as changes
from app.database import now
from app.interface.errors import NotSignedIn, invalid_field
from app.interface.language import Text

WRONG_PASSWORD = Text("邮箱或密码不正确", "The e-mail or the password is not right")
ENDED = Text("登录已失效，请重新登录", "This sign-in has ended; sign in again")


class TokenReused(NotSignedIn):
    """A refresh token came a second time: somebody holds a copy, so the whole chain ends."""

    code = "token_reused"
    keeps_work = True


async def sign_in(
    session: AsyncSession, tokens: AccessTokens, refresh_lifetime: timedelta, data: SignIn
) -> Tokens:
    account = await repository.find_by_email(session, data.email)
    stored = account.password_hash if account else None
    fits = await is_password(data.password.get_secret_value(), stored)
    if account is None or not fits:
        raise NotSignedIn(WRONG_PASSWORD)
    await repository.enter(session, account.id)
    if not await repository.note_sign_in(session, account):
        raise NotSignedIn(WRONG_PASSWORD)
    return _issue(session, tokens, account.id, uuid7(), refresh_lifetime)


async def refresh(
    session: AsyncSession, tokens: AccessTokens, refresh_lifetime: timedelta, refresh_token: str
) -> Tokens:
    """New tokens for an unused refresh token; a used one ends the chain it belongs to."""
    link = await _enter_by_link(session, refresh_token)
    if link is None or link.revoked_at is not None or link.expires_at <= now():
        raise NotSignedIn(ENDED)
    if link.used_at is not None:
        await repository.revoke_family(session, link.family_id)
        raise TokenReused(ENDED)
    account = await repository.find(session, link.account_id)
    if account is None or not account.is_active:
        raise NotSignedIn(ENDED)
    link.used_at = now()
    return _issue(session, tokens, link.account_id, link.family_id, refresh_lifetime)


async def _enter_by_link(session: AsyncSession, refresh_token: str) -> RefreshToken | None:
    """The token, locked, and the scope of its account, unless that was shut."""
    await repository.enter_by_secret(session, digest(refresh_token))
    return await repository.find_refresh_token(session, digest(refresh_token))


async def sign_out(session: AsyncSession, refresh_token: str) -> None:
    """End the chain of this token; an unknown token is already out."""
    link = await _enter_by_link(session, refresh_token)
    if link is not None:
        await repository.revoke_family(session, link.family_id)


async def change_password(
    session: AsyncSession,
    tokens: AccessTokens,
    refresh_lifetime: timedelta,
    account: Account,
    data: PasswordChange,
) -> Tokens:
    """Set a new password and end every other sign-in; the caller goes on with new tokens."""
    if not await is_password(data.current_password.get_secret_value(), account.password_hash):
        raise invalid_field(
            "/current_password",
            "wrong_password",
            "当前密码不正确",
            "The current password is not right",
        )
    await set_password(session, account, data.new_password.get_secret_value(), account.id)
    return _issue(session, tokens, account.id, uuid7(), refresh_lifetime)


async def set_password(
    session: AsyncSession, account: Account, password: str, actor_id: UUID
) -> None:
    account.password_hash = await hash_password(password)
    await end_sign_ins(session, account)
    await changes.append(session, "account.password_changed", account.id, actor_id=actor_id)


async def end_sign_ins(session: AsyncSession, account: Account) -> None:
    """Refuse every token that the account holds, from now on."""
    account.tokens_valid_from = now()
    await repository.revoke_all(session, account.id)


def _issue(
    session: AsyncSession,
    tokens: AccessTokens,
    account_id: UUID,
    family_id: UUID,
    refresh_lifetime: timedelta,
) -> Tokens:
    secret = new_secret()
    session.add(
        RefreshToken(
            account_id=account_id,
            family_id=family_id,
            token_hash=digest(secret),
            expires_at=now() + refresh_lifetime,
        )
    )
    return Tokens(
        access_token=tokens.write(account_id),
        expires_in=int(tokens.lifetime.total_seconds()),
        refresh_token=secret,
    )
