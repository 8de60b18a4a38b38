"""The invitation of an expert: refused where they are not to be asked now, and counted with it."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.dockings import repository
from app.dockings.access import parties_of, speaks_for
from app.dockings.deadlines import Clock
from app.dockings.models import Docking
from app.dockings.operations import (
    DOCKED,
    enter,
    hold,
    hold_expert,
    keep,
    require_in_pool,
    require_words,
)
from app.dockings.schemas import Step
from app.dockings.workflow import CLOSED, TRANSITIONS, invite
from app.experts import invitations
from app.interface.errors import Conflict
from app.matches import repository as matches
from app.matches.availability import require_available
from app.matches.operations import require_published
from app.organizations.actors import Actor
from app.transitions import next_state
from matching import Limits

VERB = "invite"


async def invite_expert(
    session: AsyncSession,
    actor: Actor,
    docking_id: UUID,
    data: Step,
    limits: Limits,
    clock: Clock,
) -> Docking:
    """Ask the expert, unless a reason stands against it that a match would find, too.

    The expert is held from the count to the commit: two invitations do not take one last place.
    Before the docking, as erasure holds them. Whoever closes the demand waits, and ends it.
    """
    expert = await hold_expert(session, await repository.expert_id_of(session, docking_id))
    docking = await hold(session, actor, docking_id)
    target = next_state(TRANSITIONS, VERB, docking.state, parties_of(actor, docking))
    side = speaks_for(actor, docking, data.on_behalf_of)
    require_words(data, None)
    require_in_pool(expert)
    require_published(await matches.held_state(session, docking.demand), verb=VERB)
    if docking.state in CLOSED and await repository.has_open(
        session, docking.demand_id, docking.expert_id
    ):
        raise Conflict(DOCKED)
    run = await matches.run_of_match(session, docking.match_id)
    await require_available(session, run, expert, limits, clock.today)
    await invitations.invite(session, docking.expert, clock.moment, actor.account_id)
    invite(docking, clock.moment)
    enter(docking, target, clock)
    await keep(session, actor.account_id, docking, VERB, side, data)
    return docking
