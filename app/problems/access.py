"""Who may see and touch a common problem: the staff of its regions, and whom it concerns."""

from sqlalchemy import ColumnElement, and_, exists, func, true

from app.accounts.models import Role
from app.organizations.actors import Actor
from app.problems.models import CommonProblem, ProblemState
from app.problems.workflow import EDITABLE, TRANSITIONS
from app.regions import in_jurisdiction
from app.transitions import Party, possible_verbs


def parties_of(actor: Actor, problem: CommonProblem) -> set[Party]:
    """Staff of the region of one of its demands; members of an enterprise that has one in it."""
    held = {
        Party.ORGANIZATION: bool(actor.organization_ids & set(problem.organization_ids)),
        Party.STAFF: any(actor.manages_region(code) for code in problem.region_codes),
    }
    return {party for party, is_held in held.items() if is_held}


def may_manage(actor: Actor, problem: CommonProblem) -> bool:
    return Party.STAFF in parties_of(actor, problem)


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
    return exists().where(in_jurisdiction(code, actor.jurisdiction))


def allowed_actions(actor: Actor, problem: CommonProblem) -> list[str]:
    """What the actor may do with this problem now."""
    is_editable = may_manage(actor, problem) and problem.state in EDITABLE
    verbs = possible_verbs(TRANSITIONS, problem.state, parties_of(actor, problem))
    return (["update"] if is_editable else []) + verbs
