"""Every SELECT on organizations and memberships."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager

from app import queries
from app.organizations.models import Membership, MembershipState, Organization
from app.organizations.schemas import MembershipQuery, OrganizationQuery
from app.regions import in_region
from app.scopes import INDEXED, Scope, borrowed
from app.search import matches_text


async def find(
    session: AsyncSession, organization_id: UUID, *, is_for_update: bool = False
) -> Organization | None:
    """The organization; see `queries.find`."""
    return await queries.find(session, Organization, organization_id, is_for_update=is_for_update)


async def find_by_code(session: AsyncSession, code: str) -> Organization | None:
    """The organization, whoever asks."""
    async with borrowed(session, Scope.LOOKUP, code):
        return await session.scalar(
            select(Organization).where(Organization.unified_social_credit_code == code)
        )


def listed(query: OrganizationQuery, readable: ColumnElement[bool]) -> Select[Organization]:
    """Readable organizations that meet the filters."""
    statement = select(Organization).where(readable).execution_options(**INDEXED)
    statement = statement.where(
        *queries.equals(Organization, query, ("kind", "state", "industry_code"))
    )
    if query.region_code is not None:
        statement = statement.where(in_region(Organization.region_code, query.region_code))
    if query.text is not None:
        statement = statement.where(matches_text(Organization.search, query.text))
    return statement


def _memberships() -> Select[Membership]:
    return (
        select(Membership)
        .join(Membership.account)
        .join(Membership.organization)
        .options(contains_eager(Membership.account), contains_eager(Membership.organization))
    )


async def find_membership(
    session: AsyncSession, membership_id: UUID, *, is_for_update: bool = False
) -> Membership | None:
    """The membership with account and organization; see `queries.find_one`."""
    statement = _memberships().where(Membership.id == membership_id)
    return await queries.find_one(session, statement, Membership, is_for_update=is_for_update)


async def find_membership_of(
    session: AsyncSession, account_id: UUID, organization_id: UUID
) -> Membership | None:
    return await session.scalar(
        _memberships().where(
            Membership.account_id == account_id, Membership.organization_id == organization_id
        )
    )


async def count_requested(session: AsyncSession, account_id: UUID) -> int:
    """How many organizations have yet to answer the account."""
    statement = select(func.count()).where(
        Membership.account_id == account_id, Membership.state == MembershipState.REQUESTED
    )
    return await session.scalar(statement) or 0


async def lock_memberships_of(session: AsyncSession, account_id: UUID) -> Sequence[Membership]:
    """All memberships of an account, alone, locked in the order of their ids."""
    mine = select(Membership).where(Membership.account_id == account_id)
    statement = mine.order_by(Membership.id)
    return (await session.scalars(statement.with_for_update())).all()


async def has_members(session: AsyncSession, organization_id: UUID) -> bool:
    """Whether anybody acts for the organization."""
    approved = select(Membership.id).where(
        Membership.organization_id == organization_id,
        Membership.state == MembershipState.APPROVED,
    )
    return await session.scalar(approved.limit(1)) is not None


def listed_memberships(query: MembershipQuery, readable: ColumnElement[bool]) -> Select[Membership]:
    statement = _memberships().where(readable)
    return statement.where(
        *queries.equals(Membership, query, ("organization_id", "account_id", "state"))
    )
