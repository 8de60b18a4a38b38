"""Who may see and touch a team: the demand's staff, and once it was confirmed whom it concerns."""

from sqlalchemy import ColumnElement, and_, exists, or_

from app.demands import access as demand_access
from app.experts import access as expert_access
from app.organizations.actors import Actor
from app.teams.models import Team, TeamMember
from app.teams.workflow import EDITABLE, TRANSITIONS
from app.transitions import Party, possible_verbs


def parties_of(actor: Actor, team: Team) -> set[Party]:
    """As for its demand; enterprise and members are none before it was confirmed."""
    parties = demand_access.parties_of(actor, team.demand)
    if team.confirmed_at is None:
        return parties & demand_access.MATCHING
    is_member = any(expert_access.is_own(actor, member.expert) for member in team.members)
    return parties | ({Party.PERSON} if is_member else set())


def may_read(actor: Actor, team: Team) -> bool:
    return bool(parties_of(actor, team))


def may_manage(actor: Actor, team: Team) -> bool:
    return demand_access.may_broker(actor, team.demand)


def readable(actor: Actor) -> ColumnElement[bool]:
    """The same rule as `may_read`, in SQL."""
    in_full = demand_access.readable_in_full(actor)
    if actor.is_staff:
        return in_full
    is_member = exists().where(
        TeamMember.team_id == Team.id, expert_access.is_actors(actor, TeamMember.expert_id)
    )
    return and_(Team.confirmed_at.is_not(None), or_(in_full, is_member))


def allowed_actions(actor: Actor, team: Team) -> list[str]:
    """What the actor may do with this team now."""
    is_editable = may_manage(actor, team) and team.state in EDITABLE
    verbs = possible_verbs(TRANSITIONS, team.state, parties_of(actor, team))
    return (["update"] if is_editable else []) + verbs
