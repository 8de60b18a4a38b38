"""Every SELECT on how runs follow each other, on what stands, and on what waits."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from app import queries
from app.changes.models import Change
from app.changes.repository import ChangeRow
from app.demands.models import Demand
from app.demands.workflow import SOUGHT
from app.experts.models import Expert
from app.matches.models import (
    Match,
    MatchRun,
    StandingMatch,
    StandingSubject,
    StandingWork,
    Trigger,
    Verdict,
)
from app.matches.schemas import EarlierVerdict
from app.organizations.models import Membership


class PlaceRow(NamedTuple):
    expert_id: UUID
    rank: int
    score: float


def _latest(*which: ColumnElement[bool]) -> Select[MatchRun]:
    of_demand = MatchRun.demand_id == bindparam("demand_id")
    newest_first = (MatchRun.created_at.desc(), MatchRun.id.desc())
    stands = MatchRun.withdrawn_at.is_(None)
    return select(MatchRun).where(of_demand, stands, *which).order_by(*newest_first).limit(1)


LATEST = _latest()
LATEST_BY_HAND = _latest(MatchRun.trigger == Trigger.BY_HAND)
# It looks beyond what the scope shows.
EARLIER = text("SELECT * FROM earlier_verdicts(:demand_id, :but)")


async def latest_run(session: AsyncSession, demand_id: UUID) -> MatchRun | None:
    """The demand's latest run that was not withdrawn."""
    return await session.scalar(LATEST, {"demand_id": demand_id})


async def latest_by_hand(session: AsyncSession, demand_id: UUID) -> MatchRun | None:
    """The latest of those that somebody asked for, and has not withdrawn."""
    return await session.scalar(LATEST_BY_HAND, {"demand_id": demand_id})


async def find_run(
    session: AsyncSession, run_id: UUID, *, is_for_update: bool = False
) -> MatchRun | None:
    """The run with its demand; see `queries.find`."""
    options = [joinedload(MatchRun.demand)]
    return await queries.find(
        session, MatchRun, run_id, is_for_update=is_for_update, options=options
    )


async def has_verdict(session: AsyncSession, run_id: UUID) -> bool:
    """Whether anybody in the run was judged; nobody is docked who was not."""
    judged = exists().where(Match.run_id == run_id, Match.verdict.is_not(None))
    return bool(await session.scalar(select(judged)))


async def places_of(session: AsyncSession, run_id: UUID) -> Sequence[PlaceRow]:
    """Who stands where in a run."""
    statement = select(Match.expert_id, Match.rank, Match.score).where(Match.run_id == run_id)
    return [PlaceRow(*row) for row in await session.execute(statement)]


async def made_at(session: AsyncSession, run_id: UUID) -> datetime | None:
    """When a run was stored; None for one that was not."""
    return await session.scalar(select(MatchRun.created_at).where(MatchRun.id == run_id))


async def changes_of(
    session: AsyncSession, ids: Collection[UUID], *, since: datetime, until: datetime | None
) -> Sequence[ChangeRow]:
    """What happened to these records in that time, in order."""
    statement = (
        select(Change.id, Change.transaction_id, Change.kind, Change.subject_id)
        .where(Change.subject_id.in_(ids), Change.happened_at > since)
        .order_by(Change.id)
    )
    if until is not None:
        statement = statement.where(Change.happened_at <= until)
    return [ChangeRow(*row) for row in await session.execute(statement)]


async def earlier_verdicts(
    session: AsyncSession, demand_id: UUID, *, but: UUID
) -> dict[UUID, EarlierVerdict]:
    """What was said last of each expert for the demand in other runs than one, by expert.

    For whoever may match the demand, so that no rule is asked of every match that it ever had.
    """
    rows = await session.execute(EARLIER, {"demand_id": demand_id, "but": but})
    return {
        row.expert_id: EarlierVerdict(
            match_id=row.match_id, verdict=Verdict(row.verdict), created_at=row.created_at
        )
        for row in rows
    }


async def find_standing(session: AsyncSession, demand_id: UUID) -> StandingMatch | None:
    return await session.get(StandingMatch, demand_id)


# What waits.

# What no news asks for, a new version of the statistics, say, lets the others go first.
YIELDS = timedelta(minutes=10)


async def add_work(
    session: AsyncSession,
    subject: StandingSubject,
    ids: Collection[UUID],
    trigger: Trigger,
) -> None:
    """Let records wait; one that waits already does so for the more telling of the two reasons."""
    for batch in queries.batches(sorted(ids)):
        await _add_some(session, subject, batch, trigger)


async def _add_some(
    session: AsyncSession, subject: StandingSubject, ids: Sequence[UUID], trigger: Trigger
) -> None:
    turn = func.now() + (YIELDS if trigger is Trigger.SCHEDULE else timedelta())
    of_all = {"subject": subject, "trigger": trigger, "queued_at": turn}
    values = [of_all | {"subject_id": one} for one in ids]
    adding = insert(StandingWork).values(values)
    told = adding.excluded.trigger
    is_less = or_(told == Trigger.SCHEDULE, StandingWork.trigger == Trigger.DEMAND_PUBLISHED)
    await session.execute(
        adding.on_conflict_do_update(
            index_elements=[StandingWork.subject, StandingWork.subject_id],
            set_={
                "trigger": case((is_less, StandingWork.trigger), else_=told),
                "queued_at": func.least(StandingWork.queued_at, adding.excluded.queued_at),
            },
        )
    )


async def add_outdated(session: AsyncSession, *, index_version: str, ranker_version: int) -> None:
    """Let all published demands wait that were not matched yet as all are matched now."""
    present = {"index_version": index_version, "ranker_version": ranker_version}
    await session.execute(ADD_OUTDATED, present | {"yields": YIELDS, "sought": sorted(SOUGHT)})


