"""Every SELECT on accounts and on what lets people into them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Uuid,
    column,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager
from uuid_utils.compat import uuid7

from app import queries
from app.accounts import access
from app.accounts.models import (
    OPEN_RESET,
    Account,
    ApiKey,
    Identity,
    PasswordReset,
    RecoveryCode,
    RefreshToken,
    SecondFactor,
)
from app.accounts.schemas import AccountQuery
from app.clock import now
from app.regions import in_region
from app.scopes import ENTERED, Scope, borrowed

COLUMNS: list[Any] = list(Account.__table__.c)
ORGANIZATION_IDS = "organization_ids"
ORGANIZATIONS = column(ORGANIZATION_IDS, ARRAY(Uuid))
# One statement reads who calls and opens their scope; both functions are PostgreSQL's, see
# migrations/versions/0013_row_security.py.
ENTER = "SELECT {}, caller.organization_ids FROM enter({}) AS caller"
CALLER = select(Account, ORGANIZATIONS)


def _opening(account_id: str) -> Any:
    names = ", ".join(f"(caller.account).{name.name}" for name in COLUMNS)
    statement = text(ENTER.format(names, account_id)).columns(*COLUMNS, ORGANIZATIONS)
    return CALLER.from_statement(statement)


BY_ID = _opening(":account_id")
BY_SECRET = _opening("account_of_secret(:secret_hash)")


async def open_scope_of(session: AsyncSession, account_id: UUID) -> Account | None:
    """The account, for which the session works from now on; one that is shut opens nothing."""
    return await _open(session, BY_ID, {"account_id": account_id})


async def open_scope_by_secret(session: AsyncSession, secret_hash: bytes) -> Account | None:
    """The same for whose API key, refresh token or reset code this is, living or not."""
    return await _open(session, BY_SECRET, {"secret_hash": secret_hash})


async def _open(session: AsyncSession, statement: Any, named: dict[str, Any]) -> Account | None:
    await session.flush()
    found = (await session.execute(statement, named)).one_or_none()
    if found is None:
        return None
    account: Account = found[0]
    session.info.update({ENTERED: account.id, ORGANIZATION_IDS: frozenset(found[1] or ())})
    return account


def organization_ids(session: AsyncSession) -> frozenset[UUID]:
    """The organizations that the account which has entered acts for."""
    found: frozenset[UUID] = session.info[ORGANIZATION_IDS]
    return found


async def has_any(session: AsyncSession) -> bool:
    """Whether anybody has an account yet."""
    return await session.scalar(select(Account.id).limit(1)) is not None


async def find(
    session: AsyncSession, account_id: UUID, *, is_for_update: bool = False
) -> Account | None:
    """The account; see `queries.find`."""
    return await queries.find(session, Account, account_id, is_for_update=is_for_update)


async def regions_of(
    session: AsyncSession, account_id: UUID, region_code: str | None
) -> frozenset[str]:
    """All regions that the account reaches, if this is its own."""
    regions = access.regions_of(literal(account_id), literal(region_code, String))
    return frozenset(await session.scalar(select(regions)) or ())


async def lock(session: AsyncSession, account_id: UUID) -> None:
    """Let whoever else counts or ends what the account has wait for this transaction's end.

    What is read from here on is as they left it; the account itself is not read again.
    """
    account = select(Account.id).where(Account.id == account_id)
    await session.execute(account.with_for_update(key_share=True))


async def stays_open(session: AsyncSession, account_id: UUID) -> bool:
    """Whether the account is open, and whoever shuts or erases it waits for this transaction."""
    is_active = select(Account.is_active).where(Account.id == account_id)
    return bool(await session.scalar(is_active.with_for_update(read=True)))


async def hold(session: AsyncSession, account: Account) -> None:
    """Read the account anew; whoever shuts it or sets its password waits for this transaction."""
    await session.refresh(account, with_for_update={"read": True})


async def find_by_email(session: AsyncSession, email: str) -> Account | None:
    """The account, whoever asks."""
    async with borrowed(session, Scope.LOOKUP, email.lower()):
        return await session.scalar(select(Account).where(Account.email == email.lower()))


def listed(query: AccountQuery, managed: ColumnElement[bool]) -> Select[Account]:
    """Managed accounts that meet the filters."""
    statement = select(Account).where(managed)
    statement = statement.where(*queries.equals(Account, query, ("role", "is_active")))
    if query.region_code is not None:
        statement = statement.where(in_region(Account.region_code, query.region_code))
    if query.awaits_password_reset is not None:
        statement = statement.where(_awaits_reset() == query.awaits_password_reset)
    if query.text is not None:
        wanted = query.text.lower()
        statement = statement.where(
            or_(
                Account.email.contains(wanted, autoescape=True),
                Account.display_name.contains(query.text, autoescape=True),
            )
        )
    return statement


async def find_refresh_token(session: AsyncSession, token_hash: bytes) -> RefreshToken | None:
    """The token, locked, so that of two parallel uses only one wins.

    Its account is held first: a token that is issued while the password changes would be
    too new for the change to see and end it. Whoever works on the account for longer is not waited
    for, as nothing bounds how many such requests come at a time.
    """
    statement = (
        select(RefreshToken)
        .join_from(Account, RefreshToken, RefreshToken.account_id == Account.id)
        .where(RefreshToken.token_hash == token_hash)
    )
    await session.execute(statement.with_for_update(of=Account, read=True, nowait=True))
    locking = statement.with_for_update(of=RefreshToken, key_share=True)
    return await session.scalar(locking.execution_options(populate_existing=True))


async def note_sign_in(session: AsyncSession, account: Account) -> bool:
    """Keep the time; False if the account was shut or its password changed meanwhile.

    The version stays, or two sign-ins at once would be in each other's way.
    """
    noted = await session.scalar(
        update(Account)
        .where(
            Account.id == account.id,
            Account.is_active,
            Account.password_hash == account.password_hash,
        )
        .values(signed_in_at=now())
        .returning(Account.id)
        .execution_options(synchronize_session=False)
    )
    return noted is not None


async def revoke_family(session: AsyncSession, family_id: UUID) -> None:
    await _revoke(session, RefreshToken.family_id == family_id)


async def revoke_all(session: AsyncSession, account_id: UUID) -> None:
    """End every sign-in of the account."""
    await _revoke(session, RefreshToken.account_id == account_id)


async def _revoke(session: AsyncSession, which: ColumnElement[bool]) -> None:
    living = update(RefreshToken).where(which, RefreshToken.revoked_at.is_(None))
    ended = living.values(revoked_at=now())
    await session.execute(ended.execution_options(synchronize_session=False))


async def revoke_api_keys(session: AsyncSession, account_id: UUID) -> Sequence[UUID]:
    """End all keys of the account; tells which were living."""
    statement = (
        update(ApiKey)
        .where(ApiKey.account_id == account_id, ApiKey.revoked_at.is_(None))
        .values(revoked_at=now())
        .returning(ApiKey.id)
        .execution_options(synchronize_session=False)
    )
    return (await session.scalars(statement)).all()


async def _count(session: AsyncSession, rows: Select[Any], *which: ColumnElement[bool]) -> int:
    return (
        await session.scalar(select(func.count()).select_from(rows.where(*which).subquery())) or 0
    )


async def find_api_key(session: AsyncSession, secret_hash: bytes) -> ApiKey | None:
    return await session.scalar(select(ApiKey).where(ApiKey.secret_hash == secret_hash))


def listed_api_keys(account_id: UUID) -> Select[ApiKey]:
    return select(ApiKey).where(ApiKey.account_id == account_id)


async def count_api_keys(session: AsyncSession, account_id: UUID) -> int:
    """How many keys the account has that still open anything."""
    lasts = ApiKey.expires_at.is_(None) | (ApiKey.expires_at > now())
    return await _count(session, listed_api_keys(account_id), ApiKey.revoked_at.is_(None), lasts)


async def find_own_api_key(session: AsyncSession, account_id: UUID, key_id: UUID) -> ApiKey | None:
    return await session.scalar(listed_api_keys(account_id).where(ApiKey.id == key_id))


async def find_password_reset(session: AsyncSession, code_hash: bytes) -> PasswordReset | None:
    """The reset, locked after its account, as `close_resets` does it."""
    statement = (
        select(PasswordReset)
        .join_from(Account, PasswordReset, PasswordReset.account_id == Account.id)
        .where(PasswordReset.code_hash == code_hash)
        .options(contains_eager(PasswordReset.account))
    )
    return await session.scalar(
        statement.with_for_update(of=(Account, PasswordReset), key_share=True)
    )


def _awaits_reset() -> ColumnElement[bool]:
    """Whether the account has asked for a code and has none yet."""
    return exists().where(PasswordReset.account_id == Account.id, OPEN_RESET)


async def ask_for_reset(session: AsyncSession, account_id: UUID) -> bool:
    """Open a request for a code; False where one waits already, or is made at this moment."""
    asked = insert(PasswordReset).values(id=uuid7(), account_id=account_id, version=1)
    once = asked.on_conflict_do_nothing(index_elements=["account_id"], index_where=OPEN_RESET)
    return await session.scalar(once.returning(PasswordReset.id)) is not None


async def close_resets(session: AsyncSession, account_id: UUID) -> None:
    """End the account's open requests and living codes, those of the same moment, too."""
    await lock(session, account_id)
    await session.execute(
        update(PasswordReset)
        .where(PasswordReset.account_id == account_id, PasswordReset.used_at.is_(None))
        .values(used_at=now())
        .execution_options(synchronize_session=False)
    )


