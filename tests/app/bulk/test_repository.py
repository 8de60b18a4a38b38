"""How an import finds the records that rows may mean."""

import asyncio

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.bulk.repository import experts_meant
from app.experts.models import Expert
from app.scopes import Scope, Sessions, within
from tests.app.experts.profiles import store


async def test_records_are_locked_in_the_order_of_their_ids(
    sessions: Sessions, session: AsyncSession
) -> None:
    first, second = [await store(session, name=name) for name in ("甲", "乙")]
    # Where it lies it now comes after the second.
    await session.execute(update(Expert).where(Expert.id == first.id).values(title="院士"))
    await session.commit()
    locking = select(Expert.id).with_for_update(nowait=True)
    await session.execute(locking.where(Expert.id == first.id))

    async with within(sessions, Scope.SERVICE)() as other:
        meant = asyncio.create_task(experts_meant(other, [], ["甲", "乙"]))
        await asyncio.wait([meant], timeout=0.5)  # it waits for the first
        await session.execute(locking.where(Expert.id == second.id))  # and has not locked this
        await session.commit()
        assert {expert.name for expert in await meant} == {"甲", "乙"}
