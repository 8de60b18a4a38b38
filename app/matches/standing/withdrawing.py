"""A run is taken back: it stays as it is, and counts as the latest no more."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.clock import now
from app.interface.errors import Conflict
from app.interface.language import Text
from app.interface.preconditions import admitted
from app.matches.access import may_match
from app.matches.models import MatchRun
from app.matches.standing import repository
from app.organizations.actors import Actor

WITHDRAWN = Text("该批次已撤回", "The run was withdrawn already")
NOT_LATEST = Text("只能撤回最近一次批次", "Only the latest run of a demand can be withdrawn")
JUDGED = Text("该批次中已有评判或对接，不能撤回", "Somebody in the run was judged or docked")


async def withdraw(session: AsyncSession, actor: Actor, run_id: UUID) -> MatchRun:
    """Let the demand's latest run count no more, unless somebody in it was judged.

    Whoever is docked was recommended before, which is a judgment.
    """
    run = admitted(
        session,
        await repository.find_run(session, run_id, is_for_update=True),
        may_read=lambda found: may_match(actor, found.demand),
        may_touch=lambda found: may_match(actor, found.demand),
    )
    if run.withdrawn_at is not None:
        raise Conflict(WITHDRAWN)
    latest = await repository.latest_run(session, run.demand_id)
    if latest is None or latest.id != run.id:
        raise Conflict(NOT_LATEST)
    if await repository.has_verdict(session, run.id):
        raise Conflict(JUDGED)
    run.withdrawn_at, run.withdrawn_by_id = now(), actor.account_id
    await changes.append(session, "match_run.withdrawn", run.id, actor_id=actor.account_id)
    await session.flush()
    return run
