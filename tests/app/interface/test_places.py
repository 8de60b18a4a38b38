"""Requests of one account that wait leave connections to the others."""

import asyncio

from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, Role
from app.interface.places import PLACES
from tests.locks import Locks
from tests.people import People


async def test_one_account_does_not_hold_all_connections(
    app: FastAPI, people: People, session: AsyncSession, locks: Locks
) -> None:
    account = await people.account(Role.EXPERT)
    client, other = await people.client(account), await people.coordinator()
    pool = app.state.sessions.kw["bind"].pool
    await session.execute(select(Account).where(Account.id == account.id).with_for_update())
    asked = [
        asyncio.create_task(client.patch("/me", json={"display_name": f"另名{n}"}))
        for n in range(3 * PLACES)
    ]
    await locks.wait(PLACES)
    assert pool.checkedout() == PLACES
    async with asyncio.timeout(4):  # before those that wait give up
        assert (await other.get("/me")).status_code == 200
    await session.rollback()
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} <= {200, 409}  # some have read before others
