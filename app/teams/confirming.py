"""The confirmation of a team: refused, with who and why, where somebody is not to be asked now."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import day_of
from app.dockings import repository as dockings
from app.experts.invitations import hold_people
from app.matches import repository as matches
from app.matches.constraints import constraints_of
from app.matches.groups import require_all_available
from app.matches.operations import require_published
from app.matches.schemas import MatchParameters
from app.organizations.actors import Actor
from app.teams import repository
from app.teams.access import parties_of
from app.teams.models import Team
from app.teams.operations import enter, hold, require_chief
from app.teams.workflow import TRANSITIONS
from app.transitions import next_state
from matching import Limits

VERB = "confirm"


async def confirm(
    session: AsyncSession, actor: Actor, team_id: UUID, limits: Limits, moment: datetime
) -> Team:
    """Let enterprise and members read of the team, unless a reason stands against one of them.

    Between the look at them and the commit nobody else invites its members. That they were invited
    to its very demand is no reason.
    """
    people = await hold_people(session, await repository.expert_ids_of(session, team_id))
    team = await hold(session, actor, team_id)
    target = next_state(TRANSITIONS, VERB, team.state, parties_of(actor, team))
    require_published(await matches.held_state(session, team.demand), verb=VERB)
    require_chief(team)
    on = max(team.starts_on or date.min, day_of(moment))
    constraints = await constraints_of(session, MatchParameters(on=on), limits, team.demand)
    named = {f"/members/{place}": member.expert for place, member in enumerate(team.members)}
    invited = await dockings.invited_to(session, team.demand_id)
    await require_all_available(session, named, people, constraints, but=invited)
    await enter(session, actor.account_id, team, target, moment)
    return team
