"""Batches of one account come one after another, whichever process they ask.

Each holds a connection for as long as it takes: all at once they would have those of everybody.
"""

from uuid import UUID

from fastapi import Request
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.interface.errors import RETRY_SECONDS, RateLimited

# Of the transaction, so it ends with the commit, and with the process should that die.
TRY = text("SELECT pg_try_advisory_xact_lock(hashtextextended('batch ' || :account_id, 0))")


async def take_turn(request: Request) -> None:
    """Have the turn of the request's account until the present transaction ends.

    Raises RateLimited while another batch has it: to wait would hold a connection, too.
    """
    session: AsyncSession = request.state.session
    account_id: UUID = request.state.principal
    if not await session.scalar(TRY, {"account_id": str(account_id)}):
        raise RateLimited(RETRY_SECONDS)
