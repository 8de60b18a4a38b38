"""What repositories ask in the same way: read anew under a lock, and filters by equality."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app import queries
from app.accounts.models import Account
from app.accounts.schemas import AccountQuery
from app.experts.models import Expert, ExpertKind
from app.experts.schemas import ExpertQuery
from app.scopes import Scope, within
from tests.app.experts.profiles import store

Find = Callable[[AsyncSession, UUID, bool], Awaitable[Expert | None]]


async def by_id(session: AsyncSession, expert_id: UUID, is_for_update: bool) -> Expert | None:
    return await queries.find(session, Expert, expert_id, is_for_update=is_for_update)


async def by_statement(
    session: AsyncSession, expert_id: UUID, is_for_update: bool
) -> Expert | None:
    statement = select(Expert).where(Expert.id == expert_id)
    return await queries.find_one(session, statement, Expert, is_for_update=is_for_update)


async def is_locked(session: AsyncSession, expert_id: UUID) -> bool:
    """Whether another transaction holds the row."""
    free = select(Expert.id).where(Expert.id == expert_id).with_for_update(skip_locked=True)
    found = await session.scalar(free)
    await session.commit()
    return found is None


@pytest.mark.parametrize("find", [by_id, by_statement])
async def test_what_is_locked_is_read_anew(app: FastAPI, session: AsyncSession, find: Find) -> None:
    expert_id = (await store(session)).id
    async with within(app.state.sessions, Scope.SERVICE)() as other:
        known = await find(other, expert_id, False)
        assert known is not None
        await session.execute(update(Expert).values(title="院士"))
        await session.commit()
        assert known.title == "教授"
        assert await find(other, expert_id, True) is known
        assert known.title == "院士"
        assert await is_locked(session, expert_id)


@pytest.mark.parametrize("find", [by_id, by_statement])
async def test_what_a_scope_may_only_read_is_read(
    app: FastAPI, session: AsyncSession, find: Find
) -> None:
    expert_id = (await store(session)).id
    async with within(app.state.sessions, Scope.INDEX)() as reader:
        assert await find(reader, expert_id, True) is not None
        assert not await is_locked(session, expert_id)


def test_a_filter_is_what_the_query_says() -> None:
    query = ExpertQuery(kind=ExpertKind.ACADEMICIAN)
    [condition] = queries.equals(Expert, query, ("kind", "state"))
    assert condition.compare(Expert.kind == ExpertKind.ACADEMICIAN)
    [condition] = queries.equals(Account, AccountQuery(is_active=False), ("role", "is_active"))
    assert condition.compare(Account.is_active == False)  # noqa: E712
