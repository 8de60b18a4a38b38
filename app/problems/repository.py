"""Every SELECT on common problems."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, any_, cast, exists, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app import queries
from app.experts.models import Expert, ExpertState
from app.problems.models import CommonProblem, ProblemExpert, ProblemMember, ProblemState
from app.problems.schemas import CommonProblemQuery
from app.reference.codes import branches
from app.regions import in_region
from app.search import matches_text

EQUALS = ("state", "likeness")
WITH_MEMBERS = selectinload(CommonProblem.members)
WITH_ANSWERS = selectinload(CommonProblem.signatures)
# Of a profile that the reader may not see there is none here.
WITH_TEAM = selectinload(CommonProblem.experts).joinedload(ProblemExpert.expert)
IS_TOLD_OF = CommonProblem.state != ProblemState.LAPSED


async def find(
    session: AsyncSession, problem_id: UUID, *, is_for_update: bool = False
) -> CommonProblem | None:
    """The problem with members, answers and team; see `queries.find`."""
    parts = [WITH_MEMBERS, WITH_ANSWERS, WITH_TEAM]
    return await queries.find(
        session, CommonProblem, problem_id, is_for_update=is_for_update, options=parts
    )


async def find_concerned(
    session: AsyncSession, demand_ids: Sequence[UUID]
) -> Sequence[CommonProblem]:
    """All proposals, and what else has one of these demands.

    With members and answers, locked, in the order of their ids.
    """
    is_concerned = (CommonProblem.state == ProblemState.PROPOSED) | _has_one(demand_ids)
    return await _locked(session, is_concerned)


async def find_holding(
    session: AsyncSession, demand_ids: Sequence[UUID]
) -> Sequence[CommonProblem]:
    """What has one of these demands and has not lapsed, in the same way."""
    return await _locked(session, _has_one(demand_ids) & IS_TOLD_OF)


async def held_demands(session: AsyncSession) -> Sequence[UUID]:
    """The ids of all demands that a problem speaks of."""
    held = select(ProblemMember.demand_id).join(ProblemMember.problem).distinct()
    held = held.where(IS_TOLD_OF, ProblemMember.is_excluded.is_(False))
    return (await session.scalars(held.order_by(ProblemMember.demand_id))).all()


def _has_one(demand_ids: Sequence[UUID]) -> ColumnElement[bool]:
    is_one = ProblemMember.demand_id == any_(cast(demand_ids, ARRAY(Uuid)))
    return exists().where(ProblemMember.problem_id == CommonProblem.id, is_one)


async def _locked(session: AsyncSession, condition: ColumnElement[bool]) -> Sequence[CommonProblem]:
    parts = select(CommonProblem).options(WITH_MEMBERS, WITH_ANSWERS)
    statement = parts.order_by(CommonProblem.id).where(condition).with_for_update(of=CommonProblem)
    return (await session.scalars(statement)).all()


def listed(query: CommonProblemQuery, readable: ColumnElement[bool]) -> Select[CommonProblem]:
    """Readable problems that meet the filters."""
    statement = select(CommonProblem).where(readable)
    statement = statement.where(*queries.equals(CommonProblem, query, EQUALS))
    if query.region_code is not None:
        code = func.unnest(CommonProblem.region_codes).column_valued("sought")
        statement = statement.where(exists().where(in_region(code, query.region_code)))
    if query.technology_field is not None:
        wanted = [query.technology_field]
        statement = statement.where(CommonProblem.technology_fields.contains(wanted))
    if query.discipline is not None:
        parts = branches("disciplines", query.discipline)
        statement = statement.where(CommonProblem.disciplines.overlap(parts))
    if query.demand_id is not None:
        statement = statement.where(
            exists().where(
                ProblemMember.problem_id == CommonProblem.id,
                ProblemMember.demand_id == query.demand_id,
                ProblemMember.is_excluded.is_(False),
            )
        )
    if query.text is not None:
        statement = statement.where(matches_text(CommonProblem.search, query.text))
    return statement


async def in_pool(session: AsyncSession, expert_ids: Collection[UUID]) -> dict[UUID, Expert]:
    """Those of the experts who are in the pool."""
    is_in = (Expert.id.in_(expert_ids), Expert.state == ExpertState.IN_POOL)
    return {one.id: one for one in await session.scalars(select(Expert).where(*is_in))}


async def of_expert(session: AsyncSession, expert_id: UUID) -> Sequence[CommonProblem]:
    """Those in whose team an expert is, with it, locked in the order of their ids."""
    is_in = exists().where(
        ProblemExpert.problem_id == CommonProblem.id, ProblemExpert.expert_id == expert_id
    )
    statement = select(CommonProblem).where(is_in).options(WITH_TEAM).order_by(CommonProblem.id)
    return (await session.scalars(statement.with_for_update(of=CommonProblem))).all()
