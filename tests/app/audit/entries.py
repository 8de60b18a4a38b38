"""Audit entries as the tests write and read them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

from fastapi import FastAPI
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from app.audit import sealing
from app.changes import operations as changes
from app.interface.auditing import working
from app.interface.models import AuditEntry
from app.postgres.cluster import SUPERUSER

GUARDS = (
    ("audit_entries", "refuse_rewriting"),
    ("audit_entries", "refuse_deleting"),
    ("audit_seals", "refuse_rewriting"),
)


async def entries_of(session: AsyncSession, **columns: Any) -> Sequence[AuditEntry]:
    """The entries with these values, oldest first, as they are in the database now."""
    statement = select(AuditEntry).filter_by(**columns).order_by(AuditEntry.happened_at)
    return (await session.scalars(statement.execution_options(populate_existing=True))).all()


async def entry_of(session: AsyncSession, action: str, **columns: Any) -> AuditEntry:
    (entry,) = await entries_of(session, action=action, **columns)
    return entry


async def write(app: FastAPI, count: int = 1, action: str = "command test") -> list[UUID]:
    """So many committed entries, each over a change of a record of its own."""
    subjects = [uuid4() for _ in range(count)]
    for subject in subjects:
        with working(action):
            async with app.state.sessions.begin() as session:
                await changes.append(session, "demand.updated", subject)
    return subjects


async def seal(app: FastAPI) -> int:
    return await sealing.seal_waiting(app.state.sessions)


@asynccontextmanager
async def owning(app: FastAPI) -> AsyncIterator[AsyncSession]:
    """A transaction of the owner of the tables, whom neither rules nor guards hold."""
    url = app.state.sessions.kw["bind"].url.set(username=SUPERUSER)
    engine = create_async_engine(url, poolclass=NullPool)
    async with AsyncSession(engine) as session, session.begin():
        yield session
    await engine.dispose()


async def tamper(app: FastAPI, *statements: str, **values: Any) -> None:
    """As whoever owns the database can: switch the guards off, rewrite, switch them on again."""
    async with owning(app) as session:
        for table, trigger in GUARDS:
            await session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}"))
        for statement in statements:
            result: Any = await session.execute(text(statement), values)
            assert result.rowcount, f"{statement} changed nothing"
        for table, trigger in GUARDS:
            await session.execute(text(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}"))
