"""How an organization is verified, and a membership approved."""

from app.organizations.models import Membership, MembershipState, Organization, OrganizationState
from app.transitions import Party, Transition

TRANSITIONS = {
    "verify": Transition(
        sources=frozenset({OrganizationState.REGISTERED, OrganizationState.REJECTED}),
        target=OrganizationState.VERIFIED,
        parties=frozenset({Party.STAFF}),
    ),
    "reject": Transition(
        sources=frozenset({OrganizationState.REGISTERED}),
        target=OrganizationState.REJECTED,
        parties=frozenset({Party.STAFF}),
    ),
}

# What is revoked begins anew by a request: only whoever it is about may want it back, or staff who
# manage their account, since a membership adds to who does.
MEMBERSHIP_TRANSITIONS = {
    "approve": Transition(
        sources=frozenset({MembershipState.REQUESTED}),
        target=MembershipState.APPROVED,
        parties=frozenset({Party.STAFF}),
    ),
    "revoke": Transition(
        sources=frozenset({MembershipState.REQUESTED, MembershipState.APPROVED}),
        target=MembershipState.REVOKED,
        parties=frozenset({Party.STAFF, Party.PERSON}),
    ),
}


def settle(organization: Organization, state: OrganizationState, reason: str = "") -> None:
    """Put the organization into a state; the reason of the state before goes."""
    organization.state, organization.state_reason = state, reason


def settle_membership(membership: Membership, state: MembershipState) -> None:
    membership.state = state
