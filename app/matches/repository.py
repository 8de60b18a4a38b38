"""Every SELECT on match runs, matches and judgments."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from app.demands.models import Demand
from app.experts.models import Evidence, Expert
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


def standing_judgments(
    scope: ColumnElement[bool],
) -> Select[UUID, UUID, UUID, Verdict, datetime]:
    """The latest judgment on each expert for each demand, whichever run it was given in.

    Rows of (demand_id, expert_id, match_id, verdict, created_at).
    """
    pair = (MatchRun.demand_id, Match.expert_id)
    return (
        select(*pair, Judgment.match_id, Judgment.verdict, Judgment.created_at)
        .join(Match, Judgment.match_id == Match.id)
        .join(MatchRun, Match.run_id == MatchRun.id)
        .where(scope)
        .ext(distinct_on(*pair))
        .order_by(*pair, Judgment.created_at.desc(), Judgment.id.desc())
    )


def listed_recommendations(demand_id: UUID) -> Select[Match]:
    """The matches that stand recommended for a demand: one for each expert, over all its runs."""
    latest = standing_judgments(MatchRun.demand_id == demand_id).subquery()
    return (
        select(Match)
        .join(latest, latest.c.match_id == Match.id)
        .where(latest.c.verdict == Verdict.RECOMMENDED)
        .options(selectinload(Match.expert))
    )


async def is_recommended(session: AsyncSession, demand_id: UUID, expert_id: UUID) -> bool:
    """Whether the expert stands recommended for the demand."""
    scope = and_(MatchRun.demand_id == demand_id, Match.expert_id == expert_id)
    latest = standing_judgments(scope).subquery()
    return await session.scalar(select(latest.c.verdict)) is Verdict.RECOMMENDED


def listed_judgments(scope: ColumnElement[bool]) -> Select[Judgment]:
    return select(Judgment).where(scope)


async def matched_experts(
    session: AsyncSession, expert_ids: Sequence[UUID]
) -> dict[UUID, Row[Any]]:
    """What a candidate's card shows of each expert, by id; columns, since every match asks."""
    e = Expert
    columns = (e.id, e.name, e.kind, e.title, e.organization_name, e.region_code)
    rows: Iterable[Row[Any]] = await session.execute(select(*columns).where(e.id.in_(expert_ids)))
    return {row.id: row for row in rows}


async def evidence_titles(session: AsyncSession, document_ids: Iterable[UUID]) -> dict[str, str]:
    """The title of each item of evidence, by its id as text; a profile statement has none."""
    statement = select(Evidence.id, Evidence.title).where(Evidence.id.in_(document_ids))
    return {str(row.id): row.title for row in await session.execute(statement)}
