"""Who may see and touch a case: the staff of its region, its enterprise and its experts; once it
is published, everybody who is signed in may read it."""

from sqlalchemy import ColumnElement, exists, or_

from app.cases.models import Case, CaseParty, CaseState
from app.cases.workflow import EDITABLE, TRANSITIONS
from app.demands import access as demand_access
from app.demands.models import Demand
from app.experts import access as expert_access
from app.organizations.actors import Actor
from app.regions import in_jurisdiction
from app.transitions import Party, possible_verbs


def parties_of(actor: Actor, case: Case) -> set[Party]:
    """In which capacities the actor touches this case."""
    held = {
        Party.ORGANIZATION: actor.acts_for(case.organization_id),
        Party.PERSON: any(expert_access.is_own(actor, party.expert) for party in case.parties),
        Party.STAFF: actor.manages_region(case.region_code),
    }
    return {party for party, is_held in held.items() if is_held}


def own_parties(actor: Actor, case: Case) -> list[CaseParty]:
    """For whom the actor consents: themself, and the enterprise that they act for."""
    acts = actor.acts_for(case.organization_id)
    return [
        party
        for party in case.parties
        if expert_access.is_own(actor, party.expert) or (acts and party.expert_id is None)
    ]


def region_of_case(actor: Actor, demand: Demand) -> str | None:
    """Whose the case of a demand is: of its region, or of whom it was handed to."""
    is_here = actor.manages_region(demand.region_code)
    return demand.region_code if is_here else demand_access.carried_by(demand)


def may_manage(actor: Actor, case: Case) -> bool:
    return Party.STAFF in parties_of(actor, case)


def may_read(actor: Actor, case: Case) -> bool:
    return case.state is CaseState.PUBLISHED or may_read_in_full(actor, case)


def may_read_in_full(actor: Actor, case: Case) -> bool:
    """Also what it was made of, and who consents."""
    return bool(parties_of(actor, case))


def readable(actor: Actor) -> ColumnElement[bool]:
    """The same rule as `may_read`, in SQL."""
    is_party = exists().where(
        CaseParty.case_id == Case.id, expert_access.is_actors(actor, CaseParty.expert_id)
    )
    own = or_(Case.organization_id.in_(actor.organization_ids), is_party)
    if actor.is_staff:
        own = or_(own, in_staffs_jurisdiction(actor))
    return or_(Case.state == CaseState.PUBLISHED, own)


def in_staffs_jurisdiction(actor: Actor) -> ColumnElement[bool]:
    """Cases that the actor, who is staff, manages."""
    return in_jurisdiction(Case.region_code, actor.jurisdiction)


def allowed_actions(actor: Actor, case: Case) -> list[str]:
    """What the actor may do with this case now."""
    is_editable = may_manage(actor, case) and case.state in EDITABLE
    verbs = possible_verbs(TRANSITIONS, case.state, parties_of(actor, case))
    return (["update"] if is_editable else []) + verbs
