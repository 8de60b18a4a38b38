"""Who may look for experts, see what was found, and judge it."""

from sqlalchemy import ColumnElement, exists, or_

from app.demands import access as demand_access
from app.demands.models import Demand
from app.demands.workflow import SOUGHT
from app.experts import access as expert_access
from app.experts.models import Expert
from app.matches.models import Match, MatchRun, ReviewState
from app.organizations.actors import Actor
from app.transitions import Party


def may_match(actor: Actor, demand: Demand) -> bool:
    """Staff who carry the demand or share it look for experts, and read what was found."""
    return bool(demand_access.parties_of(actor, demand) & demand_access.MATCHING)


def may_look_for_demands(actor: Actor, expert: Expert) -> bool:
    """For an expert: themself, and all staff who read the profile."""
    return actor.is_staff or expert_access.is_own(actor, expert)


def parties_of(actor: Actor, match: Match) -> set[Party]:
    """The candidate is whom a match is about; staff need not be able to read the expert."""
    parties = demand_access.parties_of(actor, match.run.demand) & demand_access.MATCHING
    is_about = expert_access.is_own(actor, match.expert)
    return parties | ({Party.PERSON} if is_about else set())


def is_candidate(actor: Actor, match: Match) -> bool:
    """Whether the match is about the actor."""
    return Party.PERSON in parties_of(actor, match)


def may_request_review(actor: Actor, match: Match) -> bool:
    """The candidate, while the demand is published and no other review of the match is open."""
    is_published = match.run.demand.state in SOUGHT
    is_under_way = any(review.state is ReviewState.REQUESTED for review in match.reviews)
    return is_candidate(actor, match) and is_published and not is_under_way


def may_answer_review(actor: Actor, match: Match) -> bool:
    """Those who carry the demand: a review is about what they recommend."""
    return demand_access.may_broker(actor, match.run.demand)


def may_read_review(actor: Actor, match: Match) -> bool:
    """Whoever asked for it, and the staff who answer."""
    return is_candidate(actor, match) or may_answer_review(actor, match)


def readable_reviews(actor: Actor) -> ColumnElement[bool]:
    """The same rule as `may_read_review`, in SQL."""
    own = Expert.account_id == actor.account_id
    if not actor.is_staff:
        return own
    return or_(own, demand_access.in_staffs_jurisdiction(actor))


def seen_matches(actor: Actor) -> ColumnElement[bool]:
    """Matches that the actor, who is staff, may look at: `may_match`, in SQL."""
    return _of_demand(demand_access.readable_in_full(actor))


def judged_matches(actor: Actor) -> ColumnElement[bool]:
    """Matches on which the actor, who is staff, decides: `may_broker`, in SQL."""
    return _of_demand(demand_access.in_staffs_jurisdiction(actor))


def _of_demand(which: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(MatchRun.id == Match.run_id, MatchRun.demand_id == Demand.id, which)


def allowed_actions(actor: Actor, demand: Demand) -> list[str]:
    """What the actor may do with matches of this demand: judge as long as it is published."""
    is_open = demand.state in SOUGHT
    return ["judge"] if is_open and demand_access.may_broker(actor, demand) else []
