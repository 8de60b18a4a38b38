"""API keys for systems: made, listed and revoked by the account they act for."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import repository
from app.accounts.dependencies import API_KEY_PREFIX
from app.accounts.models import Account, ApiKey
from app.accounts.schemas import ApiKeyBody, ApiKeyCreate, ApiKeyQuery, NewApiKey
from app.accounts.secrets import digest, new_secret
from app.accounts.sign_in import require_password
from app.changes import operations as changes
from app.clock import now
from app.interface.errors import Conflict, NotFound, NotSignedIn, invalid_field
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.interface.preconditions import meet

MAX_API_KEYS = 20


async def create(session: AsyncSession, account: Account, data: ApiKeyCreate) -> NewApiKey:
    """A new key; the password is asked for, since a key outlives the sign-in it was made in."""
    await repository.lock(session, account.id)  # two at once would both count one less
    await session.refresh(account)
    if not account.is_active:
        raise NotSignedIn()
    await require_password(account, data.password)
    if data.expires_at is not None and data.expires_at <= now():
        raise invalid_field("/expires_at", "in_the_past", "应在将来", "Should be in the future")
    if await repository.count_api_keys(session, account.id) >= MAX_API_KEYS:
        raise Conflict(Text("最多有 20 个有效密钥", "Twenty keys in force at most"))
    secret = new_secret(API_KEY_PREFIX)
    key = ApiKey(
        account_id=account.id,
        name=data.name,
        prefix=secret[:8],
        secret_hash=digest(secret),
        is_read_only=data.is_read_only,
        expires_at=data.expires_at,
    )
    session.add(key)
    await changes.append(session, "api_key.created", key.id, actor_id=account.id)
    return NewApiKey(**ApiKeyBody.model_validate(key).model_dump(), key=secret)


async def search(pages: Pages, account: Account, query: ApiKeyQuery) -> Page[ApiKeyBody]:
    return await pages.read(
        repository.listed_api_keys(account.id),
        query=query,
        columns={"created_at": ApiKey.created_at},
        show=ApiKeyBody.model_validate,
    )


async def revoke(session: AsyncSession, account: Account, key_id: UUID) -> None:
    """End the key now; revoking it again changes nothing."""
    key = await repository.find_own_api_key(session, account.id, key_id)
    if key is None:
        raise NotFound()
    meet(session, key)
    if key.revoked_at is None:
        key.revoked_at = now()
        await changes.append(session, "api_key.revoked", key.id, actor_id=account.id)


async def revoke_all(session: AsyncSession, account_id: UUID, actor_id: UUID) -> None:
    """End every key of the account: a thief may have made one, whoever was shut out holds theirs.

    A new password that its owner sets with the old one leaves the keys of their systems alone.
    """
    for key_id in await repository.revoke_api_keys(session, account_id):
        await changes.append(session, "api_key.revoked", key_id, actor_id=actor_id)
