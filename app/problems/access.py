"""Who may see and touch a common problem: the staff of its regions, and whom it concerns."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, String, and_, cast, exists, func, true
from sqlalchemy.dialects.postgresql import ARRAY

from app.accounts.models import Role
from app.demands import access as demands
from app.demands.models import Demand
from app.organizations.actors import Actor
from app.problems.models import CommonProblem, ProblemState
from app.problems.workflow import EDITABLE, TRANSITIONS
from app.regions import in_region
from app.transitions import Party, possible_verbs


def parties_of(actor: Actor, problem: CommonProblem) -> set[Party]:
    """Staff of the region of one of its demands; members of an enterprise that has one in it."""
    held = {
        Party.ORGANIZATION: bool(actor.organization_ids & set(problem.organization_ids)),
        Party.STAFF: any(map(actor.manages_region, _places(problem.region_codes))),
    }
    return {party for party, is_held in held.items() if is_held}


def _places(region_codes: Sequence[str | None]) -> Sequence[str | None]:
    """What decides whose staff's it is: a demand of no region opens it to none, beside others."""
    return [code for code in region_codes if code is not None] or [None]


def may_manage(actor: Actor, problem: CommonProblem) -> bool:
    return Party.STAFF in parties_of(actor, problem)


def may_place(actor: Actor, demand: Demand) -> bool:
    """Whether the actor may put the demand into a problem or take it out: staff who carry it."""
    return Party.STAFF in demands.parties_of(actor, demand)


def may_read(actor: Actor, problem: CommonProblem) -> bool:
    """What is confirmed is also told to its enterprises, and to evaluators."""
    parties = parties_of(actor, problem)
    is_told = Party.ORGANIZATION in parties or actor.role is Role.EVALUATOR
    return Party.STAFF in parties or (is_told and problem.state is ProblemState.CONFIRMED)


def readable(actor: Actor) -> ColumnElement[bool]:
    """The same rule as `may_read`, in SQL."""
    confirmed = CommonProblem.state == ProblemState.CONFIRMED
    if actor.role is Role.EVALUATOR:
        return confirmed
    if not actor.is_staff:
        own = sorted(actor.organization_ids)
        return and_(confirmed, CommonProblem.organization_ids.overlap(own))
    if actor.jurisdiction is None:
        return true()
    code = func.unnest(CommonProblem.region_codes).column_valued("code")
    is_open = func.array_remove(CommonProblem.region_codes, None) == cast([], ARRAY(String))
    return is_open | exists().where(in_region(code, actor.jurisdiction))


def allowed_actions(actor: Actor, problem: CommonProblem) -> list[str]:
    """What the actor may do with this problem now."""
    is_editable = may_manage(actor, problem) and problem.state in EDITABLE
    verbs = possible_verbs(TRANSITIONS, problem.state, parties_of(actor, problem))
    return (["update"] if is_editable else []) + verbs
