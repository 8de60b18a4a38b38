"""For whom a transaction works: what PostgreSQL's row-level security lets it see and write.

The rules stand in `migrations/versions/0013_row_security.py`. A transaction begins without a
scope, sees none of the protected rows and writes none. `accounts.repository.open_scope_of` opens
the one of an account, here are those of everything else. PostgreSQL forgets a scope when its
transaction ends, and goes back to the one before when a savepoint is rolled back.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, SessionTransaction

from app.database import AuditedSession
from app.postgres.roles import VIEWS

Sessions = async_sessionmaker[AsyncSession]


async def get_sessions(request: Request) -> Sessions:
    sessions: Sessions = request.app.state.sessions
    return sessions


# For what a request does after its answer has begun, when its transaction is over.
SessionsDep = Annotated[Sessions, Depends(get_sessions)]


class Scope(StrEnum):
    """What a transaction may do that works for nobody who has signed in, or for more than them."""

    # Read the rows that a key names: an e-mail, a secret's hash, a credit code, an external id.
    LOOKUP = "lookup"
    # Add an enterprise's account, its registered organization and the wish to act for it.
    REGISTRATION = "registration"
    # Keep the books of long work, operations and imports, beside the transaction that does it.
    PROGRESS = "progress"
    # The account that was entered, who reads every record that a row may mean, wherever it lies.
    IMPORT = "import"
    # Read what the pools hold openly, every verdict and invitation; write nothing.
    INDEX = "index"
    # Propose common problems, and bring the proposals up to date.
    PROBLEMS = "problems"
    # Add rankers, and put one in force.
    LEARNING = "learning"
    # Lock an expert of the pool, of whichever region, and note invitations and answers.
    JUDGING = "judging"
    # Read the matches of one demand and the experts in them, also those who have left the pool
    # since; the key is its id.
    MATCHES = "matches"
    # The same, but only the experts who were recommended.
    RECOMMENDATIONS = "recommendations"
    # Hand one demand, which the key names, to a level that the account may not be of.
    HANDOVER = "handover"
    # Read, seal and drop what the audit log holds; anybody may add to it.
    AUDIT = "audit"
    # Read who was shown one record, which the key names, and what they are called.
    READINGS = "readings"
    # Put sealed values under the present key.
    SEALING = "sealing"
    # Delete answers that are too old to be given again.
    RETENTION = "retention"
    # Everything: the commands of whoever owns the machine, what is held on a person, all of which
    # is shown to them and forgotten at their wish, the nightly job that forgets what is old, and
    # the one that finds whom a change concerns, wherever they are; and which experts act for an
    # enterprise, so that they are not matched to it, or were erased, so that nothing more is said
    # of them.
    SERVICE = "service"


# Of a session's `info`: the scope in which its transactions begin, or the account that entered.
SCOPE, ENTERED = "scope", "entered"

# Execution options of a list: it reads the views that may use an index, see app.postgres.roles.
INDEXED: dict[str, Any] = {"schema_translate_map": {None: VIEWS}}

SET = text(
    "SELECT set_config('shuangku.scope', :scope, true), set_config('shuangku.key', :key, true)"
)
EXCHANGE = text(
    """
    SELECT current_setting('shuangku.scope', true) AS scope,
           current_setting('shuangku.key', true) AS key,
           set_config('shuangku.scope', :scope, true),
           set_config('shuangku.key', :key, true)
    """
)


ENTER = text("SELECT FROM enter(:account_id)")


class ScopedSession(AuditedSession):
    """A session whose every transaction begins in a scope, see `_begin_in_scope`."""


@event.listens_for(ScopedSession, "after_begin")
def _begin_in_scope(
    session: Session, transaction: SessionTransaction, connection: Connection
) -> None:
    """In the scope that the session's `info` names, or that of the account that has entered.

    The account is there again in the next transaction, as after a deadlock.
    """
    if transaction.nested:
        return
    if SCOPE in session.info:
        connection.execute(SET, {"scope": session.info[SCOPE], "key": ""})
    elif ENTERED in session.info:
        connection.execute(ENTER, {"account_id": session.info[ENTERED]})


def create_sessions(engine: AsyncEngine, scope: Scope | None = None) -> Sessions:
    """Sessions on the engine; with a scope, all of their transactions begin in it."""
    info: dict[str, Any] = {} if scope is None else {SCOPE: scope}
    return async_sessionmaker(
        engine, expire_on_commit=False, sync_session_class=ScopedSession, info=info
    )


def within(sessions: Sessions, scope: Scope) -> Sessions:
    """The same sessions, but all of their transactions begin in the scope."""
    return create_sessions(sessions.kw["bind"], scope)


async def open_scope(session: AsyncSession, scope: Scope, key: str = "") -> None:
    """The rest of the transaction works in this scope; what was entered stays entered."""
    await session.flush()
    await session.execute(SET, {"scope": scope, "key": key})


@asynccontextmanager
async def borrowed(session: AsyncSession, scope: Scope, key: str = "") -> AsyncIterator[None]:
    """Another scope for as long as the block, and then the one before."""
    await session.flush()  # what waits to be written belongs to the scope that made it
    before = (await session.execute(EXCHANGE, {"scope": scope, "key": key})).one()
    try:
        yield
    except BaseException:
        with suppress(SQLAlchemyError):  # the transaction has failed, and its scope ends with it
            await _give_back(session, before.scope, before.key)
        raise
    await session.flush()
    await _give_back(session, before.scope, before.key)


async def _give_back(session: AsyncSession, scope: str | None, key: str | None) -> None:
    await session.execute(SET, {"scope": scope or "", "key": key or ""})
