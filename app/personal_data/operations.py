"""What is held on a person: all of it for that person, for others what they may see."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from anyio import to_thread
from fastapi.responses import StreamingResponse
from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account
from app.changes import operations as changes
from app.clock import now
from app.experts import operations as experts
from app.experts import repository as expert_repository
from app.experts.access import is_own
from app.matches import own_reasons
from app.matches.models import Judgment, Match
from app.organizations.actors import Actor
from app.personal_data import repository
from app.personal_data.holdings import HOLDINGS, Holding, Person
from app.scopes import Scope, Sessions, within

Row = dict[str, Any]
Rows = list[Row]
ROWS = TypeAdapter(Rows)
CHUNK = 1_000


async def export_own(
    session: AsyncSession, sessions: Sessions, account: Account
) -> StreamingResponse:
    """The account and, where there is one, its profile."""
    expert = await expert_repository.find_of_account(session, account.id)
    await changes.append(session, "account.exported", account.id, actor_id=account.id)
    person = Person(account_id=account.id, expert_id=expert.id if expert else None)
    return _export(sessions, person, None)


async def export_expert(
    session: AsyncSession, sessions: Sessions, actor: Actor, expert_id: UUID
) -> StreamingResponse:
    """A profile, for its expert, or for staff of the region whom the expert has asked.

    Staff get what they may see without it: of verdicts, those on demands that they carry.
    """
    expert = await experts.get_in_full(session, actor, expert_id)
    await changes.append(session, "expert.exported", expert.id, actor_id=actor.account_id)
    reader = None if is_own(actor, expert) else actor
    return _export(sessions, Person(account_id=None, expert_id=expert.id), reader)


def _export(sessions: Sessions, person: Person, reader: Actor | None) -> StreamingResponse:
    """A `PersonalData`, written while it is read: there may be more than fits into the memory."""
    sessions = within(sessions, Scope.SERVICE)  # also what others wrote about the person
    return StreamingResponse(_parts(sessions, person, reader), media_type="application/json")


async def _parts(sessions: Sessions, person: Person, reader: Actor | None) -> AsyncIterator[bytes]:
    yield f'{{"exported_at":"{now().isoformat()}","sections":['.encode()
    is_first = True
    for holding in HOLDINGS:
        count = 0
        async for rows in _chunks(sessions, holding, person, reader):
            opening = f'{"" if is_first else ","}{{"name":"{holding.name}","rows":['
            yield (b"," if count else opening.encode()) + await to_thread.run_sync(_written, rows)
            count += len(rows)
        if count:
            yield b'],"is_cut":false}'
            is_first = False
    yield b"]}"


def _written(rows: Rows) -> bytes:
    """The rows as JSON, without the brackets around them."""
    return ROWS.dump_json(rows)[1:-1]


async def _chunks(
    sessions: Sessions, holding: Holding, person: Person, reader: Actor | None
) -> AsyncIterator[Rows]:
    """The newest first, each in a session of its own, which does not wait for a slow reader."""
    after: Row | None = None
    while True:
        async with sessions() as session:
            rows = await _next_rows(session, holding, person, reader, after)
        if rows:
            yield rows
        if len(rows) < CHUNK:
            return
        after = rows[-1]


async def _next_rows(
    session: AsyncSession,
    holding: Holding,
    person: Person,
    reader: Actor | None,
    after: Row | None,
) -> Rows:
    if reader is None and person.expert_id is not None:
        if holding.table is Match:
            return await _own_matches(session, holding, person, person.expert_id, after)
        if holding.table is Judgment:
            found = await repository.rows_about(session, holding, person, reader, after, CHUNK)
            return [_own_judgment(row) for row in found]
    return await repository.rows_about(session, holding, person, reader, after, CHUNK)


async def _own_matches(
    session: AsyncSession, holding: Holding, person: Person, expert_id: UUID, after: Row | None
) -> Rows:
    """Where they stood and why, without telling what an enterprise keeps to itself."""
    found = await repository.own_matches(session, holding, person, after, CHUNK)
    [expert] = await expert_repository.find_many(session, [expert_id])
    documents = own_reasons.own_documents(expert)
    rows = await to_thread.run_sync(
        lambda: [own_reasons.for_candidate(row, demand, documents) for row, demand in found]
    )
    return [row | {"features": {}, "confidence": _level(row)} for row in rows]


def _level(row: Row) -> Row | None:
    """How sure the match was in a word: a probability would tell the score, which is rounded."""
    return row["confidence"] and {"level": row["confidence"]["level"]}


def _own_judgment(row: Row) -> Row:
    return row | {"score": own_reasons.rounded(row["score"]), "features": {}}
