"""Who may see and touch an expert's record."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, exists, or_
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.accounts.access import may_manage as may_manage_account
from app.accounts.models import POOL_READERS, Account, Role
from app.experts.models import Expert, ExpertState
from app.experts.workflow import EDITABLE, PRESENT, TRANSITIONS
from app.organizations.actors import Actor
from app.regions import in_jurisdiction
from app.transitions import Party, possible_verbs


def parties_of(actor: Actor, expert: Expert) -> set[Party]:
    """In which capacities the actor touches this expert; to themself nobody is the organization."""
    is_person = expert.account_id is not None and expert.account_id == actor.account_id
    held = {
        Party.PERSON: is_person,
        Party.ORGANIZATION: actor.acts_for(expert.organization_id) and not is_person,
        Party.STAFF: actor.manages_region(expert.region_code),
    }
    return {party for party, is_held in held.items() if is_held}


def is_own(actor: Actor, expert: Expert | None) -> bool:
    """Whether the profile is the actor's; one that is not there for them is another's."""
    return expert is not None and Party.PERSON in parties_of(actor, expert)


def is_actors(actor: Actor, expert_id: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """The same of a column that names a profile, in a query that may be about others, too."""
    own = aliased(Expert)
    return exists().where(own.id == expert_id, own.account_id == actor.account_id)


def enters_own(actor: Actor) -> bool:
    """Whether a profile that the actor enters is their own."""
    return actor.role is Role.EXPERT


def may_read(actor: Actor, expert: Expert) -> bool:
    """The pool is open to all staff and evaluators; the rest to those who manage the record.

    An enterprise never reads the pool: it sees the candidates recommended for its demand.
    """
    is_open = expert.state is ExpertState.IN_POOL and actor.role in POOL_READERS
    return is_open or bool(parties_of(actor, expert))


def readable(actor: Actor) -> ColumnElement[bool]:
    """The same rule as `may_read`, in SQL."""
    own = or_(
        Expert.account_id == actor.account_id, Expert.organization_id.in_(actor.organization_ids)
    )
    if actor.role not in POOL_READERS:
        return own
    in_pool = Expert.state == ExpertState.IN_POOL
    if not actor.is_staff:
        return or_(own, in_pool)
    return or_(own, in_pool, in_jurisdiction(Expert.region_code, actor.jurisdiction))


def may_read_in_full(actor: Actor, expert: Expert) -> bool:
    """Contact, consents and all else that is held: the expert, and the staff of the region.

    One of no region is every staff's to review, but not to read in full, much less to erase.
    """
    is_placed = expert.region_code is not None or actor.role is Role.ADMINISTRATOR
    return is_own(actor, expert) or (is_placed and Party.STAFF in parties_of(actor, expert))


def may_supervise(actor: Actor, expert: Expert) -> bool:
    """Grade evidence and link an account: the staff of the region."""
    return Party.STAFF in parties_of(actor, expert)


def may_link_to(actor: Actor, account: Account, regions: Collection[str]) -> bool:
    """An expert's account that the actor manages already: a profile adds to its regions."""
    return account.role is Role.EXPERT and may_manage_account(actor, account, regions)


def may_place(actor: Actor, expert: Expert) -> bool:
    """Change the region of a profile: that of somebody's own says who manages their account.

    So its organization may not, nor staff who would only come to manage the account thereby.
    """
    is_nobodys = expert.account_id is None
    is_theirs = expert.region_code is not None and actor.manages_region(expert.region_code)
    return is_nobodys or is_theirs or is_own(actor, expert) or actor.role is Role.ADMINISTRATOR


def may_say_when_to_ask(actor: Actor, expert: Expert) -> bool:
    """Keep invitations away, and read why: the person and the staff of the region."""
    return bool(parties_of(actor, expert) & {Party.PERSON, Party.STAFF})


def may_change_identity(actor: Actor, expert: Expert) -> bool:
    """Whoever edits a draft; what the review has confirmed, the staff of the region alone."""
    return expert.state is ExpertState.DRAFT or may_supervise(actor, expert)


def allowed_actions(actor: Actor, expert: Expert) -> list[str]:
    """What the actor may do with this expert now."""
    parties = parties_of(actor, expert)
    actions = ["update"] if parties and expert.state in EDITABLE else []
    is_nobodys = expert.account_id is None and expert.state in PRESENT
    links = ["link-account"] if is_nobodys and may_supervise(actor, expert) else []
    return actions + possible_verbs(TRANSITIONS, expert.state, parties) + links
