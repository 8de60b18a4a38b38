"""Memberships: an enterprise registers, accounts ask, coordinators approve."""

from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import operations as accounts
from app.accounts import repository as account_repository
from app.accounts.models import Role
from app.accounts.schemas import AccountCreate
from app.changes import operations as changes
from app.interface.errors import Conflict, Forbidden, NotFound, invalid_field
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.interface.preconditions import admitted
from app.organizations import operations as organizations
from app.organizations import repository
from app.organizations.access import (
    may_ask_for,
    may_join,
    may_manage,
    may_name,
    may_read_membership,
    parties_in,
    readable_memberships,
)
from app.organizations.actors import SERVICE, Actor
from app.organizations.models import (
    Membership,
    MembershipState,
    Organization,
    OrganizationState,
)
from app.organizations.schemas import (
    MembershipBody,
    MembershipCreate,
    MembershipQuery,
    Registered,
    Registration,
)
from app.organizations.workflow import MEMBERSHIP_TRANSITIONS, settle_membership
from app.scopes import Scope, borrowed, open_scope
from app.transitions import next_state, possible_verbs

MAX_REQUESTED = 5  # requests of one account that wait for an answer
EXISTS = Text("该成员关系已存在", "This membership exists already")


async def register(session: AsyncSession, data: Registration) -> Registered:
    """A new enterprise account that asks to act for the organization of this credit code.

    Where the code is known already, its record stays as it is and a coordinator decides
    whether this person belongs to it.
    """
    await open_scope(session, Scope.REGISTRATION)
    code = data.organization.unified_social_credit_code
    organization = await repository.find_by_code(session, code)
    if organization is None:
        organization = await organizations.add(
            session, SERVICE, data.organization, OrganizationState.REGISTERED
        )
    new = AccountCreate(
        **dict(data.account), role=Role.ENTERPRISE, region_code=data.organization.region_code
    )
    account = await accounts.create(session, None, new)
    return Registered.of(await _request(session, account.id, organization, account.id))


async def create(session: AsyncSession, actor: Actor, data: MembershipCreate) -> Membership:
    """Ask for oneself, also again, or, as staff of the region, name an account."""
    account_id = data.account_id or actor.account_id
    if account_id is None or not may_ask_for(actor, account_id):
        raise Forbidden(Text("只能为自己申请", "You may ask only for yourself"))
    organization = await organizations.get(session, actor, data.organization_id)
    account = await account_repository.find(session, account_id)
    if account_id != actor.account_id and not may_manage(actor, organization):
        raise NotFound()
    if account is None or not may_name(
        actor,
        account,
        await account_repository.regions_of(session, account.id, account.region_code),
    ):
        raise invalid_field("/account_id", "unknown_account", "没有此账号", "No such account")
    if not may_join(account):
        raise Forbidden(
            Text(
                "只有企业和专家账号可以加入机构", "Only enterprises and experts join organizations"
            )
        )
    known = await repository.find_membership_of(session, account_id, organization.id)
    if known and known.state is not MembershipState.REVOKED:
        raise Conflict(EXISTS)
    if account_id == actor.account_id:
        await _require_few_wishes(session, account_id)
    if known:
        return await _reopen(session, actor, known.id)
    membership = await _request(session, account_id, organization, actor.account_id)
    return await get(session, actor, membership.id)


async def get(session: AsyncSession, actor: Actor, membership_id: UUID) -> Membership:
    """The membership, if the actor may read it."""
    membership = await repository.find_membership(session, membership_id)
    if membership is None or not may_read_membership(actor, membership):
        raise NotFound()
    return membership


async def get_managed(session: AsyncSession, actor: Actor, membership_id: UUID) -> Membership:
    """The membership, locked, if the actor may touch it."""
    return admitted(
        session,
        await repository.find_membership(session, membership_id, is_for_update=True),
        may_read=partial(may_read_membership, actor),
        may_touch=partial(parties_in, actor),
    )


async def search(pages: Pages, actor: Actor, query: MembershipQuery) -> Page[MembershipBody]:
    return await pages.read(
        repository.listed_memberships(query, readable_memberships(actor)),
        query=query,
        columns={"created_at": Membership.created_at},
        show=lambda membership: show(actor, membership),
    )


async def move(session: AsyncSession, actor: Actor, membership_id: UUID, verb: str) -> Membership:
    """`approve` by the staff of the organization's region; `revoke` also by the member."""
    is_open = verb != "approve" or await _stays_open(session, actor, membership_id)
    membership = await get_managed(session, actor, membership_id)
    parties = parties_in(actor, membership)
    target = next_state(MEMBERSHIP_TRANSITIONS, verb, membership.state, parties)
    if not is_open:
        raise Conflict(Text("该账号已停用", "This account is closed"))
    await _enter(session, membership, target, actor.account_id)
    if membership.account_id == actor.account_id:
        # They act for fewer now.
        await account_repository.open_scope_of(session, membership.account_id)
    return membership


async def revoke_all(session: AsyncSession, account_id: UUID, actor_id: UUID | None) -> None:
    """End all memberships of an account, asked for or approved."""
    for membership in await repository.lock_memberships_of(session, account_id):
        if membership.state is not MembershipState.REVOKED:
            await _enter(session, membership, MembershipState.REVOKED, actor_id)


async def _enter(
    session: AsyncSession, membership: Membership, state: MembershipState, actor_id: UUID | None
) -> None:
    """Put the membership into a state, and tell the followers."""
    settle_membership(membership, state)
    await changes.append(session, f"membership.{state}", membership.id, actor_id=actor_id)


def show(actor: Actor, membership: Membership) -> MembershipBody:
    parties = parties_in(actor, membership)
    return MembershipBody.of(
        membership,
        account_name=membership.account.display_name,
        organization_name=membership.organization.name,
        allowed_actions=possible_verbs(MEMBERSHIP_TRANSITIONS, membership.state, parties),
    )


async def _stays_open(session: AsyncSession, actor: Actor, membership_id: UUID) -> bool:
    """Whether the member's account is open, and held so before its membership is locked.

    Whoever erases an account locks in this order, too.
    """
    account_id = (await get(session, actor, membership_id)).account_id
    async with borrowed(session, Scope.SERVICE):  # of whichever region the account is
        return await account_repository.stays_open(session, account_id)


async def _require_few_wishes(session: AsyncSession, account_id: UUID) -> None:
    """Raises Conflict for somebody who waits for enough answers: each is work for the staff."""
    await account_repository.lock(session, account_id)
    if await repository.count_requested(session, account_id) >= MAX_REQUESTED:
        raise Conflict(
            Text(
                "待审核的申请已有 {count} 个，请等待处理或撤回",
                "{count} requests of yours wait for an answer; wait, or revoke one",
            ).format(count=MAX_REQUESTED)
        )


async def _reopen(session: AsyncSession, actor: Actor, membership_id: UUID) -> Membership:
    """Ask again for what was revoked."""
    membership = await get_managed(session, actor, membership_id)
    if membership.state is not MembershipState.REVOKED:  # somebody else was first
        raise Conflict(EXISTS)
    async with borrowed(session, Scope.SERVICE):  # on its own, the account may only leave
        await _enter(session, membership, MembershipState.REQUESTED, actor.account_id)
    return membership


async def _request(
    session: AsyncSession, account_id: UUID, organization: Organization, actor_id: UUID | None
) -> Membership:
    membership = Membership(
        account_id=account_id,
        organization_id=organization.id,
        state=MembershipState.REQUESTED,
    )
    session.add(membership)
    await changes.append(session, "membership.requested", membership.id, actor_id=actor_id)
    return membership
