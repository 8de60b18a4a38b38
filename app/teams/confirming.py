"""The confirmation of a team: refused, with who and why, where somebody is not to be asked now."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import day_of
from app.dockings import repository as dockings
from app.experts.invitations import hold_people
from app.experts.models import Expert
from app.interface.errors import Conflict
from app.interface.language import Text
from app.interface.validation import FieldError
from app.matches import repository as matches
from app.matches.availability import NOT_IN_POOL, objections_to, told
from app.matches.constraints import constraints_of
from app.matches.operations import require_published
from app.matches.schemas import MatchParameters
from app.organizations.actors import Actor
from app.teams import repository
from app.teams.access import parties_of
from app.teams.models import Team, TeamMember
from app.teams.operations import enter, hold, require_chief
from app.teams.workflow import TRANSITIONS
from app.transitions import next_state
from matching import Limits

VERB = "confirm"
GONE = FieldError(pointer="", code="not_in_pool", message=NOT_IN_POOL)


async def confirm(
    session: AsyncSession, actor: Actor, team_id: UUID, limits: Limits, moment: datetime
) -> Team:
    """Tell enterprise and members of the team, unless a reason stands against one of them.

    Between the look at them and the commit nobody else invites its members.
    """
    people = await hold_people(session, await repository.expert_ids_of(session, team_id))
    team = await hold(session, actor, team_id)
    target = next_state(TRANSITIONS, VERB, team.state, parties_of(actor, team))
    require_published(await matches.held_state(session, team.demand), verb=VERB)
    require_chief(team)
    on = max(team.starts_on or date.min, day_of(moment))
    if faults := await _faults(session, team, people, limits, on):
        raise Conflict(faults[0].message, errors=faults)
    await enter(session, actor.account_id, team, target, moment)
    return team


async def _faults(
    session: AsyncSession, team: Team, people: dict[UUID, Expert], limits: Limits, on: date
) -> list[FieldError]:
    """By their places in the team, what stands against its members on a day.

    That they were invited to its very demand does not.
    """
    constraints = await constraints_of(session, MatchParameters(on=on), limits, team.demand)
    known = list(people.values())
    invited = await dockings.invited_to(session, team.demand_id)
    found = await objections_to(session, known, constraints, but=invited)
    against = {
        expert.id: [told(one) for one in objections]
        for expert, objections in zip(known, found, strict=True)
    }
    return [
        fault
        for place, member in enumerate(team.members)
        for fault in _named(place, member, against.get(member.expert_id, [GONE]))
    ]


def _named(place: int, member: TeamMember, faults: Sequence[FieldError]) -> Iterator[FieldError]:
    name = member.expert.name
    for fault in faults:
        message = Text(f"{name}：{fault.message.zh}", f"{name}: {fault.message.en}")
        yield replace(fault, pointer=f"/members/{place}", message=message)
