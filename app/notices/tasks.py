"""Jobs of notices: write them from the changes, and send them by e-mail."""

from procrastinate import JobContext

from app.clock import now
from app.jobs import queue
from app.notices import mailing, match_digests, operations
from app.scopes import Scope, within


@queue.periodic(cron="* * * * *")
@queue.task(name="tell_notices", queueing_lock="tell_notices", pass_context=True)
async def tell_notices(context: JobContext, timestamp: int = 0) -> None:
    """Within seconds of a change, see `app.changes.waking`; by the clock for what that misses."""
    sessions = within(context.additional_context["sessions"], Scope.SERVICE)
    async with sessions.begin() as session:
        await operations.tell(session)


@queue.periodic(cron="7 0 * * *")
@queue.task(name="tell_match_digests", queueing_lock="tell_match_digests", pass_context=True)
async def tell_match_digests(context: JobContext, timestamp: int = 0) -> None:
    """Every morning, soon after eight in China."""
    shared = context.additional_context
    least = shared["settings"].digest_newcomers
    await match_digests.tell_coordinators(shared["sessions"], now(), newcomers=least)


@queue.periodic(cron="*/10 * * * *")
@queue.task(name="mail_notices", queueing_lock="mail_notices", lock="mail", pass_context=True)
async def mail_notices(context: JobContext, timestamp: int = 0) -> None:
    """What could not be sent is tried again by the next run, for three days."""
    shared = context.additional_context
    await mailing.send_digests(shared["sessions"], shared["settings"], now())
