"""How alike two demands are by what each, as a query, says of the other, and by which encoder."""

import asyncio

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.demands.models import DemandState
from app.matches.models import StoredVector
from app.problems.grouping import Pair
from app.problems.similarity import Look, pairs_of
from matching import text_key
from tests.app.matches.embeddings_server import EmbeddingsServer
from tests.app.matches.remote_encoder import app, endpoint, remote, run_jobs, work_of
from tests.app.matches.scenes import move
from tests.app.matches.test_forgetting import run, states
from tests.app.problems import scenes
from tests.people import People

__all__ = ["app", "endpoint", "remote"]  # fixtures
RETRY_SECONDS = 4.0  # a little more than the first of app.jobs.RETRY


def test_a_pair_is_as_alike_as_both_directions_say_in_the_mean() -> None:
    found = {"b": {"a": Look(0.5, ("废水",))}, "a": {"b": Look(0.3, ("氨氮",))}}
    assert pairs_of(found) == [Pair(first="a", second="b", similarity=0.4, terms=("氨氮",))]


@pytest.mark.parametrize(("way", "is_found"), [(0.31, False), (0.59, False), (0.6, True)])
def test_a_direction_that_says_nothing_is_no_agreement(way: float, is_found: bool) -> None:
    for found in ({"a": {"b": Look(way, ())}, "b": {}}, {"a": {}, "b": {"a": Look(way, ())}}):
        assert [pair.similarity for pair in pairs_of(found)] == [way / 2] * is_found


async def test_an_encoder_that_fails_half_way_is_waited_for(
    app: FastAPI, people: People, session: AsyncSession, endpoint: EmbeddingsServer
) -> None:
    """Else words alone would be measured by the same threshold as words and meaning."""
    for subject in scenes.SUBJECTS:
        await scenes.demand(session, people, subject)
    await run_jobs(work_of(app))
    staff = await people.administrator()
    endpoint.passing, endpoint.fault = ["none"], "error"
    await scenes.propose(app)
    assert not endpoint.passing
    assert await states(session, "propose_common_problems") == ["todo"]
    assert await scenes.listed(staff) == []
    endpoint.fault = None
    await asyncio.sleep(RETRY_SECONDS)
    await scenes.propose(app)
    assert len(await scenes.listed(staff)) == 2


async def test_what_was_compared_once_is_not_encoded_again_until_it_is_withdrawn(
    app: FastAPI, people: People, session: AsyncSession, endpoint: EmbeddingsServer
) -> None:
    demands = [await scenes.demand(session, people, subject) for subject in scenes.SUBJECTS]
    await run_jobs(work_of(app))
    before = len(endpoint.texts)
    await scenes.propose(app)
    compared = endpoint.texts[before:]
    assert len(compared) == len(demands), "their titles were known"

    async def asked_in_the_next_night() -> list[str]:
        await run(app, "forget_vectors")
        app.state.matcher.query_vectors.clear()
        before = len(endpoint.texts)
        await scenes.propose(app)
        return endpoint.texts[before:]

    assert await asked_in_the_next_night() == []
    for demand in demands:
        await move(session, demand, DemandState.WITHDRAWN)
    await run(app, "forget_vectors")
    kept = select(StoredVector.key).where(StoredVector.key.in_(map(text_key, compared)))
    assert (await session.scalars(kept)).all() == []
