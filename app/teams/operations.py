"""Teams: formed by the demand's staff, confirmed once everybody is available, and dissolved."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.clock import now
from app.demands.access import may_broker
from app.experts.forgetting import SOMEBODY, take_out_of_words
from app.experts.invitations import hold_people
from app.experts.models import Expert
from app.interface.errors import (
    Forbidden,
    Invalid,
    NotFound,
    WrongState,
    conflicting_field,
    invalid_field,
)
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.interface.preconditions import admitted
from app.matches import repository as matches
from app.matches.groups import faults_of_named
from app.matches.operations import demand_of_staff, require_published
from app.matches.schemas import MatchedExpert
from app.organizations.actors import Actor
from app.teams import repository
from app.teams.access import allowed_actions, may_manage, may_read, parties_of, readable
from app.teams.models import Team, TeamMember, TeamState
from app.teams.schemas import (
    TeamBody,
    TeamCreate,
    TeamDemand,
    TeamMemberBody,
    TeamQuery,
    TeamUpdate,
)
from app.teams.workflow import EDITABLE, TRANSITIONS, is_led, settle
from app.transitions import next_state

SORTS = {"created_at": Team.created_at}
NO_CHIEF = Text("团队须有且只有一位首席专家", "A team has exactly one chief")


async def form(session: AsyncSession, actor: Actor, data: TeamCreate) -> Team:
    """Begin a team for a demand for which experts are sought."""
    demand = await demand_of_staff(session, actor, data.demand_id)
    if not may_broker(actor, demand):
        raise Forbidden()
    people = await hold_people(session, [part.expert_id for part in data.members])
    require_published(await matches.held_state(session, demand), verb="form-team")
    team = Team(demand_id=demand.id, state=TeamState.FORMING, members=_members(data, people))
    _apply(team, data.model_dump(include={"name", "starts_on", "ends_on"}))
    session.add(team)
    await session.flush()
    await _tell(session, actor.account_id, team, team.state)
    return await _read_again(session, actor, team)


async def get(session: AsyncSession, actor: Actor, team_id: UUID) -> Team:
    """The team, if the actor may read it."""
    team = await repository.find(session, team_id)
    if team is None or not may_read(actor, team):
        raise NotFound()
    return team


async def hold(session: AsyncSession, actor: Actor, team_id: UUID) -> Team:
    """The team, locked, for the staff who form it."""
    return admitted(
        session,
        await repository.find(session, team_id, is_for_update=True),
        may_read=partial(may_read, actor),
        may_touch=partial(may_manage, actor),
    )


async def search(pages: Pages, actor: Actor, query: TeamQuery) -> Page[TeamBody]:
    """For staff those of the demands they read in full, else confirmed ones of one's own."""
    return await pages.read(
        repository.listed(query, readable(actor)),
        query=query,
        columns=SORTS,
        show=partial(show, actor),
    )


async def update(session: AsyncSession, actor: Actor, team_id: UUID, data: TeamUpdate) -> Team:
    """Change what the body names, while the team forms."""
    people = await hold_people(session, [part.expert_id for part in data.members])
    team = await hold(session, actor, team_id)
    if team.state not in EDITABLE:
        raise WrongState(verb="update", state=team.state, allowed=sorted(EDITABLE))
    wanted = data.changes()
    if "members" in wanted:
        del wanted["members"]
        members = _members(data, people)
        team.members = []
        team.updated_at = now()  # whoever saw the members before saw another version
        await session.flush()  # one of them may come again, and is there once
        team.members = members
    _apply(team, wanted)
    await session.flush()
    fields = sorted(data.model_fields_set)
    await _tell(session, actor.account_id, team, "updated", fields=fields)
    return await _read_again(session, actor, team)


async def move(
    session: AsyncSession,
    actor: Actor,
    team_id: UUID,
    verb: str,
    moment: datetime,
    reason: str = "",
) -> Team:
    """Take one step of the life cycle; but for the confirmation, see `confirming`."""
    team = await hold(session, actor, team_id)
    target = next_state(TRANSITIONS, verb, team.state, parties_of(actor, team))
    if target is not TeamState.DISSOLVED:
        require_chief(team)
    await enter(session, actor.account_id, team, target, moment, reason)
    return team


async def enter(
    session: AsyncSession,
    actor_id: UUID | None,
    team: Team,
    state: TeamState,
    moment: datetime,
    reason: str = "",
) -> None:
    settle(team, state, moment, reason)
    await session.flush()
    await _tell(session, actor_id, team, state)


async def leave(session: AsyncSession, expert: Expert, actor_id: UUID | None) -> list[UUID]:
    """Take an expert who is about to be erased out of every team, and their name out of its words.

    A team that was confirmed stays what it is: its staff see who is left, and may dissolve it.
    Returns the teams' ids.
    """
    left = await repository.of_expert(session, expert.id)
    for team in left:
        team.members = [one for one in team.members if one.expert_id != expert.id]
        take_out_of_words(team, ("name", "state_reason"), expert)
        for one in team.members:
            one.aspects = [aspect.replace(expert.name, SOMEBODY) for aspect in one.aspects]
        team.updated_at = now()
        await changes.append(session, "team.member_left", team.id, actor_id=actor_id)
    await session.flush()
    return [team.id for team in left]


def require_chief(team: Team) -> None:
    """Raises Conflict for a team that is led by nobody or by several."""
    if not is_led(team):
        raise conflicting_field("/members", "no_chief", NO_CHIEF)


def show(actor: Actor, team: Team) -> TeamBody:
    """The team with the public part of the demand and the cards of its members, chief first."""
    return TeamBody.of(
        team,
        demand=TeamDemand.model_validate(team.demand),
        members=[
            TeamMemberBody(
                expert=MatchedExpert.model_validate(member.expert),
                role=member.role,
                aspects=member.aspects,
            )
            for member in team.members
        ],
        allowed_actions=allowed_actions(actor, team),
    )


async def _read_again(session: AsyncSession, actor: Actor, team: Team) -> Team:
    """With its members in their order, and who they are."""
    session.expire(team, ["members"])
    return await get(session, actor, team.id)


def _members(data: TeamCreate | TeamUpdate, people: Mapping[UUID, Expert]) -> list[TeamMember]:
    """New rows for experts of the pool."""
    named = [part.expert_id for part in data.members]
    if faults := faults_of_named(named, people, pointer="/members/{place}/expert_id"):
        raise Invalid(errors=faults)
    return [TeamMember(**part.model_dump()) for part in data.members]


def _apply(team: Team, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(team, name, value)
    if _ends_before(team.starts_on, team.ends_on):
        raise invalid_field("/ends_on", "before_start", "早于起始日期", "Before it starts")


def _ends_before(starts_on: date | None, ends_on: date | None) -> bool:
    return starts_on is not None and ends_on is not None and ends_on < starts_on


async def _tell(
    session: AsyncSession, actor_id: UUID | None, team: Team, what: str, **data: Any
) -> None:
    data |= {"demand_id": str(team.demand_id)}
    await changes.append(session, f"team.{what}", team.id, actor_id=actor_id, data=data)
