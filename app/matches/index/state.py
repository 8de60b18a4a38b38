"""What the live indexes hold, for people who wonder whether a match is up to date."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.matches.index import repository
from app.matches.index.ranking import Matcher
from app.matches.index.remote import Silence
from app.matches.models import Pool
from app.matches.schemas import IndexBody, ServiceState
from app.organizations.actors import Actor
from app.progress import operations as progress
from app.progress.models import Operation


async def read(session: AsyncSession, matcher: Matcher) -> list[IndexBody]:
    """One entry a pool, as of this moment."""
    return [await _state_of(session, matcher, pool) for pool in Pool]


async def _state_of(session: AsyncSession, matcher: Matcher, pool: Pool) -> IndexBody:
    index = await matcher.indexes[pool].refresh(session)
    stored, opinions = await repository.newest(session, pool), matcher.second_opinions
    return IndexBody(
        pool=pool,
        index_version=index.version if index else None,
        encoder=index.model.encoder if index else None,
        candidates=len(index) if index else 0,
        pending=matcher.pending(index) if index else 0,
        fitted_at=stored.created_at if stored else None,
        encoder_state=_service_state(matcher.silence if matcher.encoder else None),
        reranker_state=_service_state(opinions.silence if opinions else None),
    )


def _service_state(silence: Silence | None) -> ServiceState:
    """Of a service that is silent for a while after each failure; None where there is none."""
    if silence is None:
        return ServiceState.NONE
    return ServiceState.AWAY if silence.lasts else ServiceState.IN_USE


async def ask_for_refit(session: AsyncSession, actor: Actor) -> Operation:
    """An operation that learns new statistics of every pool."""
    operation = await progress.create(
        session, actor, "refit_indexes", result_path="/api/v1/match-indexes"
    )
    await progress.enqueue(session, operation)
    return operation
