"""Special pools: drafted by the staff of a region, put into use, asking by versions."""

from functools import partial
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.interface.errors import NOT_IN_REGION, Forbidden, NotFound, WrongState, invalid_field
from app.interface.pagination import Page, Pages
from app.interface.preconditions import admitted
from app.organizations.actors import Actor
from app.pools import repository
from app.pools.access import allowed_actions, may_manage, may_read, parties_of, readable
from app.pools.models import PoolKind, PoolState, SavedQuery, SpecialPool
from app.pools.schemas import (
    AchievementsWanted,
    ExpertsWanted,
    PoolCreate,
    PoolQuery,
    PoolSummary,
    PoolUpdate,
    QueryRevision,
    SavedQueryBody,
    SavedQueryQuery,
    Wanted,
)
from app.pools.workflow import EDITABLE, TRANSITIONS, settle, subject_of
from app.transitions import next_state

SORTS = {"created_at": SpecialPool.created_at}
WANTED = TypeAdapter[ExpertsWanted | AchievementsWanted](Wanted)


async def create(session: AsyncSession, actor: Actor, data: PoolCreate) -> SpecialPool:
    """A draft, with the first version of its query."""
    _require_subject(data.kind, data.query)
    pool = SpecialPool(
        **data.model_dump(exclude={"query", "region_code"}),
        state=PoolState.DRAFT,
        region_code=actor.region_for(data.region_code),
    )
    _require_readiness_of_projects(pool)
    if not may_manage(actor, pool):
        raise Forbidden(NOT_IN_REGION)
    session.add(pool)
    await _save(session, actor, pool, data.query, number=1)
    await tell(session, actor, pool, "created")
    return pool


async def get(session: AsyncSession, actor: Actor, pool_id: UUID) -> SpecialPool:
    """The pool, if the actor may read it."""
    pool = await repository.find(session, pool_id)
    if pool is None or not may_read(actor, pool):
        raise NotFound()
    return pool


async def hold(session: AsyncSession, actor: Actor, pool_id: UUID) -> SpecialPool:
    """The pool, locked, for the staff of its region."""
    return admitted(
        session,
        await repository.find(session, pool_id, is_for_update=True),
        may_read=partial(may_read, actor),
        may_touch=partial(may_manage, actor),
    )


async def hold_editable(
    session: AsyncSession, actor: Actor, pool_id: UUID, verb: str
) -> SpecialPool:
    """The same, while the pool may be changed."""
    pool = await hold(session, actor, pool_id)
    if pool.state not in EDITABLE:
        raise WrongState(verb=verb, state=pool.state, allowed=sorted(EDITABLE))
    return pool


async def search(pages: Pages, actor: Actor, query: PoolQuery) -> Page[PoolSummary]:
    return await pages.read(
        repository.listed(query, readable(actor)),
        query=query,
        columns=SORTS,
        show=lambda pool: PoolSummary.of(pool, allowed_actions=allowed_actions(actor, pool)),
    )


async def update(
    session: AsyncSession, actor: Actor, pool_id: UUID, data: PoolUpdate
) -> SpecialPool:
    """Change what the body names."""
    pool = await hold_editable(session, actor, pool_id, "update")
    wanted = data.changes()
    for name, value in wanted.items():
        setattr(pool, name, value)
    _require_readiness_of_projects(pool)
    await session.flush()
    await tell(session, actor, pool, "updated", fields=sorted(wanted))
    return pool


async def revise_query(
    session: AsyncSession, actor: Actor, pool_id: UUID, data: QueryRevision
) -> SpecialPool:
    """Ask something else from now on, as a new version; the same again makes none."""
    pool = await hold_editable(session, actor, pool_id, "revise-query")
    _require_subject(pool.kind, data.query)
    if data.query == wanted_by(pool):
        return pool
    number = pool.query_number + 1
    await _save(session, actor, pool, data.query, number=number, reason=data.reason)
    await tell(session, actor, pool, "query_revised", number=number)
    return pool


async def queries(
    pages: Pages, actor: Actor, pool_id: UUID, query: SavedQueryQuery
) -> Page[SavedQueryBody]:
    """Every version, for whoever reads the pool."""
    await get(pages.session, actor, pool_id)
    return await pages.read(
        repository.listed_queries(pool_id),
        query=query,
        columns={"created_at": SavedQuery.created_at},
        show=SavedQueryBody.of,
    )


async def move(
    session: AsyncSession, actor: Actor, pool_id: UUID, verb: str, reason: str = ""
) -> SpecialPool:
    """Take one step of the life cycle."""
    pool = await hold(session, actor, pool_id)
    settle(pool, next_state(TRANSITIONS, verb, pool.state, parties_of(actor, pool)), reason)
    await session.flush()
    await tell(session, actor, pool, pool.state)
    return pool


async def tell(
    session: AsyncSession, actor: Actor, pool: SpecialPool, what: str, **data: Any
) -> None:
    """Note what happened to the pool."""
    await changes.append(session, f"pool.{what}", pool.id, actor_id=actor.account_id, data=data)


def wanted_by(pool: SpecialPool) -> ExpertsWanted | AchievementsWanted:
    """What the pool's query asks now."""
    return WANTED.validate_python(pool.query)


async def _save(
    session: AsyncSession,
    actor: Actor,
    pool: SpecialPool,
    query: ExpertsWanted | AchievementsWanted,
    *,
    number: int,
    reason: str = "",
) -> None:
    """Make it the pool's query, and keep it as a version of its own."""
    pool.query, pool.query_number = query.model_dump(mode="json", exclude_none=True), number
    await session.flush()
    session.add(
        SavedQuery(
            pool_id=pool.id,
            number=number,
            query=pool.query,
            reason=reason,
            account_id=actor.account_id,
        )
    )
    await session.flush()


def _require_subject(kind: PoolKind, query: ExpertsWanted | AchievementsWanted) -> None:
    if query.of != subject_of(kind):
        raise invalid_field(
            "/query/of",
            "wrong_subject",
            "项目库查询成果，人才库查询专家",
            "A pool of projects asks for achievements, one of people for experts",
        )


def _require_readiness_of_projects(pool: SpecialPool) -> None:
    if pool.readiness is not None and pool.kind is not PoolKind.OVERSEAS_PROJECTS:
        raise invalid_field(
            "/readiness", "not_of_people", "仅项目库有成熟度", "Only projects have a readiness"
        )
