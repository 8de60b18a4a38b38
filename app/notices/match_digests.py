"""What is new in the standing matches, told to each coordinator once a day as one notice.

A change tells the notices' follower of it, which writes the notice and has it sent as any.
"""

from datetime import datetime
from functools import partial
from uuid import UUID

from app.accounts import repository as accounts
from app.changes import operations as changes
from app.clock import day_of
from app.matches.digests import operations as digests
from app.matches.digests.repository import TOLD
from app.notices import repository
from app.notices.operations import OWNER_ID
from app.one_by_one import attend_to
from app.organizations.actors import actor_of
from app.scopes import Scope, Sessions, within


async def tell_coordinators(sessions: Sessions, moment: datetime, *, newcomers: int) -> int:
    """Tell those in whose lists so many experts are new; how many were told."""
    async with within(sessions, Scope.SERVICE)() as session:
        coordinators = await repository.coordinators(session)
    tell = partial(_tell, sessions, moment, newcomers)
    return await attend_to(coordinators, tell, what="digest of")


async def _tell(sessions: Sessions, moment: datetime, newcomers: int, account_id: UUID) -> bool:
    """In the account's own name, which bounds what it is told of; not twice on one day."""
    async with sessions.begin() as session:
        account = await accounts.open_scope_of(session, account_id)
        if account is None or not account.is_active:
            return False
        told_at = await digests.told_at(session, account_id)
        if told_at and day_of(told_at[0]) == day_of(moment):
            return False
        since = digests.since(told_at, moment)
        if await digests.count_new(session, actor_of(session, account), since) < newcomers:
            return False
        await changes.append(session, TOLD, account_id, data={OWNER_ID: str(account_id)})
        return True
