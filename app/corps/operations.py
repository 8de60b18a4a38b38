"""Corps: formed by the staff of a region, dispatched, evaluated once they have served."""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import true
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.clock import day_of, now
from app.corps import repository
from app.corps.access import (
    allowed_actions,
    may_manage,
    may_read_in_full,
    parties_of,
    readable,
)
from app.corps.models import Corps, CorpsMember, CorpsState
from app.corps.schemas import (
    CorpsBody,
    CorpsCreate,
    CorpsMemberBody,
    CorpsQuery,
    CorpsTotals,
    CorpsUpdate,
    Evaluation,
)
from app.corps.workflow import EDITABLE, TRANSITIONS, is_led, settle
from app.experts import repository as experts
from app.experts.forgetting import take_out_of_words
from app.experts.invitations import hold_people
from app.experts.models import Expert, ExpertState
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
from app.interface.preconditions import admitted, meet
from app.matches.constraints import constraints_of
from app.matches.groups import faults_of_named, require_all_available
from app.matches.schemas import MatchedExpert, MatchParameters
from app.organizations import repository as organizations
from app.organizations.actors import Actor
from app.organizations.models import OrganizationState
from app.scopes import Scope, borrowed
from app.transitions import next_state
from matching import Limits

SORTS = {"created_at": Corps.created_at, "year": Corps.year}
CORPS = Text("服务团", "corps")
NO_LEADER = Text("服务团须有且只有一位团长", "A corps has exactly one leader")
NOT_OF_IT = ("该专家不是此服务团的成员", "The expert is no member of this corps")


async def form(session: AsyncSession, actor: Actor, data: CorpsCreate) -> Corps:
    """Begin a corps of one's own region."""
    region_code = actor.region_for(data.region_code)
    if not actor.manages_region(region_code):
        raise Forbidden()
    await _require_verified(session, data.lead_organization_id)
    people = await hold_people(session, [part.expert_id for part in data.members])
    corps = Corps(
        **data.model_dump(exclude={"members", "region_code"}),
        region_code=region_code,
        state=CorpsState.FORMING,
        members=_members(data, people),
    )
    session.add(corps)
    await session.flush()
    await _tell(session, actor.account_id, corps, corps.state)
    return await get(session, actor, corps.id)


async def get(session: AsyncSession, actor: Actor, corps_id: UUID) -> Corps:
    """The corps, if the actor may read it."""
    corps = await repository.find(session, corps_id, readable(actor))
    if corps is None:
        raise NotFound()
    return corps


async def hold(session: AsyncSession, actor: Actor, corps_id: UUID) -> Corps:
    """The corps, locked, for the staff of its region."""
    return admitted(
        session,
        await repository.find(session, corps_id, readable(actor), is_for_update=True),
        may_read=lambda _: True,
        may_touch=partial(may_manage, actor),
    )


async def search(pages: Pages, actor: Actor, query: CorpsQuery) -> Page[CorpsBody]:
    """For staff those of their region and dispatched ones; else one's own, and who serves one."""
    return await pages.read(
        repository.listed(query, readable(actor)),
        query=query,
        columns=SORTS,
        show=partial(show, actor),
    )


async def update(
    session: AsyncSession,
    actor: Actor,
    corps_id: UUID,
    data: CorpsUpdate,
    limits: Limits,
    moment: datetime,
) -> Corps:
    """Change what the body names; who joins a dispatched corps must be free, as at its dispatch."""
    people = await hold_people(session, [part.expert_id for part in data.members])
    corps = await hold(session, actor, corps_id)
    if corps.state not in EDITABLE:
        raise WrongState(verb="update", state=corps.state, allowed=sorted(EDITABLE))
    wanted = data.changes()
    before = _ids(corps)
    if "members" in wanted:
        del wanted["members"]
        await _replace_members(session, corps, _members(data, people))
    for name, value in wanted.items():
        setattr(corps, name, value)
    await session.flush()
    await _tell(session, actor.account_id, corps, "updated", fields=sorted(data.model_fields_set))
    corps = await get(session, actor, corps.id)
    if corps.state is not CorpsState.FORMING and "members" in data.model_fields_set:
        await _require_ready(session, corps, people, limits, moment, but=before)
    return corps


async def dispatch(
    session: AsyncSession, actor: Actor, corps_id: UUID, limits: Limits, moment: datetime
) -> Corps:
    """Tell the enterprises of the regions served, unless a reason stands against a member.

    Until the commit nobody else invites its members.
    """
    people = await hold_people(session, _ids(await get(session, actor, corps_id)))
    corps = await hold(session, actor, corps_id)
    target = next_state(TRANSITIONS, "dispatch", corps.state, parties_of(actor, corps))
    await _require_ready(session, corps, people, limits, moment)
    await _enter(session, actor.account_id, corps, target, moment)
    return corps


async def evaluate(
    session: AsyncSession, actor: Actor, corps_id: UUID, data: Evaluation, moment: datetime
) -> Corps:
    """End the corps with a grade and the reasons for it, which its own read."""
    corps = await hold(session, actor, corps_id)
    target = next_state(TRANSITIONS, "evaluate", corps.state, parties_of(actor, corps))
    corps.grade, corps.evaluation = data.grade, data.evaluation
    await _enter(session, actor.account_id, corps, target, moment)
    return corps


