"""Changed experts are held against all published demands: where do they stand, or may come in?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import numpy as np
from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession

from app.matches.index import fitting, pools
from app.matches.index.encoding import MatchingWork
from app.matches.index.vectors import Vector
from app.matches.models import Pool, StandingSubject, Trigger
from app.matches.rankers import repository as rankers
from app.matches.rankers.choice import weights_for
from app.matches.standing import repository
from app.matches.standing.asked import AskedDemands
from app.matches.standing.repository import Entry
from app.scopes import Sessions
from matching import Candidate, Constraints, MatchIndex, Weights
from matching.boards import ROUNDING, Board, hold_against
from matching.constraints import reasons
from matching.segments import Mask
from matching.weights import FEATURES, SPACES

AT_ONCE = 200
# To hold so many against all demands takes as long as to match all of these again: an expert takes
# 4.5 µs a demand, a match 100 ms (scripts/benchmark_standing.py). As when a pool is imported.
MOST_HELD = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Candidates of the pool, the demands that they are held against, and what it takes to enter.

    pool: the index of all, as it is after the change.
    """

    candidates: Sequence[Candidate]
    vectors: Mapping[str, Vector]
    pool: MatchIndex
    board: Board
    entries: Sequence[Entry]
    weights: Weights


async def hold_next(work: MatchingWork, asked: AskedDemands, sessions: Sessions) -> bool:
    """Find the demands that the next waiting experts concern, which wait from then on.

    Whether anybody waited. The board is brought up beforehand, or the transaction would be long.
    """
    async with sessions.begin() as session:
        count = await repository.count_experts(session)
        if count == 0:
            return False
        entries = await repository.entries(session)
        if count > MOST_HELD:
            every = [entry.demand_id for entry in entries]
            await repository.add_work(
                session, StandingSubject.DEMAND, every, Trigger.EXPERTS_CHANGED
            )
            await repository.forget_experts(session)
            return True
        await _board(session, work, asked, entries)
    async with sessions.begin() as session:
        waiting = await repository.waiting_experts(session, AT_ONCE)
        ids = [one.subject_id for one in waiting]
        is_news = any(one.trigger is not Trigger.SCHEDULE for one in waiting)
        demands = {*await repository.demands_with(session, ids)}
        demands |= await _open_to(session, work, asked, ids)
        trigger = Trigger.EXPERTS_CHANGED if is_news else Trigger.SCHEDULE
        await repository.add_work(session, StandingSubject.DEMAND, demands, trigger)
        await repository.forget_work(session, StandingSubject.EXPERT, ids)
    return True


async def _board(
    session: AsyncSession, work: MatchingWork, asked: AskedDemands, entries: Sequence[Entry]
) -> tuple[MatchIndex, Board] | None:
    index = await work.matcher.indexes[Pool.EXPERTS].refresh(session)
    if index is None:
        return None
    versions = {entry.demand_id: entry.version for entry in entries}
    return index, await asked.brought_up(session, index.model, versions)


async def _open_to(
    session: AsyncSession, work: MatchingWork, asked: AskedDemands, ids: Sequence[UUID]
) -> set[UUID]:
    """The demands into whose first places any of the experts may come now."""
    entries = await repository.entries(session)
    found = await _board(session, work, asked, entries)
    candidates = await pools.load(session, Pool.EXPERTS, ids)
    if found is None or not candidates:
        return set()
    index, board = found
    in_force = await rankers.in_force(session)
    measured = SPACES if index.model.probes is None else FEATURES
    held = Held(
        candidates=candidates,
        vectors=await fitting.known_vectors(
            session, index.model.encoder, Pool.EXPERTS, candidates, work.matcher.leaving
        ),
        pool=index,
        board=board,
        entries=entries,
        weights=weights_for(in_force, index.model.encoder, measured),
    )
    return await to_thread.run_sync(partial(demands_open_to, held))


def demands_open_to(held: Held) -> set[UUID]:
    """The demands whose last place any candidate may reach; all that are not on the board.

    A score may be a little too high (see `hold_against`), never too low, and of the constraints
    those alone are asked that need no day and no enterprise: a demand may be matched once too
    often, but not once too seldom.
    """
    index = MatchIndex.build(held.pool.model, held.candidates, held.vectors)
    scores = hold_against(held.board, index, held.pool, held.weights)
    columns = {UUID(demand_id): column for column, demand_id in enumerate(held.board.ids)}
    found = {entry.demand_id for entry in held.entries} - columns.keys()
    allowed: dict[tuple[tuple[str, ...], tuple[str, ...]], Mask] = {}
    for entry in held.entries:
        column = columns.get(entry.demand_id)
        if column is None:
            continue
        asked = (tuple(entry.kinds), tuple(entry.regions))
        if asked not in allowed:
            allowed[asked] = _allowed(index, *asked)
        if (allowed[asked] & (scores[:, column] >= _needed(entry))).any():
            found.add(entry.demand_id)
    return found


def _needed(entry: Entry) -> float:
    if entry.entry_score is None:
        return -np.inf
    return entry.entry_score - entry.most_preferred - ROUNDING


def _allowed(index: MatchIndex, kinds: Sequence[str], regions: Sequence[str]) -> Mask:
    asked = Constraints(kinds=frozenset(kinds) or None, regions=tuple(regions) or None)
    allowed: Mask = reasons(index, asked) == 0
    return allowed
