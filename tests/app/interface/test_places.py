"""Requests that wait leave connections to the others."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, ApiKey, Role
from app.interface.errors import Unavailable
from app.interface.places import Places
from tests.locks import Locks
from tests.people import PASSWORD, People, new_key

CONNECTIONS = 20
PLACES, WRITERS = 8, 12


def renamings(client: AsyncClient) -> list[asyncio.Task[Response]]:
    """More changes of one's own account than may run at a time."""
    names = [{"display_name": f"另名{n}"} for n in range(3 * PLACES)]
    return [asyncio.create_task(client.patch("/me", json=name)) for name in names]


async def lock(session: AsyncSession, *accounts: Account) -> None:
    ids = [account.id for account in accounts]
    await session.execute(select(Account).where(Account.id.in_(ids)).with_for_update())


async def reads(client: AsyncClient) -> bool:
    async with asyncio.timeout(4):  # before those that wait give up
        return (await client.get("/me")).status_code == 200


@pytest.mark.parametrize("has_key", [False, True])
async def test_one_account_does_not_hold_all_connections(
    app: FastAPI, people: People, session: AsyncSession, locks: Locks, has_key: bool
) -> None:
    """Nor by a key that was not used before."""
    account = await people.account(Role.EXPERT)
    client, other = await people.client(account), await people.coordinator()
    if has_key:
        key = await new_key(client)
        client.headers["Authorization"] = f"Bearer {key['key']}"
    pool = app.state.sessions.kw["bind"].pool
    await lock(session, account)
    asked = renamings(client)
    await locks.wait(PLACES)
    assert pool.checkedout() == PLACES
    assert await reads(other)
    await session.rollback()
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} <= {200, 409}  # some have read before others


async def test_nor_do_several_accounts(
    app: FastAPI, people: People, session: AsyncSession, locks: Locks
) -> None:
    accounts = [await people.account(Role.EXPERT) for _ in range(3)]
    clients = [await people.client(account) for account in accounts]
    other = await people.coordinator()
    pool = app.state.sessions.kw["bind"].pool
    await lock(session, *accounts)
    asked = [task for client in clients for task in renamings(client)]
    await locks.wait(WRITERS)
    assert pool.checkedout() == WRITERS
    assert await reads(other)
    await session.rollback()
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} <= {200, 409}


async def test_renewing_a_sign_in_waits_for_nobody(
    client: AsyncClient, people: People, session: AsyncSession
) -> None:
    """One token is asked for as often as somebody likes, while their own batch is at work."""
    account = await people.account(Role.EXPERT)
    given = {"email": account.email, "password": PASSWORD}
    tokens = (await client.post("/auth:sign-in", json=given)).json()
    body = {"refresh_token": tokens["refresh_token"]}
    await lock(session, account)
    async with asyncio.timeout(4):
        answers = await asyncio.gather(*(client.post("/auth:refresh", json=body) for _ in range(5)))
    assert {(a.status_code, a.json()["code"]) for a in answers} == {(503, "busy")}
    assert all("retry-after" in answer.headers for answer in answers)
    await session.rollback()
    assert (await client.post("/auth:refresh", json=body)).status_code == 200


async def test_uses_of_a_key_are_not_waited_for(people: People, session: AsyncSession) -> None:
    account = await people.account(Role.EXPERT)
    client = await people.client(account)
    key = await new_key(client)
    client.headers["Authorization"] = f"Bearer {key['key']}"
    await session.execute(select(ApiKey).with_for_update())
    assert await reads(client)


async def test_slow_bodies_shut_neither_the_keys_owner_nor_writers_out(people: People) -> None:
    """Whoever has somebody's key, or an account, may send as slowly as it pleases."""
    account = await people.account(Role.EXPERT)
    owner, thief = await people.client(account), await people.client(account)
    key = await new_key(owner, is_read_only=True)
    thief.headers["Authorization"] = f"Bearer {key['key']}"
    assert await reads(thief)
    ended, begun = asyncio.Event(), asyncio.Semaphore(0)

    async def slow() -> AsyncIterator[bytes]:
        begun.release()
        yield b'{"name":'
        await ended.wait()
        yield b'"x"}'

    headers = {"Content-Type": "application/json"}
    asked = [
        asyncio.create_task(sender.post("/experts", content=slow(), headers=headers))
        for sender in (thief, await people.enterprise())
        for _ in range(PLACES)
    ]
    for _ in asked:
        await begun.acquire()
    async with asyncio.timeout(4):
        assert (await owner.patch("/me", json={"display_name": "另名"})).status_code == 200
    ended.set()
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} == {403}


async def test_writers_wait_for_a_while_and_readers_not_at_all() -> None:
    places = Places(CONNECTIONS, wait_seconds=0.05)
    async with contextlib.AsyncExitStack() as stack:
        for n in range(WRITERS):
            await stack.enter_async_context(places.to_work(n, is_writing=True))
        with pytest.raises(Unavailable):
            async with places.to_work("other", is_writing=True):
                pass
        async with places.to_work("other", is_writing=False):
            pass
    async with places.to_work("other", is_writing=True):
        pass


@pytest.mark.parametrize("connections", [2, 3, 10])
async def test_of_few_connections_some_are_left_to_readers(connections: int) -> None:
    assert 1 <= Places(connections).of_writers < connections
