"""Look through the published demands and bring the proposals up to date."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from statistics import fmean
from uuid import UUID

from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.clock import now
from app.database import JsonObject
from app.interface.language import Text
from app.matches.index.ranking import Matcher
from app.matches.index.repository import member_ids
from app.matches.models import Pool
from app.problems import repository
from app.problems.grouping import NEAR_DUPLICATE, Pair, group
from app.problems.models import (
    UNDERTAKEN,
    CommonProblem,
    Likeness,
    Origin,
    ProblemMember,
    ProblemState,
)
from app.problems.reconciling import Ids, Lapse, Proposal, Standing, reconcile
from app.problems.similarity import OpenDemand, find_pairs, load_open
from app.problems.wording import shared_terms, statement_of, title_of
from app.problems.workflow import settle
from app.scopes import Scope, Sessions, borrowed, within
from app.search import search_vector

PairsByDemand = Mapping[str, Sequence[Pair]]
LAPSED_TITLE = Text("已失效的共性难题", "Lapsed common problem").in_both
EMPTY_TITLE = Text("需求均不再公开的共性难题", "Common problem without published demands").in_both
LAPSED = Text(
    "成员需求已不足两家企业，或已归入其他建议",
    "Its demands are not of two enterprises any more, or in another proposal",
).in_both


async def propose(sessions: Sessions, matcher: Matcher) -> None:
    """Propose what is alike now. Nothing is held while the demands are compared."""
    reading = within(sessions, Scope.INDEX)
    async with reading() as session:
        compared = await load_open(session, await member_ids(session, Pool.DEMANDS))
    pairs = await find_pairs(reading, matcher, compared)
    groups = await to_thread.run_sync(group, pairs, enterprises_of(compared))
    async with within(sessions, Scope.PROBLEMS).begin() as session:
        await bring_up_to_date(session, compared, pairs, groups)


async def bring_up_to_date(
    session: AsyncSession,
    compared: Mapping[str, OpenDemand],
    pairs: Sequence[Pair],
    groups: Sequence[Ids],
) -> None:
    """Take the steps from the problems that stand to these groups of what was compared.

    The problems are locked before their demands are read again: of what anybody has edited
    meanwhile nothing is missing then, whenever its demands were published.
    """
    grouped = [UUID(demand_id) for found in groups for demand_id in found]
    problems = {str(p.id): p for p in await repository.find_concerned(session, grouped)}
    held = {member.demand_id for problem in problems.values() for member in problem.members}
    async with borrowed(session, Scope.INDEX):
        pool = await load_open(session, sorted({*grouped, *held}))
    groups, by_demand = await to_thread.run_sync(_unchanged, compared, pool, pairs, groups)
    standing = [standing_of(problem) for problem in problems.values()]
    for step in await to_thread.run_sync(reconcile, groups, standing, enterprises_of(pool)):
        if isinstance(step, Lapse):
            await lapse(session, problems[step.problem_id])
        elif step.problem_id is None:
            await _add(session, step, pool, by_demand)
        else:
            await _renew(session, problems[step.problem_id], step, pool, by_demand)
    for problem in problems.values():
        if problem.state is not ProblemState.LAPSED and _is_to_explain(problem, by_demand):
            told = place(problem, standing_of(problem).members)
            await _tell(session, problem, "updated", told, pool, by_demand)


def enterprises_of(pool: Mapping[str, OpenDemand]) -> dict[str, str]:
    return {demand_id: demand.enterprise for demand_id, demand in pool.items()}


def _unchanged(
    compared: Mapping[str, OpenDemand],
    pool: Mapping[str, OpenDemand],
    pairs: Sequence[Pair],
    groups: Sequence[Ids],
) -> tuple[list[Ids], PairsByDemand]:
    """What was found of demands that are published as they were compared; the pairs by demand."""
    same = {demand_id for demand_id, demand in pool.items() if compared.get(demand_id) == demand}
    by_demand = defaultdict[str, list[Pair]](list)
    for pair in pairs:
        if pair.first in same and pair.second in same:
            by_demand[pair.first].append(pair)
            by_demand[pair.second].append(pair)
    left = [found & same for found in groups]
    return [found for found in left if len({pool[i].enterprise for i in found}) > 1], by_demand


def standing_of(problem: CommonProblem) -> Standing:
    """The problem as `reconcile` reads it."""
    members = [m for m in problem.members if not m.is_excluded]
    return Standing(
        problem_id=str(problem.id),
        state=problem.state,
        members=frozenset(str(m.demand_id) for m in members),
        added=frozenset(str(m.demand_id) for m in members if m.origin is Origin.ADDED),
        excluded=frozenset(str(m.demand_id) for m in problem.members if m.is_excluded),
    )


async def _add(
    session: AsyncSession, step: Proposal, pool: Mapping[str, OpenDemand], pairs: PairsByDemand
) -> None:
    extends_id = UUID(step.extends_id) if step.extends_id else None
    problem = CommonProblem(state=ProblemState.PROPOSED, written=[], extends_id=extends_id)
    told = place(problem, step.members)
    session.add(problem)
    await _tell(session, problem, "proposed", told, pool, pairs)


async def _renew(
    session: AsyncSession,
    problem: CommonProblem,
    step: Proposal,
    pool: Mapping[str, OpenDemand],
    pairs: PairsByDemand,
) -> None:
    kind = "updated" if problem.state is ProblemState.PROPOSED else "returned"
    if kind == "returned":
        settle(problem, ProblemState.PROPOSED)
    told = place(problem, step.members)
    if told["removed"]:
        forget_reasons(problem)
    await _tell(session, problem, kind, told, pool, pairs)


async def _tell(
    session: AsyncSession,
    problem: CommonProblem,
    kind: str,
    told: JsonObject,
    pool: Mapping[str, OpenDemand],
    pairs: PairsByDemand,
) -> None:
    explain(problem, pairs)
    describe(problem, pool)
    await changes.append(session, f"common_problem.{kind}", problem.id, data=told)


async def lapse(session: AsyncSession, problem: CommonProblem) -> None:
    """Its demands may be withdrawn: of their words none stay, unless a person wrote them."""
    settle(problem, ProblemState.LAPSED, LAPSED)
    forget_reasons(problem)
    _head(problem, LAPSED_TITLE, "")
    make_searchable(problem)
    await changes.append(session, "common_problem.lapsed", problem.id)


def place(problem: CommonProblem, wanted: Collection[str]) -> JsonObject:
    """Give the problem these demands, besides those taken out by hand; what changed, by ids."""
    known = {str(m.demand_id): m for m in problem.members}
    gone = sorted(i for i, m in known.items() if i not in wanted and not m.is_excluded)
    new = sorted(set(wanted) - known.keys())
    for demand_id in gone:
        problem.members.remove(known[demand_id])
    for demand_id in new:
        problem.members.append(
            ProblemMember(
                demand_id=UUID(demand_id), origin=Origin.FOUND, is_excluded=False, terms=[]
            )
        )
    return {"added": new, "removed": gone}


def explain(problem: CommonProblem, pairs: PairsByDemand) -> None:
    """Say of each demand that was found how like the others it is, the most to which, by what."""
    members = {str(m.demand_id): m for m in present(problem)}
    inside: list[Pair] = []
    for demand_id, member in members.items():
        own = _inside(members, demand_id, pairs)
        inside += [pair for pair in own if pair.first == demand_id]
        if member.origin is Origin.FOUND and own:
            nearest = min(own, key=lambda p: (-p.similarity, p.other(demand_id)))
            member.similarity = fmean(pair.similarity for pair in own)
            member.nearest_demand_id = UUID(nearest.other(demand_id))
            member.terms = list(nearest.terms)
    if inside:  # else its demands are kept for what they had in common before
        problem.terms = shared_terms(inside)
    is_complete = len(inside) == len(members) * (len(members) - 1) // 2
    are_close = is_complete and all(pair.similarity >= NEAR_DUPLICATE for pair in inside)
    problem.likeness = Likeness.NEAR_DUPLICATE if are_close else Likeness.SIMILAR


def _inside(members: Collection[str], demand_id: str, pairs: PairsByDemand) -> list[Pair]:
    """The pairs of a demand with these."""
    return [pair for pair in pairs.get(demand_id, ()) if pair.other(demand_id) in members]


def forget_reasons(problem: CommonProblem) -> None:
    """They speak of demands that are not in it any more; the next comparison gives others."""
    for member in problem.members:
        member.similarity, member.nearest_demand_id, member.terms = None, None, []
    problem.terms, problem.likeness = [], Likeness.SIMILAR


def _is_to_explain(problem: CommonProblem, pairs: PairsByDemand) -> bool:
    """Whether reasons were forgotten that can be given."""
    members = {str(m.demand_id): m for m in present(problem)}
    return any(
        member.origin is Origin.FOUND
        and member.similarity is None
        and _inside(members, demand_id, pairs)
        for demand_id, member in members.items()
    )


def describe(problem: CommonProblem, pool: Mapping[str, OpenDemand]) -> None:
    """What follows from its demands; title and statement unless somebody wrote them.

    Of those that are published alone: nothing is said by what is not any more. Whose it is stands
    fast once it is undertaken.
    """
    ids = [str(member.demand_id) for member in by_centrality(problem)]
    demands = [pool[demand_id] for demand_id in ids if demand_id in pool]
    problem.demand_count = len(demands)
    if problem.state not in UNDERTAKEN:
        _belong(problem, demands)
    enterprises = {demand.enterprise for demand in demands}
    _head(
        problem,
        title_of(demands[0].title, problem.terms) if demands else EMPTY_TITLE,
        statement_of(len(demands), len(enterprises), problem.terms) if demands else "",
    )
    make_searchable(problem)


def _belong(problem: CommonProblem, demands: Sequence[OpenDemand]) -> None:
    """Whose it is, where, and in which fields."""
    problem.organization_ids = sorted({demand.organization_id for demand in demands})
    problem.organization_count = len({demand.enterprise for demand in demands})
    problem.region_codes = sorted({d.region_code for d in demands}, key=lambda code: code or "")
    problem.technology_fields = sorted({d.technology_field for d in demands if d.technology_field})
    problem.disciplines = sorted({d.discipline for d in demands if d.discipline})


def _head(problem: CommonProblem, title: str, statement: str) -> None:
    """Give it these, but for what somebody has written."""
    for name, value in (("title", title), ("statement", statement)):
        if name not in problem.written:
            setattr(problem, name, value)


def make_searchable(problem: CommonProblem) -> None:
    """By the words it has now; a new version, even if its members alone are others."""
    problem.search = search_vector([problem.title, problem.statement, *problem.terms])
    problem.updated_at = now()


def present(problem: CommonProblem) -> list[ProblemMember]:
    """The members, without those taken out."""
    return [member for member in problem.members if not member.is_excluded]


def by_centrality(problem: CommonProblem) -> list[ProblemMember]:
    """The members, those most like the others first; those added by hand last."""
    return sorted(present(problem), key=lambda m: (-(m.similarity or 0.0), m.demand_id))
