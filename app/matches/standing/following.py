"""Standing matching: what changes is followed to the demands that it concerns, and no further.

Three kinds of short transactions, each of which is done whole or not at all: changes become what
waits; experts who wait become demands that wait; a demand that waits is matched. Whoever is killed
between two of them has lost nothing, and nothing is done twice.
"""

import logging
from collections.abc import Collection, Sequence
from time import monotonic
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import repository as changes
from app.changes.followers import next_changes
from app.changes.repository import ChangeRow
from app.matches.index.encoding import MatchingWork
from app.matches.index.repository import demands_of
from app.matches.models import Pool, StandingSubject, Trigger
from app.matches.rankers import repository as rankers
from app.matches.rankers.choice import ChosenRanker
from app.matches.standing import repository
from app.matches.standing.asked import AskedDemands
from app.matches.standing.holding import hold_next
from app.matches.standing.rerunning import LacksVectors, Policy, rerun
from app.one_by_one import attend_to
from app.queries import batches
from app.scopes import Scope, Sessions, within
from matching import MatchIndex
from matching.weights import FEATURES, SPACES

logger = logging.getLogger(__name__)

FOLLOWER = "standing"
RECORDS = ("demand", "expert", "match_run", "membership", "organization")
PUBLISHED = "demand.published"
# Of an expert or a demand, but nothing that a match reads.
UNREAD = frozenset({"expert.contact_updated", "expert.exported", "demand.encoded"})
# The next job goes on; all the work of new statistics would keep others from this worker for long.
LONGEST_SECONDS = 50.0
# Between two looks at what has changed meanwhile.
DEMANDS_AT_ONCE = 50


async def bring_up_to_date(work: MatchingWork, asked: AskedDemands, policy: Policy) -> None:
    """Follow the changes until nothing waits any more, the encoder is away, or a minute is over."""
    sessions = within(work.sessions, Scope.SERVICE)
    began_at, has_work = monotonic(), True
    while has_work and monotonic() - began_at < LONGEST_SECONDS:
        await take_changes(sessions)
        async with sessions.begin() as session:
            index = await work.matcher.indexes[Pool.EXPERTS].refresh(session)
            if index is None:  # nobody to match; who comes is a change
                return
            await _add_outdated(session, index)
        # In turns, so that while a whole file of experts waits demands are matched, too.
        has_held = await hold_next(work, asked, sessions)
        try:
            has_rerun = await _rerun_some(work, sessions, policy)
        except LacksVectors:
            logger.warning("standing matches wait for the encoder")
            return
        has_work = has_held or has_rerun


async def take_changes(sessions: Sessions) -> None:
    """Let wait what has changed since the last look."""
    may_be_more = True
    while may_be_more:
        async with sessions.begin() as session:
            rows = await next_changes(session, FOLLOWER, records=RECORDS)
            await _let_wait(session, [row for row in rows if row.kind not in UNREAD])
        may_be_more = changes.may_be_more(rows)


async def _let_wait(session: AsyncSession, rows: Sequence[ChangeRow]) -> None:
    experts = _subjects(rows, "expert")
    members = await repository.experts_of_memberships(session, _subjects(rows, "membership"))
    published = {row.subject_id for row in rows if row.kind == PUBLISHED}
    owned = await demands_of(session, list(_subjects(rows, "organization")))
    changed = _subjects(rows, "demand") - published | {*owned}
    asked_for = await repository.demands_of_runs(session, _subjects(rows, "match_run"))
    for subject, ids, trigger in (
        (StandingSubject.EXPERT, experts | {*members}, Trigger.EXPERTS_CHANGED),
        (StandingSubject.DEMAND, published, Trigger.DEMAND_PUBLISHED),
        (StandingSubject.DEMAND, changed, Trigger.DEMAND_CHANGED),
        # What stands is compared with a new run by hand, and takes over what that asks for.
        (StandingSubject.DEMAND, {*asked_for}, Trigger.SCHEDULE),
    ):
        if subject is StandingSubject.DEMAND:
            ids = await _concerned(session, ids)
        await repository.add_work(session, subject, ids, trigger)


async def _concerned(session: AsyncSession, ids: Collection[UUID]) -> set[UUID]:
    found: set[UUID] = set()
    for batch in batches(sorted(ids)):
        found |= {*await repository.concerned_demands(session, batch)}
    return found


def _subjects(rows: Sequence[ChangeRow], record: str) -> set[UUID]:
    return {row.subject_id for row in rows if row.kind.startswith(f"{record}.")}


async def _add_outdated(session: AsyncSession, index: MatchIndex) -> None:
    """New statistics, or another ranker, change every score: all demands wait, after the others."""
    measured = SPACES if index.model.probes is None else FEATURES
    in_force = await rankers.in_force(session)
    ranker = ChosenRanker.of(in_force, index.model.encoder, measured)
    await repository.add_outdated(
        session, index_version=index.version, ranker_version=ranker.number
    )


async def _rerun_some(work: MatchingWork, sessions: Sessions, policy: Policy) -> bool:
    """Match the next that wait, each in a transaction of its own; whether any was.

    Raises LacksVectors.
    """
    async with sessions.begin() as session:
        waiting = await repository.next_demands(session, DEMANDS_AT_ONCE)

    async def attend(demand_id: UUID) -> bool:
        async with sessions.begin() as session:
            await rerun(session, work.matcher, demand_id, policy)
            return True

    return await attend_to(waiting, attend, what="standing match of") > 0