ADD_OUTDATED = text(
    """
    INSERT INTO standing_work (subject, subject_id, trigger, queued_at)
    SELECT 'demand', demand.id, 'schedule', now() + CAST(:yields AS interval)
    FROM demands AS demand LEFT JOIN standing_matches AS standing ON standing.demand_id = demand.id
    WHERE demand.state = ANY(CAST(:sought AS text[])) AND (
        standing.demand_id IS NULL OR standing.index_version <> :index_version
        OR standing.ranker_version <> :ranker_version
    )
    ON CONFLICT DO NOTHING
    """
)


async def concerned_demands(session: AsyncSession, ids: Collection[UUID]) -> Sequence[UUID]:
    """Those of the demands for which experts are sought, or were when they were matched."""
    stands = exists().where(StandingMatch.demand_id == Demand.id)
    is_sought = Demand.state.in_(SOUGHT)
    statement = select(Demand.id).where(Demand.id.in_(ids), or_(is_sought, stands))
    return (await session.scalars(statement)).all()


async def demands_of_runs(session: AsyncSession, run_ids: Collection[UUID]) -> Sequence[UUID]:
    """Of which demands those of the runs are that somebody asked for."""
    by_hand = MatchRun.trigger == Trigger.BY_HAND
    statement = select(MatchRun.demand_id).where(MatchRun.id.in_(run_ids), by_hand)
    return (await session.scalars(statement)).all()


async def experts_of_memberships(
    session: AsyncSession, membership_ids: Collection[UUID]
) -> Sequence[UUID]:
    """The experts who act for an organization, or do so no more."""
    statement = (
        select(Expert.id)
        .join(Membership, Membership.account_id == Expert.account_id)
        .where(Membership.id.in_(membership_ids))
    )
    return (await session.scalars(statement)).all()


async def count_experts(session: AsyncSession) -> int:
    """How many experts wait."""
    its = StandingWork.subject == StandingSubject.EXPERT
    return await session.scalar(select(func.count()).select_from(StandingWork).where(its)) or 0


async def forget_experts(session: AsyncSession) -> None:
    """Of none of them anything is to be done any more."""
    its = StandingWork.subject == StandingSubject.EXPERT
    await session.execute(delete(StandingWork).where(its))


async def waiting_experts(session: AsyncSession, limit: int) -> Sequence[StandingWork]:
    """The next who wait, locked."""
    return (await session.scalars(_waiting(StandingSubject.EXPERT).limit(limit))).all()


async def next_demands(session: AsyncSession, limit: int) -> Sequence[UUID]:
    """The next that wait; they go to the end of the queue, so that who fails stops no other."""
    waiting = (await session.scalars(_waiting(StandingSubject.DEMAND).limit(limit))).all()
    for one in waiting:
        one.queued_at = func.clock_timestamp()
    return [one.subject_id for one in waiting]


async def take_demand(session: AsyncSession, demand_id: UUID) -> StandingWork | None:
    """What waits for a demand, locked; None when another job has done it."""
    return await session.get(
        StandingWork, (StandingSubject.DEMAND, demand_id), with_for_update=True
    )


async def forget_work(
    session: AsyncSession, subject: StandingSubject, ids: Collection[UUID]
) -> None:
    its = (StandingWork.subject == subject, StandingWork.subject_id.in_(ids))
    await session.execute(delete(StandingWork).where(*its))


def _waiting(subject: StandingSubject) -> Select[StandingWork]:
    its = select(StandingWork).where(StandingWork.subject == subject)
    return its.order_by(StandingWork.queued_at, StandingWork.subject_id).with_for_update()


# What stands.


class Entry(NamedTuple):
    """What comes into a demand's list: scores from here on, of experts as its run asks for them."""

    demand_id: UUID
    version: int
    entry_score: float | None
    most_preferred: float  # what preferences add at most
    kinds: Sequence[str]
    regions: Sequence[str]


ENTRIES = text(
    """
    SELECT demand.id, demand.version, standing.entry_score,
           coalesce(CAST(run.parameters->>'near_weight' AS float), 0)
               + coalesce(CAST(run.parameters->>'graded_weight' AS float), 0),
           run.parameters->'kinds', run.parameters->'regions'
    FROM standing_matches AS standing
    JOIN demands AS demand ON demand.id = standing.demand_id
    JOIN match_runs AS run ON run.id = standing.run_id
    WHERE demand.state = ANY(CAST(:sought AS text[]))
    """
)


async def entries(session: AsyncSession) -> Sequence[Entry]:
    """Of all demands that stand."""
    rows = await session.execute(ENTRIES, {"sought": sorted(SOUGHT)})
    return [Entry(*row) for row in rows]


async def demands_with(session: AsyncSession, expert_ids: Collection[UUID]) -> Sequence[UUID]:
    """The demands in whose standing match any of the experts is."""
    statement = (
        select(StandingMatch.demand_id)
        .join(Match, Match.run_id == StandingMatch.run_id)
        .where(Match.expert_id.in_(expert_ids))
        .distinct()
    )
    return (await session.scalars(statement)).all()


async def set_standing(session: AsyncSession, stands: dict[str, object]) -> None:
    """Keep what was found to be true of a demand."""
    adding = insert(StandingMatch).values(stands)
    await session.execute(
        adding.on_conflict_do_update(
            index_elements=[StandingMatch.demand_id],
            set_={name: adding.excluded[name] for name in stands if name != "demand_id"},
        )
    )


async def forget_standing(session: AsyncSession, demand_id: UUID) -> None:
    await session.execute(delete(StandingMatch).where(StandingMatch.demand_id == demand_id))
