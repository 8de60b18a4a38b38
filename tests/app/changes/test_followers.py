"""Followers by jobs: a change is read once, with what was done of it, also after a restore."""

from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from fastapi import FastAPI

from app.changes import followers, operations
from tests.epochs import begin_new_epoch

Read = Callable[[], Awaitable[list[str]]]


@pytest.fixture
async def read(app: FastAPI) -> Read:
    """What a follower reads in one committed transaction."""

    async def one_read() -> list[str]:
        async with app.state.sessions.begin() as session:
            rows = await followers.next_changes(session, "test", records=["thing"])
        return [row.kind for row in rows]

    await one_read()
    return one_read


async def write(app: FastAPI, kind: str) -> None:
    async with app.state.sessions.begin() as session:
        await operations.append(session, kind, uuid4())


async def test_reads_what_came_since_once(app: FastAPI, read: Read) -> None:
    await write(app, "thing.made")
    await write(app, "other.made")
    assert await read() == ["thing.made"]
    assert await read() == []
    await write(app, "thing.changed")
    assert await read() == ["thing.changed"]


async def test_what_was_not_done_is_read_again(app: FastAPI, read: Read) -> None:
    await write(app, "thing.made")
    async with app.state.sessions() as session:
        assert await followers.next_changes(session, "test", records=["thing"])
        await session.rollback()
    assert await read() == ["thing.made"]


async def test_after_a_restore_nothing_is_lost(
    app: FastAPI, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followers, "READ_AGAIN", 0)
    await write(app, "thing.read")
    assert await read() == ["thing.read"]
    await write(app, "thing.before")
    await begin_new_epoch(app)
    await write(app, "thing.after")
    assert await read() == ["thing.before", "thing.after"]
    assert await read() == []