async def serve(
    session: AsyncSession,
    actor: Actor,
    corps_id: UUID,
    moment: datetime,
    *,
    by: UUID | None = None,
    is_in_docking: bool = False,
) -> Corps:
    """The corps, locked, of which a service is about to be recorded; its first one moves it.

    by: the member who rendered it. In a docking whoever writes beside that has the right to.
    """
    corps = await repository.find(session, corps_id, readable(actor))
    if corps is None:
        raise invalid_field("/corps_id", "no_member", *NOT_OF_IT) if is_in_docking else NotFound()
    step = TRANSITIONS["record-service"]
    parties = {*step.parties} if is_in_docking else parties_of(actor, corps)
    next_state(TRANSITIONS, "record-service", corps.state, parties, of=CORPS)
    async with borrowed(session, Scope.SERVICE):  # its members may not change it otherwise
        if by is not None and by in _ids(corps):
            await experts.held_people(session, [by])  # the record names them: before the corps
        held = await repository.find(session, corps_id, true(), is_for_update=True)
        if held is None or (by is not None and by not in _ids(held)):
            field = "/corps_id" if is_in_docking else "/expert_id"
            raise invalid_field(field, "no_member", *NOT_OF_IT)
        meet(session, held)
        target = next_state(TRANSITIONS, "record-service", held.state, parties, of=CORPS)
        if target is not held.state:
            await _enter(session, actor.account_id, held, target, moment)
    return held


def _ids(corps: Corps) -> set[UUID]:
    return {member.expert_id for member in corps.members}


async def leave(session: AsyncSession, expert: Expert, actor_id: UUID | None) -> list[UUID]:
    """Take an expert who is about to be erased out of every corps, and their name out of its words.

    The corps stays; its staff name another leader where one is needed. Returns the corps' ids.
    """
    left = await repository.of_expert(session, expert.id)
    for corps in left:
        corps.members = [one for one in corps.members if one.expert_id != expert.id]
        take_out_of_words(corps, ("name", "evaluation"), expert)
        corps.updated_at = now()
        await _tell(session, actor_id, corps, "member_left")
    await session.flush()
    return [corps.id for corps in left]


def show(actor: Actor, corps: Corps) -> CorpsBody:
    """The corps with the cards of its members, leader first, and what its services come to."""
    told = {} if may_read_in_full(actor, corps) else {"grade": None, "evaluation": ""}
    return CorpsBody.of(
        corps,
        **told,
        lead_organization_name=corps.lead_organization.name,
        members=[
            CorpsMemberBody(
                expert=MatchedExpert.model_validate(member.expert),
                role=member.role,
                is_in_pool=member.expert.state is ExpertState.IN_POOL,
            )
            for member in corps.members
        ],
        totals=CorpsTotals.model_validate(corps.totals),
        allowed_actions=allowed_actions(actor, corps),
    )


async def _replace_members(session: AsyncSession, corps: Corps, members: list[CorpsMember]) -> None:
    corps.members = []
    corps.updated_at = now()  # whoever saw the members before saw another version
    await session.flush()  # one of them may come again, and is there once
    corps.members = members


async def _require_verified(session: AsyncSession, organization_id: UUID) -> None:
    """Raises Invalid for a lead that not everybody may know of."""
    found = await organizations.find(session, organization_id)
    if found is None or found.state is not OrganizationState.VERIFIED:
        raise invalid_field(
            "/lead_organization_id",
            "unknown_organization",
            "没有此机构，或尚未核验",
            "No such organization, or it is not verified",
        )


async def _require_ready(
    session: AsyncSession,
    corps: Corps,
    people: Mapping[UUID, Expert],
    limits: Limits,
    moment: datetime,
    *,
    but: Collection[UUID] = (),
) -> None:
    """Raises Conflict unless one leads, and all but those who serve already may be asked today."""
    if not is_led(corps):
        raise conflicting_field("/members", "no_leader", NO_LEADER)
    today = MatchParameters(on=day_of(moment))
    constraints = await constraints_of(session, today, limits)
    coming = {
        f"/members/{place}": member.expert
        for place, member in enumerate(corps.members)
        if member.expert_id not in but
    }
    await require_all_available(session, coming, people, constraints)


def _members(data: CorpsCreate | CorpsUpdate, people: Mapping[UUID, Expert]) -> list[CorpsMember]:
    """New rows for experts of the pool."""
    named = [part.expert_id for part in data.members]
    if faults := faults_of_named(named, people, pointer="/members/{place}/expert_id"):
        raise Invalid(errors=faults)
    return [CorpsMember(**part.model_dump()) for part in data.members]


async def _enter(
    session: AsyncSession,
    actor_id: UUID | None,
    corps: Corps,
    state: CorpsState,
    moment: datetime,
) -> None:
    settle(corps, state, moment)
    await session.flush()
    await _tell(session, actor_id, corps, state)


async def _tell(
    session: AsyncSession, actor_id: UUID | None, corps: Corps, what: str, **data: Any
) -> None:
    await changes.append(session, f"corps.{what}", corps.id, actor_id=actor_id, data=data)
