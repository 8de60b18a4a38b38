"""The record of changes: nothing is lost and nothing comes twice, whatever the order of commits."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import chain
from uuid import uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations, repository
from app.changes.repository import Position, position_now, read_since


class Follower:
    """Reads on from where it was, each time in a transaction of its own."""

    def __init__(self, app: FastAPI, position: Position | None = None) -> None:
        self._app = app
        self.position = position or Position()

    async def read(self) -> list[str]:
        async with self._app.state.sessions() as session:
            rows, self.position = await read_since(session, self.position)
        return [row.kind for row in rows]


@pytest.fixture
async def writers(app: FastAPI) -> AsyncIterator[list[AsyncSession]]:
    """Three connections, each with a transaction of its own."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(app.state.sessions()) for _ in range(3)]


async def write(session: AsyncSession, kind: str) -> None:
    await operations.append(session, kind, uuid4())


async def test_commits_out_of_order(app: FastAPI, writers: list[AsyncSession]) -> None:
    first, second, _ = writers
    follower = Follower(app)
    await write(first, "first")
    await write(second, "second")
    await second.commit()
    assert await follower.read() == ["second"]
    assert await follower.read() == []
    await first.commit()
    assert await follower.read() == ["first"]
    assert await follower.read() == []


async def test_rolled_back_changes_never_come(app: FastAPI, writers: list[AsyncSession]) -> None:
    first, second, _ = writers
    follower = Follower(app)
    await write(first, "lost")
    await write(second, "kept")
    await first.rollback()
    await second.commit()
    assert await follower.read() == ["kept"]


async def test_many_readers_are_independent(app: FastAPI, writers: list[AsyncSession]) -> None:
    await write(writers[0], "one")
    await writers[0].commit()
    early, late = Follower(app), Follower(app)
    assert await early.read() == ["one"]
    await write(writers[0], "two")
    await writers[0].commit()
    assert await late.read() == ["one", "two"]
    assert await early.read() == ["two"]


async def test_reader_of_the_tables_misses_nothing_that_commits_meanwhile(
    app: FastAPI, writers: list[AsyncSession]
) -> None:
    running, other, reader = writers
    await write(other, "before")
    await other.commit()
    await write(running, "meanwhile")
    follower = Follower(app, await position_now(reader))
    await running.commit()
    assert "meanwhile" in await follower.read()
    assert await follower.read() == []


async def test_batches(
    app: FastAPI, writers: list[AsyncSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "BATCH", 3)
    running, writer, _ = writers
    await write(running, "late")
    for number in range(8):
        await write(writer, str(number))
        if number % 4 == 3:
            await writer.commit()
    follower = Follower(app)
    batches = [await follower.read() for _ in range(4)]
    assert [len(batch) for batch in batches] == [3, 3, 2, 0]
    assert list(chain(*batches)) == [str(number) for number in range(8)]
    await running.commit()
    assert await follower.read() == ["late"]


async def test_position_forgets_what_cannot_come_again(
    app: FastAPI, writers: list[AsyncSession]
) -> None:
    running, writer, _ = writers
    follower = Follower(app)
    await write(running, "long import")
    for number in range(20):
        await write(writer, str(number))
        await writer.commit()
        await follower.read()
    assert len(follower.position.seen) == 20
    await running.commit()
    assert await follower.read() == ["long import"]
    async with asyncio.timeout(60):  # transactions of the tests beside this one hold it back, too
        while follower.position.seen:
            assert await follower.read() == []
            await asyncio.sleep(0.05)
    assert follower.position.oldest > 0


@pytest.mark.parametrize("seed", range(6))
async def test_any_interleaving_brings_every_change_once(
    app: FastAPI, writers: list[AsyncSession], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "BATCH", 4)
    chance = random.Random(seed)
    follower, read = Follower(app), Counter[str]()
    committed: set[str] = set()
    pending: dict[int, set[str]] = {index: set() for index in range(len(writers))}
    for step in range(120):
        index = chance.randrange(len(writers))
        verb = chance.choices(["write", "commit", "rollback", "read"], [5, 2, 1, 3])[0]
        if verb == "write":
            await write(writers[index], str(step))
            pending[index].add(str(step))
        elif verb == "read":
            read.update(await follower.read())
        else:
            await getattr(writers[index], verb)()
            committed |= pending[index] if verb == "commit" else set()
            pending[index] = set()
        assert set(read) <= committed
    for _ in range(len(committed)):  # as many batches as there can be
        read.update(await follower.read())
    assert read == Counter(committed)
    assert await follower.read() == []


async def test_change_is_of_the_transaction_that_makes_it(
    app: FastAPI, writers: list[AsyncSession]
) -> None:
    """Both or neither: a change without its cause would tell of what never was."""
    follower = Follower(app)
    await write(writers[0], "undone")
    await writers[0].rollback()
    await write(writers[0], "done")
    assert await follower.read() == []
    await writers[0].commit()
    assert await follower.read() == ["done"]
