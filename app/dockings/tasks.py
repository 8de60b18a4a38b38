"""Jobs of dockings: what the clock does, and what follows between a demand and its dockings."""

from uuid import UUID

from procrastinate import JobContext

from app.clock import now
from app.dockings.deadlines import Clock
from app.dockings.following import advance, end_with
from app.dockings.watching import watch
from app.jobs import RETRY, queue


@queue.periodic(cron="7 * * * *")
@queue.task(name="watch_dockings", queueing_lock="watch_dockings", pass_context=True)
async def watch_dockings(context: JobContext, timestamp: int = 0) -> None:
    """Every hour: remind, end invitations, hand up what is overdue, end what a demand has left."""
    shared = context.additional_context
    await watch(shared["sessions"], Clock.at(now(), shared["settings"]))


@queue.task(name="advance_demand", retry=RETRY, pass_context=True)
async def advance_demand(context: JobContext, demand_id: str) -> None:
    """A docking has gone on: its demand may have to."""
    await advance(context.additional_context["sessions"], UUID(demand_id))


@queue.task(name="end_dockings_of_demand", retry=RETRY, pass_context=True)
async def end_dockings_of_demand(context: JobContext, demand_id: str) -> None:
    """A demand has left the pool: what had not come to a contract ends."""
    await end_with(context.additional_context["sessions"], UUID(demand_id))
