"""What the groups found now change about the problems that stand: pure, and nothing when repeated.

A proposal gains what is like it, keeps its demands while they are published and in no other group,
and lapses when they are not of two enterprises any more. A dismissed one comes back only with a
demand that it did not have. A confirmed one gains nothing, nor does what came of it, also where
that has ended; what is like it is proposed beside. What is withdrawn has left those that are
decided on, see `withdrawing`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.problems.models import TOLD
from app.problems.models import ProblemState as S

Ids = frozenset[str]
MOST_ROUNDS = 10
NEW = "~"  # begins the ids of new problems until they have one: the youngest, so the last


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A problem as it stands. `added` of the members came by hand; `excluded` were taken out."""

    problem_id: str
    state: S
    members: Ids
    added: Ids = frozenset()
    excluded: Ids = frozenset()

    @property
    def known(self) -> Ids:
        return self.members | self.excluded


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The members that a problem is to have; a new one has no id yet.

    extends_id: of a new one, the confirmed problem that some of its demands belong to.
    """

    members: Ids
    problem_id: str | None = None
    extends_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapse:
    """A proposal that is none any more."""

    problem_id: str


def reconcile(
    groups: Sequence[Ids], standing: Sequence[Standing], enterprises: Mapping[str, str]
) -> list[Proposal | Lapse]:
    """The steps that bring the problems up to date. Taken, and asked again: none.

    A step may make way for another, as when the group of a proposal that lapses is proposed anew.

    groups: disjoint, each of two enterprises at least.
    enterprises: whose each published demand is.
    Raises RuntimeError where there is no end to them.
    """
    before = {one.problem_id: one for one in standing}
    after, extended = dict(before), dict[str, str | None]()
    for _ in range(MOST_ROUNDS):
        steps = _steps(groups, list(after.values()), enterprises)
        for step in steps:
            now = _taken(step, after, f"{NEW}{len(extended):04}")
            after[now.problem_id] = now
            if isinstance(step, Proposal) and step.problem_id is None:
                extended[now.problem_id] = step.extends_id
        if not steps:
            break
    else:
        raise RuntimeError(f"the last of {MOST_ROUNDS} rounds took {len(steps)} steps")
    changed = [one for one in after.values() if _is_due(before.get(one.problem_id), one)]
    return [_difference(one, extended.get(one.problem_id)) for one in changed]


def _is_due(before: Standing | None, after: Standing) -> bool:
    """Whether a step has to lead from one to the other: nobody has seen what came and went."""
    was_proposed = before is not None and before.state is S.PROPOSED
    return after != before and (was_proposed or after.state is S.PROPOSED)


def _taken(step: Proposal | Lapse, known: Mapping[str, Standing], new_id: str) -> Standing:
    """The problem of a step after it."""
    if isinstance(step, Lapse):
        return replace(known[step.problem_id], state=S.LAPSED)
    if step.problem_id is None:
        return Standing(problem_id=new_id, state=S.PROPOSED, members=step.members)
    old = known[step.problem_id]
    return replace(old, state=S.PROPOSED, members=step.members, added=old.added & step.members)


def _difference(one: Standing, extends_id: str | None) -> Proposal | Lapse:
    """The step that leads to a problem that is not as it was."""
    if one.state is S.LAPSED:
        return Lapse(problem_id=one.problem_id)
    if one.problem_id.startswith(NEW):
        return Proposal(members=one.members, extends_id=extends_id)
    return Proposal(members=one.members, problem_id=one.problem_id)


def _steps(
    groups: Sequence[Ids], standing: Sequence[Standing], enterprises: Mapping[str, str]
) -> list[Proposal | Lapse]:
    """The steps that the problems as they stand are in need of."""
    near = _near(groups, standing)
    counterparts = _counterparts(near)
    grown = {
        one.problem_id: counterparts[one.problem_id]
        for one in standing
        if one.problem_id in counterparts and _is_open(one, counterparts[one.problem_id])
    }
    taken = set(counterparts.values())
    new = [
        group
        for group in groups
        if group not in taken
        and not any(_settles(one, group) for one in near[group] if one.problem_id not in grown)
    ]
    claimed = {demand: group for group in (*new, *grown.values()) for demand in group}
    steps: list[Proposal | Lapse] = []
    for one in sorted(standing, key=lambda one: one.problem_id):
        members = _members(one, grown.get(one.problem_id, frozenset()), claimed, enterprises)
        is_shared = len({enterprises[demand] for demand in members}) > 1
        is_proposed = one.state is S.PROPOSED
        if is_proposed and not is_shared:
            steps.append(Lapse(problem_id=one.problem_id))
        elif is_shared and (members != one.members if is_proposed else one.problem_id in grown):
            steps.append(Proposal(members=members, problem_id=one.problem_id))
    return [*steps, *(Proposal(members=g, extends_id=_extended(g, near[g])) for g in new)]


def _members(
    one: Standing, group: Ids, claimed: Mapping[str, Ids], enterprises: Mapping[str, str]
) -> Ids:
    """Whom the problem has once it is this group; a proposal takes none from another group.

    One that comes back is the group as it is now.
    """
    if one.state is not S.PROPOSED:
        return group - one.excluded
    kept = {d for d in one.members & enterprises.keys() if claimed.get(d, group) == group}
    return (group | kept | (one.added & enterprises.keys())) - one.excluded


def _near(groups: Sequence[Ids], standing: Sequence[Standing]) -> dict[Ids, list[Standing]]:
    """By group the problems that have one of its demands."""
    holders = defaultdict[str, list[Standing]](list)
    for one in standing:
        for demand in one.members:
            holders[demand].append(one)
    return {
        group: list({one.problem_id: one for d in group for one in holders[d]}.values())
        for group in groups
    }


def _counterparts(near: Mapping[Ids, Sequence[Standing]]) -> dict[str, Ids]:
    """By problem the group that it is now: that with which it shares most demands.

    A group is one problem at most. With proposals one demand in common is enough; what somebody
    has decided on, or has lapsed, is only met again by two.
    """
    overlaps = [
        (-count, one.state is not S.PROPOSED, one.problem_id, sorted(group))
        for group, problems in near.items()
        for one in problems
        if one.state not in TOLD and (count := _common(one, group))
    ]
    found: dict[str, Ids] = {}
    taken: set[Ids] = set()
    for _, _, problem_id, demands in sorted(overlaps):
        group = frozenset(demands)
        if problem_id not in found and group not in taken:
            found[problem_id] = group
            taken.add(group)
    return found


def _common(one: Standing, group: Ids) -> int:
    """How many demands a problem has in common with a group, where that makes them one."""
    count = len(group & one.members)
    return count if count > 1 or one.state is S.PROPOSED else 0


def _is_open(one: Standing, group: Ids) -> bool:
    """Whether a problem may still become this group."""
    return one.state is not S.DISMISSED or bool(group - one.known)


def _settles(one: Standing, group: Ids) -> bool:
    """Whether somebody has confirmed or dismissed all of the group together."""
    return one.state in TOLD | {S.DISMISSED} and group <= one.known


def _extended(group: Ids, near: Sequence[Standing]) -> str | None:
    """The confirmed problem that most of the group is in."""
    shares = [(-len(group & one.members), one.problem_id) for one in near if one.state in TOLD]
    return min(shares)[1] if shares else None
