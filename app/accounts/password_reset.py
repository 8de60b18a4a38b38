"""A forgotten password: asked for by anyone, allowed by staff, used once.

The service sends no mail of its own, so a coordinator or administrator gives the code to the
account's owner by telephone or in person.
"""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import api_keys, identities, operations, repository
from app.accounts.models import Account, PasswordReset
from app.accounts.schemas import PasswordResetCode, PasswordResetUse
from app.accounts.secrets import digest, new_secret
from app.accounts.sign_in import set_password
from app.changes import operations as changes
from app.clock import now
from app.interface.errors import invalid_field
from app.scopes import Scope, borrowed, open_scope


async def request(session: AsyncSession, email: str) -> None:
    """Put the wish into the staff's queue; the answer never tells whether the e-mail is known."""
    await open_scope(session, Scope.LOOKUP, email.lower())
    account = await repository.find_by_email(session, email)
    if account is None or account.erased_at is not None:
        return
    if await repository.ask_for_reset(session, account.id):
        await changes.append(session, "account.password_reset_requested", account.id)


async def issue(
    session: AsyncSession, actor: Account, account: Account, lifetime: timedelta
) -> PasswordResetCode:
    """A one-time code for the account; it answers the open request and ends earlier codes."""
    code, expires_at = new_secret(), now() + lifetime
    await repository.close_resets(session, account.id)
    session.add(
        PasswordReset(
            account_id=account.id,
            code_hash=digest(code),
            expires_at=expires_at,
            issued_by_id=actor.id,
        )
    )
    await changes.append(session, "account.password_reset_issued", account.id, actor_id=actor.id)
    return PasswordResetCode(code=code, expires_at=expires_at)


async def use(session: AsyncSession, data: PasswordResetUse) -> None:
    """Set the new password; every sign-in, code, key and linked identity of the account ends.

    Its second factor stays.
    """
    await repository.open_scope_by_secret(session, digest(data.code))
    reset = await repository.find_password_reset(session, digest(data.code))
    if (
        reset is None
        or reset.used_at is not None
        or reset.expires_at is None
        or reset.expires_at <= now()
        or not await _is_still_theirs_to_give(session, reset)
    ):
        raise invalid_field("/code", "bad_code", "重置码无效或已过期", "The code is not valid")
    await set_password(
        session, reset.account, data.new_password.get_secret_value(), reset.account_id
    )
    await api_keys.revoke_all(session, reset.account_id, reset.account_id)
    await identities.unlink_all(session, reset.account_id)


async def _is_still_theirs_to_give(session: AsyncSession, reset: PasswordReset) -> bool:
    """Whether who issued the code could issue it now: both sides may have moved since."""
    if reset.issued_by_id is None:
        return False
    async with borrowed(session, Scope.LOOKUP, str(reset.issued_by_id)):
        issuer = await repository.find(session, reset.issued_by_id)
    if issuer is None or not issuer.is_active:
        return False
    return await operations.manages(session, issuer, reset.account)
