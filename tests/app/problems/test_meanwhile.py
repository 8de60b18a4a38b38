"""What happens while demands are compared: nothing of it is lost, or told of as it was before."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.demands.models import DemandState
from app.problems import proposing, repository
from app.problems.grouping import Pair, group
from app.problems.reconciling import reconcile
from app.problems.repository import find_concerned
from app.problems.similarity import find_pairs
from tests.app.matches.scenes import move
from tests.app.problems import scenes
from tests.people import People


async def test_what_is_withdrawn_while_demands_are_compared_is_not_proposed(
    app: FastAPI, people: People, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scenes.others(session, people)
    gone = await scenes.demand(session, people, "黄变")
    await scenes.demand(session, people, "黄变二")

    async def compare(*given: Any) -> list[Pair]:
        found = await find_pairs(*given)
        await move(session, gone, DemandState.WITHDRAWN)
        return found

    monkeypatch.setattr(proposing, "find_pairs", compare)
    await scenes.propose(app)
    assert await scenes.listed(await people.administrator()) == []


async def test_an_edit_that_comes_last_of_all_is_not_lost(
    app: FastAPI, people: People, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a demand, too, that was published when all had been compared."""
    await scenes.others(session, people)
    kept = [await scenes.demand(session, people, s) for s in ("黄变", "黄变二", "黄变")]
    staff = await people.coordinator()
    await scenes.propose(app)
    path = f"/common-problems/{(await scenes.only(staff))['id']}"
    added: list[UUID] = []

    async def edited(*given: Any) -> Any:
        added.append((await scenes.demand(session, people, "氨氮")).id)
        wanted = [str(demand_id) for demand_id in (kept[0].id, kept[1].id, *added)]
        answer = await staff.patch(path, json={"demand_ids": wanted})
        assert answer.status_code == 200, answer.text
        return await find_concerned(*given)

    with monkeypatch.context() as patched:
        patched.setattr(repository, "find_concerned", edited)
        await scenes.propose(app)
    assert len(added) == 1
    assert scenes.members(await scenes.only(staff)) == {kept[0].id, kept[1].id, *added}


async def test_what_was_corrected_while_demands_are_compared_is_not_told_of_as_it_was(
    app: FastAPI, people: People, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scenes.others(session, people)
    corrected = await scenes.demand(session, people, "黄变")
    await scenes.demand(session, people, "黄变二")

    async def compare(*given: Any) -> list[Pair]:
        found = await find_pairs(*given)
        corrected.title = "更正后的名称"
        await session.commit()
        return found

    monkeypatch.setattr(proposing, "find_pairs", compare)
    await scenes.propose(app)
    assert await scenes.listed(await people.administrator()) == []


async def test_groups_and_steps_are_found_beside_the_event_loop(
    app: FastAPI, people: People, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scenes.others(session, people)
    where: dict[str, threading.Thread] = {}

    def noted(work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any) -> Any:
            where[work.__name__] = threading.current_thread()
            return work(*given)

        return run

    for work in (group, reconcile):
        monkeypatch.setattr(proposing, work.__name__, noted(work))
    await scenes.propose(app)
    assert where.keys() == {"group", "reconcile"}
    assert threading.current_thread() not in where.values()
