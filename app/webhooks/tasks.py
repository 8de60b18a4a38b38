"""Jobs of webhooks: queue deliveries from the changes, and send them."""

from procrastinate import JobContext

from app.clock import now
from app.jobs import queue
from app.outgoing.addresses import Allowed
from app.settings import Settings
from app.webhooks import following
from app.webhooks.delivering import Sender


@queue.periodic(cron="* * * * *")
@queue.task(name="follow_for_webhooks", queueing_lock="follow_for_webhooks", pass_context=True)
async def follow_for_webhooks(context: JobContext, timestamp: int = 0) -> None:
    """Within seconds of a change, see `app.changes.waking`; by the clock for what that misses."""
    async with context.additional_context["sessions"].begin() as session:
        await following.follow(session, now())


@queue.periodic(cron="* * * * *")
@queue.task(
    name="deliver_webhooks",
    queueing_lock="deliver_webhooks",
    lock="deliver_webhooks",
    pass_context=True,
)
async def deliver_webhooks(context: JobContext, timestamp: int = 0) -> None:
    """When something is due, as a worker notices every few seconds; else there is nothing to do."""
    settings: Settings = context.additional_context["settings"]
    sender = Sender(
        sessions=context.additional_context["sessions"],
        allowed=Allowed.of(settings.webhook_allowed_hosts),
        seconds=settings.webhook_timeout_seconds,
        failing_for=settings.webhook_failing_for,
        clock=now,
    )
    await sender.deliver()
