"""Without its encoder a demand is not matched by words alone: it waits."""

from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.matches.index.encoding import MatchingWork
from app.matches.models import MatchRun, StandingWork
from tests.app.matches import scenes
from tests.app.matches.embeddings_server import EmbeddingsServer
from tests.app.matches.remote_encoder import NAME, app, endpoint, remote, run_jobs, work
from tests.app.matches.standing.following import follower, matched_in_full, standing
from tests.people import People

__all__ = ["app", "endpoint", "remote", "work"]  # fixtures


async def test_a_demand_waits_until_the_encoder_is_back(
    app: FastAPI,
    people: People,
    session: AsyncSession,
    work: MatchingWork,
    endpoint: EmbeddingsServer,
) -> None:
    await scenes.pool(session)
    organization = await people.organization()
    first = await scenes.demand(session, organization)
    await run_jobs(work)
    job = await follower(app)
    assert await session.scalar(select(MatchRun.encoder)) == NAME
    endpoint.fault = "error"
    second = await scenes.demand(session, organization, title="锦纶线染色", problem="黄变")
    await job.follow()
    assert (await standing(session)).keys() == {first.id}
    assert await session.scalar(select(StandingWork.subject_id)) == second.id
    await session.commit()
    endpoint.fault = None
    app.state.matcher.silence.begin(0)  # it is over
    await run_jobs(work)  # which makes the vectors of what is published
    # One of whom nothing is encoded yet stands as an average one does.
    new = await scenes.expert(session, "新人", "锦纶染色；热黄变控制；黄变")
    await job.follow()
    assert await session.scalar(select(func.count()).select_from(StandingWork)) == 0
    for demand_id, places in (await standing(session)).items():
        assert places == await matched_in_full(app, demand_id, 20)
        assert new.id in places
