"""Cases: collected and reviewed by staff, published with the consent of everybody they tell of."""

from collections.abc import Container, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.cases import repository
from app.cases.access import (
    allowed_actions,
    may_read,
    may_read_in_full,
    own_parties,
    parties_of,
    readable,
    region_of_case,
)
from app.cases.models import Case, CaseParty, CaseState
from app.cases.schemas import (
    CaseBody,
    CaseConsent,
    CaseCreate,
    CasePartyBody,
    CaseQuery,
    CaseUpdate,
)
from app.cases.workflow import EDITABLE, TRANSITIONS, missing_consents, settle
from app.changes import operations as changes
from app.clock import now
from app.demands.access import may_broker
from app.dockings import operations as dockings
from app.experts.forgetting import take_out_of_words
from app.experts.invitations import hold_people
from app.experts.models import Expert
from app.interface.errors import Conflict, Forbidden, Invalid, NotFound, WrongState, invalid_field
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.interface.preconditions import admitted
from app.interface.validation import FieldError
from app.matches.groups import GONE, faults_of_named
from app.matches.operations import demand_of_staff
from app.organizations.actors import Actor
from app.transitions import next_state

SORTS = {"created_at": Case.created_at}
NOT_CONSENTED = Text("尚未同意发布", "Has not consented to the publication")
WORDS = ("title", "background", "solution", "result")


async def collect(session: AsyncSession, actor: Actor, data: CaseCreate) -> Case:
    """Begin a case of a demand that one carries."""
    demand = await demand_of_staff(session, actor, data.demand_id)
    if not may_broker(actor, demand):
        raise Forbidden()
    docked = await _docked(session, actor, data.demand_id, data.docking_id)
    people = await hold_people(session, [*data.expert_ids, *docked])
    case = Case(
        **data.model_dump(exclude={"expert_ids"}),
        organization_id=demand.organization_id,
        region_code=region_of_case(actor, demand),
        state=CaseState.COLLECTED,
        parties=_parties(data.expert_ids, docked, people),
    )
    session.add(case)
    await session.flush()
    await _tell(session, actor.account_id, case, case.state)
    return await _read_again(session, actor, case)


async def get(session: AsyncSession, actor: Actor, case_id: UUID) -> Case:
    """The case, if the actor may read it."""
    case = await repository.find(session, case_id)
    if case is None or not may_read(actor, case):
        raise NotFound()
    return case


async def search(pages: Pages, actor: Actor, query: CaseQuery) -> Page[CaseBody]:
    """Published ones, and those of one's own."""
    return await pages.read(
        repository.listed(query, readable(actor)),
        query=query,
        columns=SORTS,
        show=partial(show, actor),
    )


async def update(session: AsyncSession, actor: Actor, case_id: UUID, data: CaseUpdate) -> Case:
    """Change what the body names; nobody has consented to the new words yet."""
    told_of = _experts_in(await get(session, actor, case_id))
    people = await hold_people(session, {*told_of, *data.expert_ids})
    case = await hold(session, actor, case_id)
    if case.state not in EDITABLE:
        raise WrongState(verb="update", state=case.state, allowed=sorted(EDITABLE))
    wanted = data.changes()
    told_of = _experts_in(case)
    named = wanted.pop("expert_ids", told_of)
    if dropped := {*told_of} - {*named}:  # whom it was that was docked stays
        dropped &= await _docked(session, actor, case.demand_id, case.docking_id)
    parties = _parties(named, dropped, {*people, *told_of})  # as may who has left the pool
    for name, value in wanted.items():
        setattr(case, name, value)
    case.parties = []
    case.updated_at = now()  # whoever saw the parties before saw another version
    await session.flush()  # each of them may come again, and is there once
    case.parties = parties
    await session.flush()
    await _tell(session, actor.account_id, case, "updated")
    return await _read_again(session, actor, case)


async def move(
    session: AsyncSession,
    actor: Actor,
    case_id: UUID,
    verb: str,
    moment: datetime,
    reason: str = "",
) -> Case:
    """Take one step of the life cycle; the last one with every consent alone."""
    case = await hold(session, actor, case_id)
    target = next_state(TRANSITIONS, verb, case.state, parties_of(actor, case))
    if target is CaseState.PUBLISHED:
        _require_consents(case)
    settle(case, target, moment, reason)
    await session.flush()
    await _tell(session, actor.account_id, case, target)
    return case


async def consent(
    session: AsyncSession, actor: Actor, case_id: UUID, data: CaseConsent, moment: datetime
) -> Case:
    """A party agrees to be told of in these words, under the name that it gives."""
    case = await hold(session, actor, case_id)
    next_state(TRANSITIONS, "consent", case.state, parties_of(actor, case))
    for party in _speaking(actor, case):
        party.consented_at, party.shown_as = moment, data.shown_as
    return await _noted(session, actor, case, "consented")


