"""The job that seals what was stored before there were keys, or under another key."""

from procrastinate import JobContext

from app.encryption.rotation import reseal
from app.jobs import LONG, queue


@queue.periodic(cron="41 3 * * *")
@queue.task(
    name="seal_values", queue=LONG, queueing_lock="seal_values", lock="seal", pass_context=True
)
async def seal_values(context: JobContext, timestamp: int = 0) -> None:
    """Every night, and once after the migration; a night with nothing to do costs one look."""
    await reseal(context.additional_context["sessions"])
