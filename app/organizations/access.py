"""Who may see and touch an organization, and who a membership."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ColumnElement, or_

from app.accounts.access import may_manage as may_manage_account
from app.accounts.models import MEMBERS, Account, Role
from app.organizations.actors import Actor
from app.organizations.models import Membership, Organization, OrganizationState
from app.organizations.workflow import TRANSITIONS
from app.regions import in_jurisdiction
from app.transitions import Party, possible_verbs


def parties_of(actor: Actor, organization: Organization) -> set[Party]:
    """In which capacities the actor touches this organization."""
    parties = {Party.STAFF} if actor.manages_region(organization.region_code) else set()
    return parties | ({Party.ORGANIZATION} if actor.acts_for(organization.id) else set())


def may_manage(actor: Actor, organization: Organization) -> bool:
    """Its members, and the staff of its region."""
    return bool(parties_of(actor, organization))


def may_change_identity(actor: Actor, organization: Organization) -> bool:
    """The staff of its region alone: its name and code tell files whose demands are whose."""
    return Party.STAFF in parties_of(actor, organization)


def may_place(actor: Actor) -> bool:
    """Give an organization that has members its first region, which says who manages them."""
    return actor.role is Role.ADMINISTRATOR


def may_read(actor: Actor, organization: Organization) -> bool:
    """Verified organizations are open to everyone signed in, others to those who manage them."""
    return organization.state is OrganizationState.VERIFIED or may_manage(actor, organization)


def readable(actor: Actor) -> ColumnElement[bool]:
    """The same rule as `may_read`, in SQL."""
    own = Organization.id.in_(actor.organization_ids)
    verified = Organization.state == OrganizationState.VERIFIED
    if not actor.is_staff:
        return or_(verified, own)
    return or_(verified, own, in_jurisdiction(Organization.region_code, actor.jurisdiction))


def allowed_actions(actor: Actor, organization: Organization) -> list[str]:
    """What the actor may do with this organization now."""
    parties = parties_of(actor, organization)
    verbs = possible_verbs(TRANSITIONS, organization.state, parties)
    return ["update", *verbs] if parties else []


def parties_in(actor: Actor, membership: Membership) -> set[Party]:
    """The member owns it; staff are those of the organization's region."""
    is_staff = actor.manages_region(membership.organization.region_code)
    parties = {Party.STAFF} if is_staff else set()
    return parties | ({Party.PERSON} if membership.account_id == actor.account_id else set())


def may_ask_for(actor: Actor, account_id: UUID) -> bool:
    """Everybody asks for themself, staff for others."""
    return account_id == actor.account_id or actor.is_staff


def may_name(actor: Actor, account: Account, regions: Collection[str]) -> bool:
    """Oneself, or an account that one manages already: a membership adds to its regions."""
    return account.id == actor.account_id or may_manage_account(actor, account, regions)


def may_join(account: Account) -> bool:
    """Whoever judges what is handed in acts for no organization."""
    return account.role in MEMBERS


def may_read_membership(actor: Actor, membership: Membership) -> bool:
    """One's own, or one of an organization that the actor manages."""
    is_own = membership.account_id == actor.account_id
    return is_own or may_manage(actor, membership.organization)


def readable_memberships(actor: Actor) -> ColumnElement[bool]:
    """The same rule as `may_read_membership`, in SQL."""
    own = or_(
        Membership.account_id == actor.account_id,
        Membership.organization_id.in_(actor.organization_ids),
    )
    if not actor.is_staff:
        return own
    return or_(own, in_jurisdiction(Organization.region_code, actor.jurisdiction))
