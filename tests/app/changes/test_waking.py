"""Followers' tasks are put into the queue when there is news for them, and only then."""

from uuid import uuid4

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations
from app.changes.waking import Waking


async def test_wakes_those_for_whom_there_is_news(app: FastAPI, session: AsyncSession) -> None:
    waking = Waking(app.state.sessions, {"tell_notices": ["demand"], "mail_notices": ["thing"]})

    async def woken(*kinds: str) -> list[str]:
        for kind in kinds:
            await operations.append(session, kind, uuid4())
        await session.commit()
        await waking.look()
        jobs = "DELETE FROM procrastinate_jobs RETURNING task_name"
        found = (await session.scalars(text(jobs))).all()
        await session.commit()
        return sorted(found)

    assert await woken("demand.made") == [], "by the clock they have looked already"
    assert await woken("demand.changed", "other.made") == ["tell_notices"]
    assert await woken() == []
    assert await woken("other.made") == []
    assert await woken("thing.made", "demand.made") == ["mail_notices", "tell_notices"]
