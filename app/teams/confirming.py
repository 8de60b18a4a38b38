"""The confirmation of a team: refused, with who and why, where somebody is not to be asked now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import day_of
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
from app.teams.models import Team
from app.teams.operations import enter, hold, hold_people, require_chief
from app.teams.workflow import TRANSITIONS
from app.transitions import next_state
from matching import Constraints, Limits

VERB = "confirm"
GONE = FieldError(pointer="", code="not_in_pool", message=NOT_IN_POOL)


class Member(Protocol):
    """An expert's place among others, with who they are."""

    expert_id: UUID
    expert: Expert


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
    constraints = await constraints_of(session, MatchParameters(on=on), limits, team.demand)
    await require_available(session, dict(enumerate(team.members)), people, constraints)
    await enter(session, actor, team, target, moment)
    return team


async def require_available(
    session: AsyncSession,
    members: Mapping[int, Member],
    people: Mapping[UUID, Expert],
    constraints: Constraints,
) -> None:
    """Raises Conflict with what stands against members, by their places.

    people: those of them who are in the pool, held.
    """
    if faults := await _faults(session, members, people, constraints):
        raise Conflict(faults[0].message, errors=faults)


async def _faults(
    session: AsyncSession,
    members: Mapping[int, Member],
    people: Mapping[UUID, Expert],
    constraints: Constraints,
) -> list[FieldError]:
    known = list(people.values())
    found = await objections_to(session, known, constraints)
    against = {
        expert.id: [told(one) for one in objections]
        for expert, objections in zip(known, found, strict=True)
    }
    return [
        fault
        for place, member in members.items()
        for fault in _named(place, member, against.get(member.expert_id, [GONE]))
    ]


def _named(place: int, member: Member, faults: Sequence[FieldError]) -> Iterator[FieldError]:
    name = member.expert.name
    for fault in faults:
        message = Text(f"{name}：{fault.message.zh}", f"{name}: {fault.message.en}")
        yield replace(fault, pointer=f"/members/{place}", message=message)
