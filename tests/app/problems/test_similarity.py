"""How alike two demands are by what each, as a query, says of the other, and by which encoder."""

import asyncio

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.problems.grouping import Pair
from app.problems.similarity import Look, pairs_of
from tests.app.matches.embeddings_server import EmbeddingsServer
from tests.app.matches.test_encoders import app, endpoint, remote, run_jobs, work_of
from tests.app.matches.test_forgetting import states
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
