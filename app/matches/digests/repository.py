"""Every SELECT on what is new in the standing matches."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, contains_eager, joinedload

from app.changes.models import Change
from app.demands.models import Demand
from app.demands.workflow import SOUGHT
from app.experts.models import Expert, ExpertState
from app.matches.models import Match, MatchRun, Trigger


class NetMoves(NamedTuple):
    """What a run has that the latest one of before had not; two moves back and forth are none."""

    with_run_id: UUID | None
    entered: int
    left: int
    moved: int
    newcomer_id: UUID | None


TOLD = "match_digest.told"  # of an account

NET_MOVES = text(
    """
    SELECT run.id, earlier.id,
           count(*) FILTER (WHERE place.rank_now IS NOT NULL AND place.rank_before IS NULL),
           count(*) FILTER (WHERE place.rank_now IS NULL AND place.rank_before IS NOT NULL),
           count(*) FILTER (WHERE place.rank_now <> place.rank_before),
           (array_agg(place.match_id ORDER BY place.rank_now)
               FILTER (WHERE place.rank_now IS NOT NULL AND place.rank_before IS NULL))[1]
    FROM match_runs AS run
    LEFT JOIN LATERAL (
        SELECT one.id FROM match_runs AS one
        WHERE one.demand_id = run.demand_id AND one.created_at < :since
          AND one.withdrawn_at IS NULL
        ORDER BY one.created_at DESC, one.id DESC LIMIT 1
    ) AS earlier ON true
    LEFT JOIN LATERAL (
        SELECT here.id AS match_id, here.rank AS rank_now, there.rank AS rank_before
        FROM (SELECT * FROM matches WHERE run_id = run.id) AS here
        FULL JOIN (SELECT * FROM matches WHERE run_id = earlier.id) AS there USING (expert_id)
    ) AS place ON true
    WHERE run.id = ANY(:ids)
    GROUP BY run.id, earlier.id
    """
)


def listed_news(since: datetime, carried: ColumnElement[bool]) -> Select[MatchRun]:
    """The latest runs, made since then and unasked, of demands for which experts are sought."""
    later = aliased(MatchRun)
    is_outdated = exists().where(
        later.demand_id == MatchRun.demand_id,
        later.withdrawn_at.is_(None),
        later.created_at > MatchRun.created_at,
    )
    return (
        select(MatchRun)
        .join(MatchRun.demand)
        .options(contains_eager(MatchRun.demand))
        .where(
            MatchRun.created_at >= since,
            MatchRun.trigger != Trigger.BY_HAND,
            MatchRun.withdrawn_at.is_(None),
            Demand.state.in_(SOUGHT),
            carried,
            ~is_outdated,
        )
    )


async def net_moves(
    session: AsyncSession, run_ids: Sequence[UUID], *, since: datetime
) -> dict[UUID, NetMoves]:
    """By run: how it differs from the demand's latest run of before that moment."""
    rows = await session.execute(NET_MOVES, {"ids": list(run_ids), "since": since})
    return {row[0]: NetMoves(*row[1:]) for row in rows}


async def told_at(session: AsyncSession, account_id: UUID, limit: int) -> Sequence[datetime]:
    """When the account was told last that there is something new, latest first."""
    its = (Change.subject_id == account_id, Change.kind == TOLD)
    statement = select(Change.happened_at).where(*its).order_by(Change.id.desc()).limit(limit)
    return (await session.scalars(statement)).all()


async def newcomers(session: AsyncSession, match_ids: Sequence[UUID | None]) -> dict[UUID, Match]:
    """The matches with their experts, of those who are still in the pool."""
    statement = (
        select(Match)
        .join(Match.expert)
        .options(joinedload(Match.expert))
        .where(Match.id.in_(match_ids), Expert.state == ExpertState.IN_POOL)
    )
    return {match.id: match for match in await session.scalars(statement)}
