"""Every SELECT on match runs, matches and judgments."""

from uuid import UUID

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from app.demands.models import Demand
from app.matches.models import Judgment, Match, MatchRun, Verdict
from app.matches.schemas import MatchQuery


async def find_run(session: AsyncSession, run_id: UUID) -> MatchRun | None:
    """The run with its demand."""
    return await session.get(
        MatchRun, run_id, options=[joinedload(MatchRun.demand).selectinload(Demand.organization)]
    )


def listed_runs(demand_id: UUID) -> Select[MatchRun]:
    return select(MatchRun).where(MatchRun.demand_id == demand_id)


def listed_matches(run_id: UUID, query: MatchQuery) -> Select[Match]:
    """The candidates of a run, with their experts."""
    statement = select(Match).where(Match.run_id == run_id).options(selectinload(Match.expert))
    if query.verdict is not None:
        statement = statement.where(Match.verdict == query.verdict)
    return statement


async def find_match(
    session: AsyncSession, match_id: UUID, *, is_for_update: bool = False
) -> Match | None:
    """The match with its expert, run and demand."""
    statement = (
        select(Match)
        .where(Match.id == match_id)
        .options(
            selectinload(Match.expert),
            selectinload(Match.run).selectinload(MatchRun.demand).selectinload(Demand.organization),
        )
    )
    if is_for_update:
        statement = statement.with_for_update()
    return await session.scalar(statement)


def listed_recommendations(demand_id: UUID) -> Select[Match]:
    """The matches that stand recommended for a demand, over all its runs."""
    return (
        select(Match)
        .join(Match.run)
        .where(MatchRun.demand_id == demand_id, Match.verdict == Verdict.RECOMMENDED)
        .options(contains_eager(Match.run), selectinload(Match.expert))
    )


def listed_judgments(scope: ColumnElement[bool]) -> Select[Judgment]:
    return select(Judgment).where(scope)
