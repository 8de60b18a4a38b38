"""The conflict check as a call of its own: who may be asked, before anybody is matched."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import day_of
from app.experts import repository as experts
from app.experts.access import may_read
from app.experts.models import ConflictKind, Expert, ExpertState
from app.matches.availability import objections_to
from app.matches.conflicts.schemas import ConflictBody, ConflictCheck, ObjectionBody
from app.matches.constraints import constraints_of, members_of
from app.matches.index.documents import conflict_keys, declared_conflicts
from app.matches.operations import demand_of_staff
from app.matches.schemas import MatchParameters
from app.organizations import operations as organizations
from app.organizations.access import may_manage
from app.organizations.actors import Actor
from matching import Constraints, Limits, Objection

CONFLICT = "organization_conflict"
ACTS_FOR = "acts_for"
OUT_OF_POOL = "not_in_pool"


async def check(
    session: AsyncSession, actor: Actor, data: ConflictCheck, limits: Limits, moment: datetime
) -> list[ConflictBody]:
    """Of each expert whom the actor may read, in the order asked for, all that stands against them.

    Nothing is kept, and nothing is said of the others.
    """
    constraints = await _constraints(session, actor, data, limits, moment)
    found = await experts.find_many(session, data.expert_ids)
    by_id = {expert.id: expert for expert in found if may_read(actor, expert)}
    people = [by_id[one] for one in dict.fromkeys(data.expert_ids) if one in by_id]
    objections = await objections_to(session, people, constraints)
    return [_show(*one, constraints) for one in zip(people, objections, strict=True)]


async def _constraints(
    session: AsyncSession, actor: Actor, data: ConflictCheck, limits: Limits, moment: datetime
) -> Constraints:
    """Those of a match for the demand, today, or for one of the organization.

    Who acts for an organization is told where the actor may read its memberships.
    """
    demand = await demand_of_staff(session, actor, data.demand_id) if data.demand_id else None
    named, party = list[UUID](), demand.organization if demand else None
    if data.organization_id is not None:
        party = await organizations.get_named(session, actor, data.organization_id)
        named.append(party.id)
    asked = MatchParameters(on=day_of(moment), conflicting_organization_ids=named)
    constraints = await constraints_of(session, asked, limits, demand)
    may_know = party is not None and may_manage(actor, party)
    members = await members_of(session, party.id) if party and may_know else {}
    return replace(constraints, members=members)


def _show(
    expert: Expert, objections: Sequence[Objection], constraints: Constraints
) -> ConflictBody:
    told = [*_of_state(expert)]
    for one in objections:
        told += _of_conflict(expert, constraints) if one.reason == CONFLICT else [_plain(one)]
    return ConflictBody(expert_id=expert.id, is_clear=not told, objections=told)


def _plain(objection: Objection) -> ObjectionBody:
    return ObjectionBody(reason=objection.reason, relation=None, detail=objection.detail)


def _of_state(expert: Expert) -> Iterator[ObjectionBody]:
    if expert.state is not ExpertState.IN_POOL:
        yield ObjectionBody(reason=OUT_OF_POOL, relation=None, detail=expert.state)


def _of_conflict(expert: Expert, constraints: Constraints) -> Iterator[ObjectionBody]:
    """One for each way in which the expert is bound to a party."""
    parties = constraints.organizations
    employer = conflict_keys(expert.organization_id, expert.organization_name) & parties
    bound = [(ConflictKind.EMPLOYER.value, ", ".join(sorted(employer)))] if employer else []
    declared = declared_conflicts(expert)
    bound += [(kind.value, key) for key, kind in declared.items() if key in parties]
    if acted_for := constraints.members.get(str(expert.id)):
        bound.append((ACTS_FOR, acted_for))
    for relation, detail in bound:
        yield ObjectionBody(reason=CONFLICT, relation=relation, detail=detail)
