"""How long personal data are kept, and the job's steps that let them go.

Periods are settings (`RETENTION_DAYS_…`). Each step is a transaction of its own and may be cut off.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import StaleDataError

from app.clock import now
from app.database import Record
from app.encryption.keys import CannotOpen
from app.personal_data import repository
from app.personal_data.erasure import forget_account, forget_expert
from app.scopes import Sessions
from app.scrubbing import safe
from app.settings import Settings

logger = logging.getLogger(__name__)

RecordT = TypeVar("RecordT", bound=Record)

AT_ONCE = 100


async def let_go(sessions: Sessions, settings: Settings) -> None:
    """Delete, empty or erase whatever is past its time."""
    present = now()
    steps = (
        (repository.delete_ended_tokens, settings.retention_days_tokens),
        (repository.empty_import_reports, settings.retention_days_imports),
        (repository.empty_rejected_contacts, settings.retention_days_unverified),
        (repository.delete_read_notices, settings.retention_days_notices),
        (repository.delete_unread_notices, settings.retention_days_unread_notices),
        (repository.delete_old_deliveries, settings.retention_days_deliveries),
        (repository.delete_unjudged_runs, settings.retention_days_match_runs),
        (repository.delete_unasked_runs, settings.retention_days_standing_runs),
    )
    for step, days in steps:
        async with sessions.begin() as session:
            await step(session, present - timedelta(days=days))
    before = present - timedelta(days=settings.retention_days_removed)
    await _forget_each(sessions, before, repository.removed_experts, forget_expert)
    await _forget_each(sessions, before, repository.closed_accounts, forget_account)


async def _forget_each(
    sessions: Sessions,
    before: datetime,
    find: Callable[..., Awaitable[Sequence[RecordT]]],
    forget: Callable[[AsyncSession, RecordT, None], Awaitable[None]],
) -> None:
    """Each in a savepoint: one that cannot be forgotten tonight keeps nobody else here."""
    failed: set[UUID] = set()
    while True:
        async with sessions.begin() as session:
            records = {r.id: r for r in await find(session, before, AT_ONCE, but=failed)}
            for record_id, record in records.items():
                try:
                    async with session.begin_nested():
                        await forget(session, record, None)
                except (DBAPIError, StaleDataError, CannotOpen) as error:
                    logger.error("%s is not erased: %s", record_id, safe(error))
                    failed.add(record_id)
        if not records:
            return