async def withdraw_consent(
    session: AsyncSession, actor: Actor, case_id: UUID, moment: datetime
) -> Case:
    """A party agrees no more, which takes back what was published."""
    case = await hold(session, actor, case_id)
    next_state(TRANSITIONS, "withdraw-consent", case.state, parties_of(actor, case))
    for party in _speaking(actor, case):
        party.consented_at, party.shown_as = None, ""
    if case.state is CaseState.PUBLISHED:
        settle(case, CaseState.REVIEWED, moment)
    return await _noted(session, actor, case, "consent_withdrawn")


async def hold(session: AsyncSession, actor: Actor, case_id: UUID) -> Case:
    """The case, locked, for its own."""
    return admitted(
        session,
        await repository.find(session, case_id, is_for_update=True),
        may_read=partial(may_read, actor),
        may_touch=partial(may_read_in_full, actor),
    )


async def leave(session: AsyncSession, expert: Expert, actor_id: UUID | None) -> list[UUID]:
    """Take an expert who is about to be erased out of every case, and their name out of its words.

    What was published is taken back, to be read again. Returns the cases' ids.
    """
    left = await repository.of_expert(session, expert.id)
    for case in left:
        case.parties = [party for party in case.parties if party.expert_id != expert.id]
        take_out_of_words(case, WORDS, expert)
        target = CaseState.REVIEWED if case.state is CaseState.PUBLISHED else case.state
        settle(case, target, now())
        case.updated_at = now()
        await _tell(session, actor_id, case, "party_left")
    await session.flush()
    return [case.id for case in left]


def show(actor: Actor, case: Case) -> CaseBody:
    """For others than its own without what it was made of, and with no name but as consented."""
    is_own = may_read_in_full(actor, case)
    kept = {} if is_own else dict.fromkeys(("demand_id", "docking_id", "organization_id"))
    kept |= {} if is_own else {"state_reason": ""}
    names = {party.expert_id: party.shown_as for party in case.parties if party.shown_as}
    return CaseBody.of(
        case,
        **kept,
        enterprise_name=names.pop(None, ""),
        expert_names=list(names.values()),
        parties=[CasePartyBody.model_validate(party) for party in case.parties] if is_own else [],
        allowed_actions=allowed_actions(actor, case),
    )


def _speaking(actor: Actor, case: Case) -> list[CaseParty]:
    """For whom the actor speaks here: whom the case tells of, for themself and not the enterprise,
    which has another name."""
    own = own_parties(actor, case)
    return [party for party in own if party.expert_id is not None] or own


async def _noted(session: AsyncSession, actor: Actor, case: Case, what: str) -> Case:
    case.updated_at = now()  # its version is that of its parties, too
    await session.flush()
    await _tell(session, actor.account_id, case, what)
    return case


def _require_consents(case: Case) -> None:
    """Raises Conflict that names, by their places, the parties whose consent is missing."""
    missing = missing_consents(case)
    if missing:
        raise Conflict(
            NOT_CONSENTED,
            errors=[
                FieldError(pointer=f"/parties/{place}", code="not_consented", message=NOT_CONSENTED)
                for place, party in enumerate(case.parties)
                if party in missing
            ],
        )


async def _docked(
    session: AsyncSession, actor: Actor, demand_id: UUID, docking_id: UUID | None
) -> set[UUID]:
    """The expert of the case's docking, where it has one: the case tells of them in any case."""
    if docking_id is None:
        return set()
    docking = await dockings.get(session, actor, docking_id)
    if docking.demand_id != demand_id:
        raise invalid_field(
            "/docking_id", "of_another_demand", "不是该需求的对接", "It docks another demand"
        )
    return {docking.expert_id}


def _experts_in(case: Case) -> list[UUID]:
    return [party.expert_id for party in case.parties if party.expert_id is not None]


def _parties(
    expert_ids: Sequence[UUID], docked: set[UUID], people: Container[UUID]
) -> list[CaseParty]:
    """New rows for the enterprise and for experts of the pool, each once."""
    faults = faults_of_named(expert_ids, people, pointer="/expert_ids/{place}")
    if any(one not in people for one in docked.difference(expert_ids)):
        faults.append(replace(GONE, pointer="/docking_id"))
    if faults:
        raise Invalid(errors=faults)
    named = [*expert_ids, *docked.difference(expert_ids)]
    return [CaseParty(), *(CaseParty(expert_id=one) for one in named)]


async def _read_again(session: AsyncSession, actor: Actor, case: Case) -> Case:
    """With its parties in their order, and who they are."""
    session.expire(case, ["parties"])
    return await get(session, actor, case.id)


async def _tell(session: AsyncSession, actor_id: UUID | None, case: Case, what: str) -> None:
    data = {"demand_id": str(case.demand_id)}
    await changes.append(session, f"case.{what}", case.id, actor_id=actor_id, data=data)
