"""HTTP for organizations, registration and memberships."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.accounts.dependencies import CurrentAccount
from app.database import SessionDep
from app.interface.admission import limited
from app.interface.auditing import sensitive
from app.interface.batch import add_batch
from app.interface.pagination import Page, PagesDep
from app.interface.policies import RateClass
from app.interface.routing import DomainRouter
from app.interface.schemas import Reason
from app.organizations import memberships, operations
from app.organizations.actors import CurrentActor, StaffActor
from app.organizations.models import Membership, Organization
from app.organizations.schemas import (
    MembershipBody,
    MembershipCreate,
    MembershipQuery,
    OrganizationBody,
    OrganizationCreate,
    OrganizationQuery,
    OrganizationUpdate,
    Registered,
    Registration,
)

router = DomainRouter("organizations")


@router.post("/organizations:register", status_code=status.HTTP_201_CREATED)
@limited(RateClass.REGISTRATION, email_of=lambda values: values["data"].account.email)
async def register_enterprise(session: SessionDep, data: Registration) -> Registered:
    """企业注册 · An enterprise introduces itself by its credit code; a coordinator verifies it."""
    return await memberships.register(session, data)


@router.post("/organizations", status_code=status.HTTP_201_CREATED)
async def create_organization(
    session: SessionDep, actor: StaffActor, data: OrganizationCreate
) -> OrganizationBody:
    """登记机构 · Staff enter an organization of their region; it counts as verified."""
    return operations.show(actor, await operations.create(session, actor, data))


@router.get("/organizations")
@sensitive(shows="contact_phone")
async def list_organizations(
    pages: PagesDep, actor: CurrentActor, query: Annotated[OrganizationQuery, Query()]
) -> Page[OrganizationBody]:
    """机构列表 · Verified organizations, one's own, and for staff all of their region."""
    return await operations.search(pages, actor, query)


@router.get("/organizations/{organization_id:uuid}")
@sensitive(shows="contact_phone")
async def read_organization(
    session: SessionDep, actor: CurrentActor, organization_id: UUID
) -> OrganizationBody:
    """机构详情 · One organization; contacts only for its members and the staff of its region."""
    return operations.show(actor, await operations.get(session, actor, organization_id))


@router.patch("/organizations/{organization_id:uuid}")
async def update_organization(
    session: SessionDep, actor: CurrentActor, organization_id: UUID, data: OrganizationUpdate
) -> OrganizationBody:
    """修改机构 · Change what the body names; its identity only by staff."""
    return operations.show(actor, await operations.update(session, actor, organization_id, data))


@router.post("/organizations/{organization_id:uuid}:verify")
async def verify_organization(
    session: SessionDep, actor: StaffActor, organization_id: UUID
) -> OrganizationBody:
    """核验机构 · A coordinator confirms that the organization is who it says."""
    moved = await operations.move(session, actor, organization_id, "verify")
    return operations.show(actor, moved)


@router.post("/organizations/{organization_id:uuid}:reject")
async def reject_organization(
    session: SessionDep, actor: StaffActor, organization_id: UUID, data: Reason
) -> OrganizationBody:
    """驳回机构 · A coordinator refuses the registration, with the reason."""
    moved = await operations.move(session, actor, organization_id, "reject", data.reason)
    return operations.show(actor, moved)


@router.post("/memberships", status_code=status.HTTP_201_CREATED)
async def create_membership(
    session: SessionDep, actor: CurrentActor, data: MembershipCreate
) -> MembershipBody:
    """申请加入机构 · Ask to act for an organization, also again; staff may name another account."""
    return memberships.show(actor, await memberships.create(session, actor, data))


@router.get("/memberships")
@sensitive()
async def list_memberships(
    pages: PagesDep, actor: CurrentActor, query: Annotated[MembershipQuery, Query()]
) -> Page[MembershipBody]:
    """成员关系列表 · One's own memberships, those of one's organizations, and staff's region."""
    return await memberships.search(pages, actor, query)


@router.get("/memberships/{membership_id:uuid}")
@sensitive()
async def read_membership(
    session: SessionDep, actor: CurrentActor, membership_id: UUID
) -> MembershipBody:
    """成员关系详情 · One membership."""
    return memberships.show(actor, await memberships.get(session, actor, membership_id))


@router.post("/memberships/{membership_id:uuid}:approve")
async def approve_membership(
    session: SessionDep, actor: StaffActor, membership_id: UUID
) -> MembershipBody:
    """批准成员 · The account may act for the organization from now on."""
    moved = await memberships.move(session, actor, membership_id, "approve")
    return memberships.show(actor, moved)


@router.post("/memberships/{membership_id:uuid}:revoke")
async def revoke_membership(
    session: SessionDep, actor: CurrentActor, membership_id: UUID
) -> MembershipBody:
    """撤销成员 · The account may no longer act for the organization."""
    moved = await memberships.move(session, actor, membership_id, "revoke")
    return memberships.show(actor, moved)


add_batch(router, "organizations", Organization, CurrentAccount)
add_batch(router, "memberships", Membership, CurrentAccount)
