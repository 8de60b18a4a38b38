"""How long personal data are kept, and the job's steps that let them go.

Periods are settings (`RETENTION_DAYS_…`). Each step is a transaction of its own and may be cut off.
"""

from datetime import datetime, timedelta

from app.clock import now
from app.personal_data import repository
from app.personal_data.erasure import forget_account, forget_expert
from app.scopes import Sessions
from app.settings import Settings

AT_ONCE = 100


async def let_go(sessions: Sessions, settings: Settings) -> None:
    """Delete, empty or erase whatever is past its time."""
    present = now()
    steps = (
        (repository.delete_ended_tokens, settings.retention_days_tokens),
        (repository.empty_import_reports, settings.retention_days_imports),
        (repository.empty_rejected_contacts, settings.retention_days_unverified),
        (repository.delete_unjudged_runs, settings.retention_days_match_runs),
    )
    for step, days in steps:
        async with sessions.begin() as session:
            await step(session, present - timedelta(days=days))
    before = present - timedelta(days=settings.retention_days_removed)
    while await _erase_removed(sessions, before) or await _erase_closed(sessions, before):
        pass


async def _erase_removed(sessions: Sessions, before: datetime) -> bool:
    async with sessions.begin() as session:
        experts = await repository.removed_experts(session, before, AT_ONCE)
        for expert in experts:
            await forget_expert(session, expert, None)
        return bool(experts)


async def _erase_closed(sessions: Sessions, before: datetime) -> bool:
    async with sessions.begin() as session:
        accounts = await repository.closed_accounts(session, before, AT_ONCE)
        for account in accounts:
            await forget_account(session, account, None)
        return bool(accounts)
