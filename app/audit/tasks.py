"""Jobs of the audit log: seal what is committed, drop what is too old, look whether all holds."""

import logging

from procrastinate import JobContext

from app.audit import sealing, verification
from app.jobs import queue
from app.settings import Settings

logger = logging.getLogger(__name__)


@queue.periodic(cron="*/5 * * * *")
@queue.task(name="seal_audit_entries", queueing_lock="seal_audit_entries", pass_context=True)
async def seal_audit_entries(context: JobContext, timestamp: int = 0) -> None:
    """What waits longest for its seal waits five minutes."""
    await sealing.seal_waiting(context.additional_context["sessions"])


@queue.periodic(cron="53 3 * * *")
@queue.task(
    name="drop_old_audit_entries", queueing_lock="drop_old_audit_entries", pass_context=True
)
async def drop_old_audit_entries(context: JobContext, timestamp: int = 0) -> None:
    """Every night: whole blocks that are older than the settings say."""
    settings: Settings = context.additional_context["settings"]
    await sealing.drop_old(context.additional_context["sessions"], settings.audit_retention)


@queue.periodic(cron="7 4 * * *")
@queue.task(name="verify_audit_log", queueing_lock="verify_audit_log", pass_context=True)
async def verify_audit_log(context: JobContext, timestamp: int = 0) -> None:
    """Every night: a chain that does not hold is an error in the log, and a failed job."""
    verdict = await verification.verify(context.additional_context["sessions"])
    if verdict.fault is not None:
        raise RuntimeError(f"the audit log is not what was sealed: {verdict.fault}")
    logger.info("the audit log holds: %d entries, anchor %s", verdict.entries, verdict.anchor)