async def note_use(session: AsyncSession, key_id: UUID) -> None:
    """Keep the key's last use, without touching its version or waiting for another use."""
    free = select(ApiKey.id).where(ApiKey.id == key_id).with_for_update(skip_locked=True)
    used = update(ApiKey).where(ApiKey.id.in_(free)).values(last_used_at=now())
    await session.execute(used.execution_options(synchronize_session=False))


async def find_second_factor(
    session: AsyncSession, account_id: UUID, *, is_for_update: bool = False
) -> SecondFactor | None:
    statement = select(SecondFactor).where(SecondFactor.account_id == account_id)
    if is_for_update:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return await session.scalar(statement)


async def delete_second_factor(session: AsyncSession, account_id: UUID) -> None:
    """With its recovery codes."""
    await session.execute(delete(SecondFactor).where(SecondFactor.account_id == account_id))


async def find_recovery_code(
    session: AsyncSession, factor_id: UUID, code_hash: bytes
) -> RecoveryCode | None:
    return await session.scalar(
        select(RecoveryCode).where(
            RecoveryCode.factor_id == factor_id, RecoveryCode.code_hash == code_hash
        )
    )


async def retire_recovery_codes(session: AsyncSession, factor_id: UUID, moment: datetime) -> None:
    """Use up those that are left."""
    left = (RecoveryCode.factor_id == factor_id, RecoveryCode.used_at.is_(None))
    used = update(RecoveryCode).where(*left).values(used_at=moment)
    await session.execute(used.execution_options(synchronize_session=False))


