"""Organizations: registered, verified or rejected, kept up to date."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.interface.errors import (
    NOT_IN_REGION,
    NOT_OUT_OF_REGION,
    Forbidden,
    NotFound,
    invalid_field,
)
from app.interface.pagination import Page, Pages
from app.interface.preconditions import admitted
from app.jobs import defer_unless_waiting
from app.organizations import repository
from app.organizations.access import (
    allowed_actions,
    may_change_identity,
    may_manage,
    may_place,
    may_read,
    parties_of,
    readable,
)
from app.organizations.actors import Actor
from app.organizations.models import Organization, OrganizationState
from app.organizations.schemas import (
    OrganizationBody,
    OrganizationCreate,
    OrganizationFields,
    OrganizationQuery,
    OrganizationUpdate,
)
from app.organizations.workflow import TRANSITIONS, settle
from app.search import search_vector
from app.transitions import next_state

SORTS = {"created_at": Organization.created_at, "name": Organization.name}
# The region is part of it: it decides who supervises.
IDENTITY = ("name", "unified_social_credit_code", "kind", "region_code")
CONTACTS = ("contact_name", "contact_phone", "contact_email")


def show(actor: Actor, organization: Organization) -> OrganizationBody:
    """The organization; contacts only for its members and the staff of its region."""
    hidden = {} if may_manage(actor, organization) else dict.fromkeys(CONTACTS)
    return OrganizationBody.of(
        organization, allowed_actions=allowed_actions(actor, organization), **hidden
    )


async def create(session: AsyncSession, actor: Actor, data: OrganizationCreate) -> Organization:
    """Staff enter an organization that they vouch for."""
    if not actor.manages_region(data.region_code):
        raise Forbidden(NOT_IN_REGION)
    placed = data.model_copy(update={"region_code": actor.region_for(data.region_code)})
    return await add(session, actor, placed, OrganizationState.VERIFIED)


async def add(
    session: AsyncSession, actor: Actor, data: OrganizationFields, state: OrganizationState
) -> Organization:
    """Store a new organization; a credit code that is already there is refused."""
    await _require_free_code(session, data.unified_social_credit_code, None)
    organization = Organization(**data.model_dump(), state=state)
    index_text(organization)
    session.add(organization)
    await changes.append(
        session, "organization.created", organization.id, actor_id=actor.account_id
    )
    return organization


async def get(session: AsyncSession, actor: Actor, organization_id: UUID) -> Organization:
    """The organization, if the actor may read it."""
    organization = await repository.find(session, organization_id)
    if organization is None or not may_read(actor, organization):
        raise NotFound()
    return organization


async def get_managed(session: AsyncSession, actor: Actor, organization_id: UUID) -> Organization:
    """The organization, locked, if the actor may touch it."""
    organization = await repository.find(session, organization_id, is_for_update=True)
    return admitted(
        session,
        organization,
        may_read=partial(may_read, actor),
        may_touch=partial(may_manage, actor),
    )


async def get_named(session: AsyncSession, actor: Actor, organization_id: UUID) -> Organization:
    """The organization that a body names; Invalid unless the actor may read it."""
    organization = await repository.find(session, organization_id)
    if organization is None or not may_read(actor, organization):
        raise invalid_field(
            "/organization_id", "unknown_organization", "没有此机构", "No such organization"
        )
    return organization


class Linked(Protocol):
    """A record that may belong to an organization, and then bears its name."""

    organization_id: UUID | None
    organization_name: str


async def with_lent_name(
    session: AsyncSession, actor: Actor, record: Linked, values: Mapping[str, Any]
) -> dict[str, Any]:
    """The values for the record, so that id and name say the same.

    An id lends its organization's name, which goes with it; a name of one's own ends the link.
    """
    link = {n: values[n] for n in ("organization_id", "organization_name") if n in values}
    if (organization_id := link.get("organization_id")) is not None:
        organization = await get_named(session, actor, organization_id)
        link["organization_name"] = organization.name
    elif record.organization_id is not None and link:
        is_kept = link == {"organization_name": record.organization_name}
        link = {} if is_kept else {"organization_id": None, "organization_name": "", **link}
    return {**values, **link}


async def search(pages: Pages, actor: Actor, query: OrganizationQuery) -> Page[OrganizationBody]:
    return await pages.read(
        repository.listed(query, readable(actor)),
        query=query,
        columns=SORTS,
        show=lambda organization: show(actor, organization),
    )


async def update(
    session: AsyncSession, actor: Actor, organization_id: UUID, data: OrganizationUpdate
) -> Organization:
    """Change what the body names; its identity only by staff of its region."""
    organization = await get_managed(session, actor, organization_id)
    wanted = actor.placing(data.changes())
    _require_unlocked(actor, organization, wanted)
    await require_placeable(session, actor, organization, wanted)
    if "unified_social_credit_code" in wanted:
        code = wanted["unified_social_credit_code"]
        await _require_free_code(session, code, organization.id)
    is_renamed = wanted.get("name", organization.name) != organization.name
    for name, value in wanted.items():
        setattr(organization, name, value)
    if not may_manage(actor, organization):
        raise Forbidden(NOT_OUT_OF_REGION)
    index_text(organization)
    await changes.append(
        session, "organization.updated", organization.id, actor_id=actor.account_id
    )
    if is_renamed:
        await defer_unless_waiting(session, "renew_lent_names")
    return organization


async def require_placeable(
    session: AsyncSession, actor: Actor, organization: Organization, wanted: Mapping[str, Any]
) -> None:
    """Raises Invalid for a first region that would give its members' accounts to the actor."""
    is_first = organization.region_code is None and wanted.get("region_code") is not None
    if is_first and not may_place(actor) and await repository.has_members(session, organization.id):
        message = ("请联系管理员填写地区", "An administrator gives the region")
        raise invalid_field("/region_code", "locked", *message)


def _require_unlocked(actor: Actor, organization: Organization, wanted: Mapping[str, Any]) -> None:
    if may_change_identity(actor, organization):
        return
    for name in IDENTITY:
        if name in wanted and wanted[name] != getattr(organization, name):
            message = ("请由所在地区的工作人员修改", "Staff of its region change this")
            raise invalid_field(f"/{name}", "locked", *message)


async def move(
    session: AsyncSession, actor: Actor, organization_id: UUID, verb: str, reason: str = ""
) -> Organization:
    """`verify` or `reject`, by the staff of its region."""
    organization = await get_managed(session, actor, organization_id)
    parties = parties_of(actor, organization)
    target = next_state(TRANSITIONS, verb, organization.state, parties)
    settle(organization, target, reason)
    await changes.append(
        session, f"organization.{target}", organization.id, actor_id=actor.account_id
    )
    return organization


async def _require_free_code(
    session: AsyncSession, code: str | None, organization_id: UUID | None
) -> None:
    found = await repository.find_by_code(session, code) if code else None
    if found is not None and found.id != organization_id:
        raise invalid_field(
            "/unified_social_credit_code",
            "credit_code_taken",
            "该统一社会信用代码已登记；如占用它的是未经核验的注册，"
            "请其所在地区工作人员或管理员核验该注册，或清除其代码",
            "This unified social credit code is already registered; if by a registration that"
            " nobody verified, staff of its region verify it, or clear its code",
        )


def index_text(organization: Organization) -> None:
    """Bring the search column up to date with name and introduction."""
    organization.search = search_vector([organization.introduction], names=[organization.name])
