"""How two runs of one demand differ: who entered, left or moved, and why, as ids and codes.

Nothing of it is stored: it follows from the two runs and from the record of changes between them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes.repository import ChangeRow
from app.interface.errors import Conflict, NotFound
from app.interface.language import Text
from app.matches.models import MatchRun
from app.matches.operations import demand_of_staff, get_run
from app.matches.schemas import RankedRun
from app.matches.standing import repository
from app.matches.standing.schemas import DifferenceBody, DifferenceQuery, Move, StandingBody, Why
from app.organizations.actors import Actor

OTHER_DEMAND = Text("两个批次不属于同一需求", "The two runs are of different demands")
NOTHING_BEFORE = Text("此前没有可比较的批次", "There is no run before to compare with")

LEFT = frozenset({"expert.suspended", "expert.removed", "expert.erased"})
CAME = "expert.in_pool"
# What tells nothing about how an expert or a demand ranks; constraints speak for themselves.
SILENT = frozenset(
    {
        *("expert.judged", "expert.contact_updated", "expert.exported", "expert.consent_declared"),
        *("demand.encoded", "demand.submitted_up", "demand.dispatched"),
        *("demand.shared", "demand.share_ended"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    rank: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A run as it is compared: who stood where, whom what kept out, and under what."""

    places: Mapping[UUID, Place]
    kept_out: Mapping[UUID, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    statistics: tuple[str, str, int | None] = ("", "", None)

    def has_room(self, place: Place) -> bool:
        """Whether a list as long as was asked for reaches this place."""
        limit: int | None = self.parameters.get("limit")
        return limit is None or place.rank <= limit

    @classmethod
    def of(cls, run: MatchRun, places: Mapping[UUID, Place]) -> "Listing":
        return cls(
            places=places,
            kept_out={UUID(one["expert_id"]): one["reason"] for one in run.exclusions},
            parameters=run.parameters,
            statistics=(run.index_version, run.encoder, run.ranker_version),
        )

    @classmethod
    def of_new(cls, run: RankedRun) -> "Listing":
        return cls(
            places={m.expert.id: Place(rank=m.rank, score=m.score) for m in run.matches},
            kept_out={one.expert_id: one.reason for one in run.exclusions},
            parameters=run.parameters.model_dump(mode="json"),
            statistics=(run.index_version, run.encoder, run.ranker_version),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What the record of changes tells of the time between two runs."""

    came: Collection[UUID] = frozenset()
    left: Collection[UUID] = frozenset()
    otherwise: Collection[UUID] = frozenset()

    @classmethod
    def of(cls, rows: Collection[ChangeRow]) -> "Changed":
        """Whoever came and left again did what they did last."""
        last = {r.subject_id: r.kind for r in rows if r.kind == CAME or r.kind in LEFT}
        return cls(
            came={one for one, kind in last.items() if kind == CAME},
            left={one for one, kind in last.items() if kind != CAME},
            otherwise={row.subject_id for row in rows if row.kind not in SILENT},
        )


def moves(before: Listing, after: Listing, changed: Changed, demand_id: UUID) -> list[Move]:
    """Everybody who stands elsewhere, best first by where they stand now, then who left."""
    found = []
    for expert_id in before.places.keys() | after.places.keys():
        was, now = before.places.get(expert_id), after.places.get(expert_id)
        if was is None or now is None or was.rank != now.rank:
            why, constraint = _why(before, after, changed, demand_id, expert_id)
            move = Move(
                expert_id=expert_id,
                rank_before=was.rank if was else None,
                rank_after=now.rank if now else None,
                score_before=was.score if was else None,
                score_after=now.score if now else None,
                why=why,
                constraint=constraint,
            )
            found.append(move)
    return sorted(found, key=lambda m: m.rank_after or 1_000 + (m.rank_before or 0))


def _why(
    before: Listing, after: Listing, changed: Changed, demand_id: UUID, expert_id: UUID
) -> tuple[Why, str]:
    """The nearest cause: of the expert themself, then of the demand, then of everybody.

    But for whom the length of the two lists alone explains, whatever changed of them meanwhile.
    """
    if expert_id not in after.places and expert_id in after.kept_out:
        return Why.CONSTRAINT, after.kept_out[expert_id]
    if expert_id not in before.places and expert_id in before.kept_out:
        return Why.CONSTRAINT_LIFTED, before.kept_out[expert_id]
    return _cause(before, after, changed, demand_id, expert_id), ""


def _cause(
    before: Listing, after: Listing, changed: Changed, demand_id: UUID, expert_id: UUID
) -> Why:
    was, now = before.places.get(expert_id), after.places.get(expert_id)
    is_cut = now is None and was is not None and not after.has_room(was)
    is_added = was is None and now is not None and not before.has_room(now)
    causes = (
        # Who is gone stands in no list, however long; who is new would have stood in none.
        (Why.EXPERT_LEFT, expert_id in changed.left and now is None),
        (Why.EXPERT_NEW, expert_id in changed.came and was is None),
        (Why.PARAMETERS, is_cut or is_added),
        (Why.EXPERT_CHANGED, expert_id in changed.otherwise),
        (Why.DEMAND_CHANGED, demand_id in changed.otherwise),
        (Why.PARAMETERS, before.parameters != after.parameters),
        (Why.STATISTICS, before.statistics != after.statistics),
    )
    return next((why for why, is_so in causes if is_so), Why.OTHERS)


def is_news(before: Listing, after: Listing, *, ranks: int, score: float) -> bool:
    """Whether anybody entered or left, or moved by more than so many ranks or so much in score.

    Scores of other statistics, or another ranker, are no measure of these.
    """
    if before.places.keys() != after.places.keys():
        return True
    pairs = [(before.places[one], now) for one, now in after.places.items()]
    has_moved = any(abs(was.rank - now.rank) > ranks for was, now in pairs)
    is_comparable = before.statistics == after.statistics
    is_other = any(abs(was.score - now.score) > score for was, now in pairs)
    return has_moved or (is_comparable and is_other)


async def compare(
    session: AsyncSession, actor: Actor, run_id: UUID, query: DifferenceQuery
) -> DifferenceBody:
    """How a run differs from the one before it, or from another of its demand."""
    run = await get_run(session, actor, run_id)
    other_id = query.with_run or run.previous_id
    if other_id is None:
        raise NotFound(NOTHING_BEFORE)
    other = await get_run(session, actor, other_id)
    if other.demand_id != run.demand_id:
        raise Conflict(OTHER_DEMAND)
    after = Listing.of(run, await places_of(session, run.id))
    return await difference(session, other, after, run.demand_id, run_id)


async def standing_of(session: AsyncSession, actor: Actor, demand_id: UUID) -> StandingBody:
    """The demand's standing match, if the actor may look for experts and there is one yet."""
    await demand_of_staff(session, actor, demand_id)
    found = await repository.find_standing(session, demand_id)
    if found is None:
        raise NotFound()
    return StandingBody.model_validate(found)


async def difference(
    session: AsyncSession, before: MatchRun, after: Listing, demand_id: UUID, run_id: UUID
) -> DifferenceBody:
    """How what was found differs from a stored run; a run that is not stored has no later time."""
    listed = Listing.of(before, await places_of(session, before.id))
    people = [*(listed.places.keys() | after.places.keys()), demand_id]
    # What changed while it was ranked may not be in it yet.
    since = before.created_at - timedelta(milliseconds=sum(before.durations.values()))
    until = await repository.made_at(session, run_id)
    rows = await repository.changes_of(session, people, since=since, until=until)
    found = moves(listed, after, Changed.of(rows), demand_id)
    return DifferenceBody(
        run_id=run_id,
        with_run_id=before.id,
        entered=[move for move in found if move.rank_before is None],
        left=[move for move in found if move.rank_after is None],
        moved=[move for move in found if move.rank_before and move.rank_after],
    )


async def places_of(session: AsyncSession, run_id: UUID) -> dict[UUID, Place]:
    rows = await repository.places_of(session, run_id)
    return {row.expert_id: Place(rank=row.rank, score=row.score) for row in rows}