async def count_recovery_codes(session: AsyncSession, factor_id: UUID) -> int:
    """Those that are not used yet."""
    codes = select(RecoveryCode).where(RecoveryCode.factor_id == factor_id)
    return await _count(session, codes, RecoveryCode.used_at.is_(None))


async def find_identity(session: AsyncSession, issuer: str, subject: str) -> Identity | None:
    """The identity, whoever asks."""
    async with borrowed(session, Scope.LOOKUP, f"{issuer} {subject}"):
        return await session.scalar(
            select(Identity).where(Identity.issuer == issuer, Identity.subject == subject)
        )


def listed_identities(account_id: UUID) -> Select[Identity]:
    return select(Identity).where(Identity.account_id == account_id)


async def find_own_identity(
    session: AsyncSession, account_id: UUID, identity_id: UUID
) -> Identity | None:
    return await session.scalar(listed_identities(account_id).where(Identity.id == identity_id))


async def delete_identities(session: AsyncSession, account_id: UUID) -> Sequence[UUID]:
    """All that are linked to the account; tells which."""
    statement = delete(Identity).where(Identity.account_id == account_id).returning(Identity.id)
    return (await session.scalars(statement.execution_options(synchronize_session=False))).all()


async def count_identities(session: AsyncSession, account_id: UUID) -> int:
    return await _count(session, listed_identities(account_id))
