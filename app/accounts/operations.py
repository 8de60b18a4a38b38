"""Accounts: made by staff, changed by staff and by their owner."""

from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import api_keys, repository
from app.accounts.access import Manager, allowed_actions, lacks_region, managed, may_manage
from app.accounts.models import Account
from app.accounts.schemas import AccountBody, AccountCreate, AccountQuery, AccountUpdate, MeUpdate
from app.accounts.secrets import hash_password
from app.accounts.sign_in import end_sign_ins
from app.changes import operations as changes
from app.interface.errors import (
    NOT_OUT_OF_REGION,
    Conflict,
    Forbidden,
    NotFound,
    WrongState,
    invalid_field,
)
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.interface.preconditions import admitted, meet

SORTS = {"created_at": Account.created_at, "email": Account.email}


def show(actor: Account, account: Account) -> AccountBody:
    return AccountBody.of(account, allowed_actions=allowed_actions(actor, account))


async def create(session: AsyncSession, actor: Account | None, data: AccountCreate) -> Account:
    """A new active account; `actor` is None for the command line."""
    if await repository.find_by_email(session, data.email):
        raise invalid_field("/email", "email_taken", "该邮箱已注册", "This e-mail is taken")
    account = Account(
        email=data.email,
        display_name=data.display_name,
        role=data.role,
        region_code=data.region_code,
        password_hash=await hash_password(data.password.get_secret_value()),
        is_active=True,
    )
    own_regions = {data.region_code} if data.region_code else set()
    if actor is not None and not may_manage(actor, account, own_regions):
        raise Forbidden(Text("不能建立该角色或地区的账号", "Not for this role or region"))
    _require_bounded(account)
    session.add(account)
    await changes.append(
        session, "account.created", account.id, actor_id=actor.id if actor else None
    )
    return account


async def get(session: AsyncSession, actor: Account, account_id: UUID) -> Account:
    """The account, if the actor manages it."""
    account = await repository.find(session, account_id)
    if account is None or not await manages(session, actor, account):
        raise NotFound()
    return account


async def get_managed(
    session: AsyncSession, actor: Account, account_id: UUID, verb: str
) -> Account:
    """The account, locked, unless it was erased: whoever may read it may also touch it."""
    account = await repository.find(session, account_id, is_for_update=True)
    region_code = account.region_code if account else None
    regions = await repository.regions_of(session, account_id, region_code)
    rule = partial(may_manage, actor, regions=regions)
    account = admitted(session, account, may_read=rule, may_touch=rule)
    if account.erased_at is not None:
        raise WrongState(verb=verb, state="erased", allowed=["active", "inactive"])
    return account


async def manages(session: AsyncSession, actor: Manager, account: Account) -> bool:
    """See `may_manage`."""
    regions = await repository.regions_of(session, account.id, account.region_code)
    return may_manage(actor, account, regions)


async def search(pages: Pages, actor: Account, query: AccountQuery) -> Page[AccountBody]:
    return await pages.read(
        repository.listed(query, managed(actor)),
        query=query,
        columns=SORTS,
        show=lambda account: show(actor, account),
    )


async def update(
    session: AsyncSession, actor: Account, account_id: UUID, data: AccountUpdate
) -> Account:
    """Change name, region or activity; deactivating ends all its sign-ins and keys."""
    account = await get_managed(session, actor, account_id, "update")
    if account.id == actor.id and data.is_active is False:
        raise Conflict(Text("不能停用自己的账号", "Not your own account"))
    wanted = data.changes()
    region_code = wanted.get("region_code", account.region_code)
    if not may_manage(
        actor, account, await repository.regions_of(session, account.id, region_code)
    ):
        raise Forbidden(NOT_OUT_OF_REGION)
    for name, value in wanted.items():
        setattr(account, name, value)
    if "region_code" in wanted:
        _require_bounded(account)
    if not account.is_active:
        await end_sign_ins(session, account)
        await api_keys.revoke_all(session, account.id, actor.id)
    await changes.append(session, "account.updated", account.id, actor_id=actor.id)
    return account


def _require_bounded(account: Account) -> None:
    if lacks_region(account):
        raise invalid_field(
            "/region_code",
            "missing",
            "协调员须有所管地区；管理全国的是管理员",
            "A coordinator needs a region; administrators are for the whole country",
        )


async def update_own(session: AsyncSession, account: Account, data: MeUpdate) -> Account:
    meet(session, account)
    for name, value in data.changes().items():
        setattr(account, name, value)
    await changes.append(session, "account.updated", account.id, actor_id=account.id)
    return account
