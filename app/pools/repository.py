"""Every SELECT on special pools and who is in them."""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, not_, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app import queries
from app.achievements import repository as achievements
from app.achievements.models import Achievement, AchievementState
from app.experts import repository as experts
from app.experts.models import Expert, ExpertKind, ExpertState
from app.pools.models import PoolMember, SavedQuery, SpecialPool
from app.pools.schemas import AchievementsWanted, ExpertsWanted, MemberOrigin, PoolQuery
from app.scopes import INDEXED

EQUALS = ("kind", "state", "country", "technology_field")
HOME = "CN"
SubjectT = TypeVar("SubjectT", Expert, Achievement)
# What was decided by hand, by the id of whom it is about.
Decisions = Mapping[UUID, PoolMember]

# Who can be a member of any pool: what everybody on the staff may read.
STANDING: dict[type, ColumnElement[bool]] = {
    Expert: Expert.state == ExpertState.IN_POOL,
    Achievement: Achievement.state == AchievementState.PUBLISHED,
}
IS_OVERSEAS = or_(
    Expert.kind == ExpertKind.OVERSEAS_TALENT, func.coalesce(Expert.country, HOME) != HOME
)
# The function looks at consents that the reader may not see.
ALLOWED: dict[type, ColumnElement[bool]] = {
    Expert: or_(not_(IS_OVERSEAS), func.has_allowed_matching(Expert.id)),
    Achievement: true(),
}


async def find(
    session: AsyncSession, pool_id: UUID, *, is_for_update: bool = False
) -> SpecialPool | None:
    """The pool; see `queries.find`."""
    return await queries.find(session, SpecialPool, pool_id, is_for_update=is_for_update)


def listed(query: PoolQuery, readable: ColumnElement[bool]) -> Select[SpecialPool]:
    """Readable pools that meet the filters."""
    return select(SpecialPool).where(readable, *queries.equals(SpecialPool, query, EQUALS))


def listed_queries(pool_id: UUID) -> Select[SavedQuery]:
    return select(SavedQuery).where(SavedQuery.pool_id == pool_id)


async def decisions_on(session: AsyncSession, pool_id: UUID) -> dict[UUID, PoolMember]:
    """All that was decided by hand, of which a pool has a bounded number."""
    found = await session.scalars(select(PoolMember).where(PoolMember.pool_id == pool_id))
    return {one.subject_id: one for one in found if one.subject_id is not None}


async def of_expert(session: AsyncSession, expert_id: UUID) -> Sequence[SpecialPool]:
    """Those that decided on an expert by hand, locked in the order of their ids."""
    is_named = exists().where(
        PoolMember.pool_id == SpecialPool.id, PoolMember.expert_id == expert_id
    )
    statement = select(SpecialPool).where(is_named).order_by(SpecialPool.id).with_for_update()
    return (await session.scalars(statement)).all()


async def is_standing(
    session: AsyncSession, subject: type[SubjectT], subject_id: UUID, *, is_held: bool
) -> bool:
    """Whether it can be a member at all; held, whoever erases an expert waits for this one."""
    statement = select(subject.id).where(subject.id == subject_id, STANDING[subject])
    held = statement.with_for_update(of=subject) if is_held else statement
    return await session.scalar(held) is not None


async def has_consent(session: AsyncSession, expert_id: UUID) -> bool:
    """Whether an expert may be a member of a pool: whoever is overseas has said so."""
    allowed = select(Expert.id).where(Expert.id == expert_id, ALLOWED[Expert])
    return await session.scalar(allowed) is not None


def listed_members(
    subject: type[SubjectT],
    query: ExpertsWanted | AchievementsWanted,
    decisions: Decisions,
    origin: MemberOrigin | None,
) -> Select[SubjectT]:
    """Who is in a pool by this origin, or is kept out of it by it."""
    found, added = _found(subject, query, decisions), _decided(subject, decisions, is_out=False)
    is_allowed = ALLOWED[subject]
    which = {
        None: and_(or_(found, added), is_allowed),
        MemberOrigin.FOUND: and_(found, is_allowed),
        MemberOrigin.ADDED: and_(added, is_allowed),
        MemberOrigin.EXCLUDED: _decided(subject, decisions, is_out=True),
        MemberOrigin.WITHOUT_CONSENT: and_(or_(found, added), not_(is_allowed)),
    }
    statement = select(subject).where(STANDING[subject], which[origin])
    return statement.execution_options(**INDEXED)


async def counts(
    session: AsyncSession,
    subject: type[SubjectT],
    query: ExpertsWanted | AchievementsWanted,
    decisions: Decisions,
) -> tuple[int, int]:
    """How many are in a pool, and how many would be but for their consent."""
    added = _decided(subject, decisions, is_out=False)
    which = or_(_found(subject, query, decisions), added)
    every, allowed = func.count(), func.count().filter(ALLOWED[subject])
    statement = select(allowed, every - allowed).select_from(subject)
    found = await session.execute(
        statement.where(STANDING[subject], which), execution_options=INDEXED
    )
    members, others = found.one()
    return members, others


def _found(
    subject: type[SubjectT], query: ExpertsWanted | AchievementsWanted, decisions: Decisions
) -> ColumnElement[bool]:
    """By the query, where nobody decided otherwise."""
    wanted = (
        experts.meeting(query) if isinstance(query, ExpertsWanted) else achievements.meeting(query)
    )
    return and_(*wanted, subject.id.not_in(list(decisions))) if wanted else false()


def _decided(subject: type[SubjectT], decisions: Decisions, *, is_out: bool) -> ColumnElement[bool]:
    return subject.id.in_([one for one, made in decisions.items() if made.is_excluded is is_out])
