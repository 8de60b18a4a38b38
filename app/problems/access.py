"""Who may see and touch a common problem: the staff of its regions, and whom it concerns."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, String, and_, cast, exists, func, or_, true
from sqlalchemy.dialects.postgresql import ARRAY

from app.accounts.models import Role
from app.experts import access as experts
from app.organizations.actors import Actor
from app.problems.models import OPEN, TOLD, Answer, CommonProblem, ProblemSignature
from app.problems.workflow import EDITABLE, TRANSITIONS
from app.regions import in_region
from app.transitions import Party, possible_verbs


def parties_of(actor: Actor, problem: CommonProblem) -> set[Party]:
    """Staff of the region of one of its demands; members of an enterprise that may act in it.

    Each acts for itself until one of them leads, and then that one for all.
    """
    lead = problem.lead_organization_id
    acting = {lead} if lead else set(problem.organization_ids)
    held = {
        Party.ORGANIZATION: problem.state in TOLD and bool(actor.organization_ids & acting),
        Party.STAFF: any(map(actor.manages_region, _places(problem.region_codes))),
    }
    return {party for party, is_held in held.items() if is_held}


def _places(region_codes: Sequence[str | None]) -> Sequence[str | None]:
    """What decides whose staff's it is: a demand of no region opens it to none, beside others."""
    return [code for code in region_codes if code is not None] or [None]


def may_manage(actor: Actor, problem: CommonProblem) -> bool:
    return Party.STAFF in parties_of(actor, problem)


def may_touch(actor: Actor, problem: CommonProblem) -> bool:
    """Take a step of one's own; which, says the table."""
    return bool(parties_of(actor, problem))


def may_read(actor: Actor, problem: CommonProblem) -> bool:
    """What is published is open to everybody signed in, but for its demands."""
    return may_read_members(actor, problem) or problem.state in OPEN


def may_read_members(actor: Actor, problem: CommonProblem) -> bool:
    """What is confirmed is also told to its enterprises, and to evaluators."""
    is_of = bool(actor.organization_ids & set(problem.organization_ids))
    is_told = is_of or actor.role is Role.EVALUATOR
    return may_manage(actor, problem) or (is_told and problem.state in TOLD)


def may_read_answer(actor: Actor, problem: CommonProblem, signature: ProblemSignature) -> bool:
    """Who has signed reads who else has, and for how much; nobody but staff who has declined."""
    is_among = signature.answer is Answer.SIGNED and has_signed(actor, problem)
    return may_manage(actor, problem) or actor.acts_for(signature.organization_id) or is_among


def may_read_team(actor: Actor, problem: CommonProblem) -> bool:
    """Who is in the joint team, and who has signed, meet each other."""
    return may_manage(actor, problem) or has_signed(actor, problem) or is_in_team(actor, problem)


def has_signed(actor: Actor, problem: CommonProblem) -> bool:
    return bool(actor.organization_ids & set(problem.co_signer_ids))


def is_in_team(actor: Actor, problem: CommonProblem) -> bool:
    """The caller's own profile is always theirs to read; another one may not be there."""
    return any(experts.is_own(actor, one.expert) for one in problem.experts)


def readable(actor: Actor) -> ColumnElement[bool]:
    """The same rule as `may_read`, in SQL."""
    told, is_open = CommonProblem.state.in_(TOLD), CommonProblem.state.in_(OPEN)
    if actor.role is Role.EVALUATOR:
        return told
    if not actor.is_staff:
        own = sorted(actor.organization_ids)
        return or_(is_open, and_(told, CommonProblem.organization_ids.overlap(own)))
    if actor.jurisdiction is None:
        return true()
    code = func.unnest(CommonProblem.region_codes).column_valued("code")
    is_of_none = func.array_remove(CommonProblem.region_codes, None) == cast([], ARRAY(String))
    return is_open | is_of_none | exists().where(in_region(code, actor.jurisdiction))


def allowed_actions(actor: Actor, problem: CommonProblem) -> list[str]:
    """What the actor may do with this problem now."""
    is_editable = may_manage(actor, problem) and problem.state in EDITABLE
    verbs = possible_verbs(TRANSITIONS, problem.state, parties_of(actor, problem))
    return (["update"] if is_editable else []) + verbs
