"""How alike published demands are, by what everybody may read of them.

The full texts would find more, and tell other counties and enterprises what stands in them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession

from app.demands import repository as demands
from app.demands.models import Demand
from app.demands.workflow import PUBLIC
from app.matches.index.documents import enterprise_of, public_query_of_demand
from app.matches.index.encoders import EncoderUnavailable
from app.matches.index.ranking import Matcher
from app.matches.models import Pool
from app.problems.grouping import SIMILAR, Pair
from app.progress.following import advance
from app.queries import batches
from app.scopes import Sessions
from matching import Match, Query, Weights
from matching.weights import SPACES

NEIGHBOURS = 50  # of each demand; more than a group may have
SEEN = SIMILAR / 2  # what one direction says at the least; below it counts as nothing
TOLD_EVERY = 100
WEIGHTS = Weights()


class Look(NamedTuple):
    """How like one demand another is when it is asked for, and by which words."""

    similarity: float
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDemand:
    """A published demand as the groups and their words need it."""

    demand_id: UUID
    organization_id: UUID
    enterprise: str
    title: str
    region_code: str | None
    technology_field: str | None
    discipline: str | None
    query: Query

    @classmethod
    def of(cls, demand: Demand) -> "OpenDemand":
        return cls(
            demand_id=demand.id,
            organization_id=demand.organization_id,
            enterprise=enterprise_of(demand),
            title=demand.title,
            region_code=demand.region_code,
            technology_field=demand.technology_field,
            discipline=demand.discipline,
            query=public_query_of_demand(demand),
        )


def similarity_of(match: Match) -> float:
    """Σ weight × cosine / Σ weight over the matcher's spaces: 1 for the same text.

    The score of a match says who comes first for one query; this says the same for all.
    """
    cosines = {space: match.features[space] for space in SPACES}
    return WEIGHTS.fused(cosines) / WEIGHTS.fused(dict.fromkeys(SPACES, 1.0))


def looks_of(demand_id: str, matches: Sequence[Match]) -> dict[str, Look]:
    """What one demand as a query says of the others that are at all like it."""
    looks = {m.candidate_id: Look(similarity_of(m), m.terms) for m in matches}
    return {i: look for i, look in looks.items() if look.similarity >= SEEN and i != demand_id}


def pairs_of(found: Mapping[str, Mapping[str, Look]], *, least: float = SIMILAR) -> list[Pair]:
    """Each pair once, as alike as it is in the mean of both directions, if at least `least`.

    found: the looks of each demand. One that is not there counts as 0, so that no pair is told
    more alike than it is.
    """
    ways: dict[tuple[str, str], list[Look]] = defaultdict(list)
    for asked in sorted(found):
        for other, look in found[asked].items():
            ways[min(asked, other), max(asked, other)].append(look)
    pairs = []
    for (first, second), looks in sorted(ways.items()):
        similarity = sum(look.similarity for look in looks) / 2
        if similarity >= least:
            terms = looks[0].terms
            pairs.append(Pair(first=first, second=second, similarity=similarity, terms=terms))
    return pairs


async def load_open(session: AsyncSession, demand_ids: Sequence[UUID]) -> dict[str, OpenDemand]:
    """Those of the demands that are published, by id."""
    found: dict[str, OpenDemand] = {}
    for batch in batches(demand_ids):
        loaded = await demands.find_many(session, batch)
        published = [d for d in loaded if d.state in PUBLIC]
        found |= {str(demand.id): OpenDemand.of(demand) for demand in published}
    return found


async def find_pairs(
    sessions: Sessions, matcher: Matcher, pool: Mapping[str, OpenDemand]
) -> list[Pair]:
    """All like pairs of the pool; tells how far it is, and stops when somebody asks.

    Raises EncoderUnavailable when it was there for some demands alone, whose looks are on another
    scale than those of the others.
    """
    found: dict[str, dict[str, Look]] = {}
    encoders: set[str] = set()
    for done, demand_id in enumerate(sorted(pool)):
        if done % TOLD_EVERY == 0:
            await advance(done, len(pool))
        query = pool[demand_id].query
        async with sessions.begin() as session:  # what is encoded for one stays for the next pass
            ranking = await matcher.rank(
                session, Pool.DEMANDS, query, limit=NEIGHBOURS + 1, asks_reranker=False
            )
        encoders.add(ranking.encoder)
        if len(encoders) > 1:
            raise EncoderUnavailable(f"one pass was compared by {sorted(encoders)}")
        known = [m for m in ranking.matches if m.candidate_id in pool]
        found[demand_id] = looks_of(demand_id, known)
    return await to_thread.run_sync(pairs_of, found)
