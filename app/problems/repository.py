"""Every SELECT on common problems."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, any_, cast, exists, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app import queries
from app.problems.models import CommonProblem, ProblemMember, ProblemState
from app.problems.schemas import CommonProblemQuery
from app.reference.codes import branches
from app.regions import in_region
from app.search import matches_text

EQUALS = ("state", "likeness")
WITH_MEMBERS = selectinload(CommonProblem.members)


async def find(
    session: AsyncSession, problem_id: UUID, *, is_for_update: bool = False
) -> CommonProblem | None:
    """The problem with its members; see `queries.find`."""
    return await queries.find(
        session, CommonProblem, problem_id, is_for_update=is_for_update, options=[WITH_MEMBERS]
    )


async def find_concerned(
    session: AsyncSession, demand_ids: Sequence[UUID]
) -> Sequence[CommonProblem]:
    """All proposals, and what else has one of these demands.

    With their members, locked, in the order of their ids.
    """
    is_one = ProblemMember.demand_id == any_(cast(demand_ids, ARRAY(Uuid)))
    has_one = exists().where(ProblemMember.problem_id == CommonProblem.id, is_one)
    statement = select(CommonProblem).options(WITH_MEMBERS).order_by(CommonProblem.id)
    statement = statement.where((CommonProblem.state == ProblemState.PROPOSED) | has_one)
    return (await session.scalars(statement.with_for_update(of=CommonProblem))).all()


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
