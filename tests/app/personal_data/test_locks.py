"""Whoever locks several records locks them in one order, so that two do not wait for each other."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from uuid import UUID

import pytest
from sqlalchemy import URL, Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.accounts.models import Role
from app.database import Record, open_engine
from app.demands.models import Demand
from app.organizations.models import (
    Membership,
    MembershipState,
    Organization,
    OrganizationKind,
    OrganizationState,
)
from app.organizations.repository import lock_memberships_of
from app.personal_data.repository import lock_demands, organizations_of
from app.scopes import Sessions, create_sessions
from app.search import search_vector
from app.settings import Settings
from tests.app.demands import forms as demands
from tests.people import People

Lock = Callable[[AsyncSession, UUID, Sequence[UUID]], Awaitable[object]]

LOCKS: dict[type[Record], Lock] = {
    Membership: lambda session, account_id, _: lock_memberships_of(session, account_id),
    Organization: lambda session, account_id, _: organizations_of(session, account_id),
    Demand: lambda session, _, ids: lock_demands(session, ids),
}
WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.fixture
async def sessions(database: URL, settings: Settings) -> AsyncIterator[Sessions]:
    async with open_engine(database, settings) as engine:
        yield create_sessions(engine)


@pytest.mark.parametrize("table", LOCKS, ids=lambda table: table.__tablename__)
async def test_two_transactions_do_not_deadlock(
    people: People, session: AsyncSession, sessions: Sessions, table: type[Record]
) -> None:
    """The first has the lowest record and comes for the highest, while the second waits for it."""
    account = await people.account(Role.ENTERPRISE)
    ids = sorted(uuid7() for _ in range(3))
    organizations = []
    for record_id in reversed(ids):  # as they lie in the table, which is how they are found
        organizations.append(await _owned(session, account.id, record_id))
    lowest, highest = (_row(table, record_id) for record_id in (ids[0], ids[-1]))
    async with sessions.begin() as first:
        await first.execute(lowest)
        second = asyncio.create_task(_lock(sessions, LOCKS[table], account.id, organizations))
        async with asyncio.timeout(20):
            while not await session.scalar(WAITING):
                await session.commit()  # a transaction sees the same activity all the time
                await asyncio.sleep(0.02)
        await first.execute(highest.with_for_update(nowait=True))
    await asyncio.wait_for(second, 20)


def _row(table: type[Record], record_id: UUID) -> Select[UUID]:
    return select(table.id).where(table.id == record_id).with_for_update()


async def _owned(session: AsyncSession, account_id: UUID, record_id: UUID) -> UUID:
    """An organization, the account's membership and a demand, all of this id."""
    organization = Organization(
        id=record_id,
        name=f"机构{record_id}",
        kind=OrganizationKind.ENTERPRISE,
        state=OrganizationState.VERIFIED,
        search=search_vector([]),
    )
    session.add(organization)
    await session.flush()
    session.add(
        Membership(
            id=record_id,
            account_id=account_id,
            organization_id=record_id,
            state=MembershipState.APPROVED,
        )
    )
    await demands.store(session, organization, id=record_id)
    return record_id


async def _lock(
    sessions: Sessions, lock: Lock, account_id: UUID, organization_ids: Sequence[UUID]
) -> None:
    async with sessions.begin() as session:
        await lock(session, account_id, organization_ids)
