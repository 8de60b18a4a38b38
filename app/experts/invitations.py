"""How often experts were invited and how they answered: what capacity and rest are counted by.

The record says nothing of what they were invited to. Who invites writes it, whosever expert it is.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.experts import repository
from app.experts.models import Expert, ExpertState, Invitation, InvitationState
from app.experts.workflow import answer
from app.scopes import Scope, borrowed


async def hold_people(session: AsyncSession, expert_ids: Collection[UUID]) -> dict[UUID, Expert]:
    """Those of the experts who are in the pool, locked in the order of their ids.

    Nobody else invites or erases them meanwhile. Before demands, dockings and teams, as erasure
    holds them.
    """
    async with borrowed(session, Scope.JUDGING):
        found = await repository.held_people(session, expert_ids)
    return {one: expert for one, expert in found.items() if expert.state is ExpertState.IN_POOL}


async def invite(
    session: AsyncSession, expert: Expert, moment: datetime, actor_id: UUID | None
) -> None:
    """Count an invitation of an expert whose row the caller has locked, and tell the followers."""
    async with borrowed(session, Scope.JUDGING):
        session.add(Invitation(expert_id=expert.id, invited_at=moment))
    await changes.append(session, "expert.invited", expert.id, actor_id=actor_id)


async def settle(
    session: AsyncSession,
    expert_id: UUID,
    invited_at: datetime,
    state: InvitationState,
    moment: datetime,
    actor_id: UUID | None,
) -> None:
    """Note how the invitation of that moment ended, and tell the followers."""
    async with borrowed(session, Scope.JUDGING):
        invitation = await repository.find_invitation(session, expert_id, invited_at)
        if invitation is None or not answer(invitation, state, moment):
            return
    kind = f"expert.invitation_{state}"
    await changes.append(session, kind, expert_id, actor_id=actor_id)
