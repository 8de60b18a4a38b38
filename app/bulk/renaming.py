"""Experts and achievements bear their organization's name: once it is renamed, the new one."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import flag_modified

from app.achievements import operations as achievements
from app.achievements.models import Achievement
from app.bulk import repository
from app.changes import operations as changes
from app.experts import operations as experts
from app.experts.models import Expert
from app.scopes import Scope, Sessions, within

LinkedT = TypeVar("LinkedT", Expert, Achievement)


async def renew_lent_names(sessions: Sessions) -> None:
    """Look for records whose organization has another name by now, and give them that.

    An organization may have thousands, of every region: a batch is a transaction, and what is done
    is not found again. No edit: what a file brought may still be renewed by its file, and what
    waits, for staff or for its erasure, waits since when it did.
    """
    sessions = within(sessions, Scope.SERVICE)
    is_done = False
    while not is_done:
        async with sessions.begin() as session:
            found = await repository.misnamed_experts(session)
            await _rename(session, "expert", found, experts.index_text)
            others = await repository.misnamed_achievements(session)
            await _rename(session, "achievement", others, achievements.index_text)
            is_done = not (found or others)


async def _rename(
    session: AsyncSession,
    subject: str,
    found: Sequence[tuple[LinkedT, str]],
    index_text: Callable[[LinkedT], None],
) -> None:
    for record, name in found:
        record.organization_name = name
        index_text(record)
        flag_modified(record, "updated_at")  # or it would be set
        await changes.append(session, f"{subject}.organization_renamed", record.id)
