"""The chain of seals: complete, in spite of out-of-order commits, and true to what was written."""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import URL, Connection, create_engine, func, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from app.audit import chain, sealing
from app.audit.models import AuditSeal
from app.audit.verification import Fault, FaultKind, Verdict, verify
from app.changes import operations as changes
from app.database import open_engine
from app.interface.models import AuditEntry, UnsealedEntry
from app.scopes import create_sessions
from app.scrubbing import message_of
from app.settings import Settings
from tests.app.audit.entries import entries_of, owning, seal, tamper, write
from tests.architecture.test_migrations import migrate

YEAR = timedelta(days=365)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BLOCK", 3)


async def verdict_of(app: FastAPI, anchor: str | None = None) -> Verdict:
    return await verify(app.state.sessions, anchor=anchor)


async def seals_of(session: AsyncSession) -> list[AuditSeal]:
    statement = select(AuditSeal).order_by(AuditSeal.number)
    return list(await session.scalars(statement.execution_options(populate_existing=True)))


@pytest.fixture
def before_counts(database: URL) -> Iterator[Connection]:
    """The database before entries had an `item_count`."""
    engine = create_engine(database)
    with engine.connect() as connection:
        migrate(connection, "base")
        migrate(connection, "0016")
        yield connection
    engine.dispose()


@pytest.mark.own_database
async def test_what_was_sealed_before_a_column_came_still_holds(
    before_counts: Connection, database: URL, settings: Settings
) -> None:
    entry = (
        "INSERT INTO audit_entries (id, action, record_ids, fields, status)"
        " VALUES (gen_random_uuid(), 'POST /demands', '{}', '{items}', 200) RETURNING *"
    )
    rows = [before_counts.execute(text(entry)).one()._asdict() for _ in range(3)]
    assert "item_count" not in rows[0]
    with Session(before_counts) as writing:
        writing.add(chain.link(None, rows, None))
        writing.commit()
    migrate(before_counts, "head")
    async with open_engine(database, settings) as engine:
        verdict = await verify(create_sessions(engine))
    assert (verdict.holds, verdict.entries) == (True, 3)


async def test_an_empty_log_holds(app: FastAPI) -> None:
    assert await seal(app) == 0
    assert await verdict_of(app) == Verdict()


@pytest.mark.usefixtures("small_blocks")
async def test_blocks_are_linked(
    app: FastAPI, session: AsyncSession, caplog: pytest.LogCaptureFixture
) -> None:
    await write(app, 7)
    waiting = await verdict_of(app)
    assert (waiting.waiting, waiting.seals, waiting.holds) == (7, 0, True)
    assert waiting.waiting_since == (await entries_of(session))[0].happened_at
    with caplog.at_level("INFO", logger="app.audit.sealing"):
        assert await seal(app) == 7
    first, second, third = await seals_of(session)
    assert [len(s.entry_ids) for s in (first, second, third)] == [3, 3, 1]
    assert first.previous_hash == chain.GENESIS
    assert (second.previous_hash, third.previous_hash) == (first.hash, second.hash)
    entries = await entries_of(session)
    sealed = [entry_id for s in (first, second, third) for entry_id in s.entry_ids]
    assert sealed == [entry.id for entry in entries]
    assert await session.scalar(select(func.count()).select_from(UnsealedEntry)) == 0
    verdict = await verdict_of(app)
    assert (verdict.holds, verdict.seals, verdict.entries, verdict.waiting) == (True, 3, 7, 0)
    assert verdict.anchor == f"3:{third.hash.hex()}"
    told = [message_of(record) for record in caplog.records]
    assert any(verdict.anchor in line for line in told), "the log keeps what proves the chain's end"


@pytest.mark.usefixtures("small_blocks")
async def test_what_comes_while_it_seals_waits_for_the_next_time(
    app: FastAPI, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a busy service would get a seal for every second entry."""
    await write(app, 3)
    seal_block = sealing._seal_block

    async def as_one_comes(*args: Any, **kwargs: Any) -> AuditSeal | None:
        await write(app, 1)
        return await seal_block(*args, **kwargs)

    monkeypatch.setattr(sealing, "_seal_block", as_one_comes)
    assert await seal(app) == 5
    assert [len(s.entry_ids) for s in await seals_of(session)] == [3, 2]


async def test_sealing_waits_for_nobody_and_misses_nobody(
    app: FastAPI, session: AsyncSession
) -> None:
    """An entry that is older than what was sealed, and was committed later, gets its seal."""
    slow = app.state.sessions()
    await changes.append(slow, "expert.updated", uuid4())
    await slow.run_sync(lambda held: held.dispatch.before_commit(held))  # its entry, open
    await write(app, 2)
    assert await seal(app) == 2
    await slow.connection()
    await slow.run_sync(lambda held: held.connection().commit())
    await slow.close()
    assert await seal(app) == 1
    verdict = await verdict_of(app)
    assert (verdict.holds, verdict.entries, verdict.seals) == (True, 3, 2)
    first, second = await seals_of(session)
    assert second.entry_ids[0] < first.entry_ids[0]


async def test_two_sealers_make_one_chain(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BLOCK", 2)
    await write(app, 20)
    counts = await asyncio.gather(*(seal(app) for _ in range(4)))
    assert sum(counts) == 20
    verdict = await verdict_of(app)
    assert (verdict.holds, verdict.entries, verdict.seals) == (True, 20, 10)


async def test_a_restored_database_goes_on(app: FastAPI, session: AsyncSession) -> None:
    """Another server numbers its transactions anew: small numbers come after large ones."""
    await write(app, 2)
    await seal(app)
    await write(app, 1)
    await tamper(
        app,
        "UPDATE audit_entries SET transaction_id = '5' WHERE id IN "
        "(SELECT entry_id FROM unsealed_entries)",
    )
    assert await seal(app) == 1
    assert (await verdict_of(app)).holds


Tampering = Callable[[FastAPI, AsyncSession], Coroutine[Any, Any, Fault]]


async def edit(app: FastAPI, session: AsyncSession) -> Fault:
    target = (await entries_of(session))[4].id
    await tamper(app, "UPDATE audit_entries SET account_id = :id WHERE id = :id", id=target)
    return Fault(kind=FaultKind.ENTRY_CHANGED, number=2, entry_id=target)


async def edit_the_count(app: FastAPI, session: AsyncSession) -> Fault:
    target = (await entries_of(session))[0].id
    await tamper(app, "UPDATE audit_entries SET item_count = 1 WHERE id = :id", id=target)
    return Fault(kind=FaultKind.ENTRY_CHANGED, number=1, entry_id=target)


async def edit_the_moment(app: FastAPI, session: AsyncSession) -> Fault:
    target = (await entries_of(session))[0].id
    moment = "happened_at - interval '1 microsecond'"
    await tamper(app, f"UPDATE audit_entries SET happened_at = {moment} WHERE id = :id", id=target)
    return Fault(kind=FaultKind.ENTRY_CHANGED, number=1, entry_id=target)


async def edit_with_its_digest(app: FastAPI, session: AsyncSession) -> Fault:
    """The forger computes the entry's digest anew, but the seal's hash covers it."""
    await edit(app, session)
    target = (await entries_of(session))[4]
    row = (await session.execute(select(AuditEntry.__table__).filter_by(id=target.id))).one()
    seals = await seals_of(session)
    digests = bytearray(seals[1].digests)
    digests[32:64] = chain.digest_of(row._asdict())
    await tamper(
        app, "UPDATE audit_seals SET digests = :digests WHERE number = 2", digests=bytes(digests)
    )
    return Fault(kind=FaultKind.SEAL_CHANGED, number=2, entry_id=seals[1].entry_ids[0])


async def edit_with_its_seal(app: FastAPI, session: AsyncSession) -> Fault:
    """The forger computes the seal's hash anew, but the next seal names the old one."""
    await edit_with_its_digest(app, session)
    changed = (await seals_of(session))[1]
    forged = chain.hash_of(changed)
    await tamper(app, "UPDATE audit_seals SET hash = :hash WHERE number = 2", hash=forged)
    third = (await seals_of(session))[2]
    return Fault(kind=FaultKind.SEAL_CHANGED, number=3, entry_id=third.entry_ids[0])


async def delete(app: FastAPI, session: AsyncSession) -> Fault:
    target = (await entries_of(session))[3].id
    await tamper(app, "DELETE FROM audit_entries WHERE id = :id", id=target)
    return Fault(kind=FaultKind.ENTRY_MISSING, number=2, entry_id=target)


async def delete_a_block(app: FastAPI, session: AsyncSession) -> Fault:
    """As retention would, but not for age."""
    first = (await seals_of(session))[0].entry_ids
    await tamper(app, "DELETE FROM audit_entries WHERE id = ANY(:ids)", ids=first)
    return Fault(kind=FaultKind.ENTRY_MISSING, number=1, entry_id=first[0])


async def delete_before_sealing(app: FastAPI, session: AsyncSession) -> Fault:
    await write(app, 1)
    target = (await entries_of(session))[-1].id
    await tamper(app, "DELETE FROM audit_entries WHERE id = :id", id=target)
    await seal(app)
    return Fault(kind=FaultKind.ENTRY_MISSING, entry_id=target)


async def insert_between(app: FastAPI, session: AsyncSession) -> Fault:
    entry_id = uuid4()
    await tamper(
        app,
        "INSERT INTO audit_entries (id, happened_at, action, record_ids, fields) "
        "SELECT :id, min(happened_at), 'GET /demands', '{}', '{}' FROM audit_entries",
        id=entry_id,
    )
    return Fault(kind=FaultKind.ENTRY_INSERTED, entry_id=entry_id)


async def insert_into_a_seal(app: FastAPI, session: AsyncSession) -> Fault:
    fault = await insert_between(app, session)
    seals = await seals_of(session)
    await tamper(
        app,
        "UPDATE audit_seals SET entry_ids = array_append(entry_ids, :id), "
        "digests = digests || digests WHERE number = 2",
        id=fault.entry_id,
    )
    return Fault(kind=FaultKind.SEAL_CHANGED, number=2, entry_id=seals[1].entry_ids[0])


async def swap_entries(app: FastAPI, session: AsyncSession) -> Fault:
    """Two entries change their places: their moments and ids stay, the rest is the other's."""
    first, second = (await entries_of(session))[1:3]
    await tamper(
        app,
        "UPDATE audit_entries AS one SET record_ids = other.record_ids FROM audit_entries AS other "
        "WHERE (one.id, other.id) IN ((:first, :second), (:second, :first))",
        first=first.id,
        second=second.id,
    )
    return Fault(kind=FaultKind.ENTRY_CHANGED, number=1, entry_id=first.id)


async def swap_places_in_a_seal(app: FastAPI, session: AsyncSession) -> Fault:
    ids = (await seals_of(session))[0].entry_ids
    turned = [ids[1], ids[0], ids[2]]
    await tamper(app, "UPDATE audit_seals SET entry_ids = :ids WHERE number = 1", ids=turned)
    return Fault(kind=FaultKind.SEAL_CHANGED, number=1, entry_id=turned[0])


async def delete_a_seal(app: FastAPI, session: AsyncSession) -> Fault:
    third = (await seals_of(session))[2]
    await tamper(app, "DELETE FROM audit_seals WHERE number = 2")
    return Fault(kind=FaultKind.SEAL_MISSING, number=2, entry_id=third.entry_ids[0])


async def pretend_retention(app: FastAPI, session: AsyncSession) -> Fault:
    """A well-formed seal says that young entries were dropped for their age."""
    ids = (await seals_of(session))[0].entry_ids
    await tamper(app, "DELETE FROM audit_entries WHERE id = ANY(:ids)", ids=ids)
    async with owning(app) as forging:
        last = (await seals_of(forging))[-1]
        forging.add(chain.link(last, [], 1))
    return Fault(kind=FaultKind.DROPPED_TOO_EARLY, number=4)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    "tampering",
    [
        edit,
        edit_the_count,
        edit_the_moment,
        edit_with_its_digest,
        edit_with_its_seal,
        delete,
        delete_a_block,
        delete_before_sealing,
        insert_between,
        insert_into_a_seal,
        swap_entries,
        swap_places_in_a_seal,
        delete_a_seal,
        pretend_retention,
    ],
    ids=lambda tampering: tampering.__name__,
)
async def test_tampering_is_found_and_its_place_named(
    app: FastAPI, session: AsyncSession, tampering: Tampering
) -> None:
    await write(app, 7)
    await seal(app)
    assert (await verdict_of(app)).holds
    expected = await tampering(app, session)
    verdict = await verdict_of(app)
    assert verdict.fault == expected
    if expected.number is not None:
        assert verdict.seals == expected.number - 1, "all before it is as it was sealed"


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("is_rewritten", [False, True])
async def test_an_anchor_outside_shows_an_end_that_was_cut_off(
    app: FastAPI, session: AsyncSession, is_rewritten: bool
) -> None:
    """Cut off, or cut off and grown again: within the database the chain looks whole."""
    await write(app, 7)
    await seal(app)
    anchor = (await verdict_of(app)).anchor
    assert anchor is not None
    assert (await verdict_of(app, anchor)).holds
    last = (await seals_of(session))[-1].entry_ids
    await tamper(
        app,
        "DELETE FROM audit_seals WHERE number = 3",
        "DELETE FROM audit_entries WHERE id = ANY(:ids)",
        ids=last,
    )
    if is_rewritten:
        await write(app, 1)
        await seal(app)
    assert (await verdict_of(app)).holds
    assert (await verdict_of(app, anchor)).fault == Fault(kind=FaultKind.ANCHOR_MISSING, number=3)


async def age(app: FastAPI, days: int) -> None:
    """Make what is not sealed yet look so old."""
    await tamper(
        app,
        f"UPDATE audit_entries SET happened_at = happened_at - interval '{days} days' "
        "WHERE id IN (SELECT entry_id FROM unsealed_entries)",
    )


@pytest.mark.usefixtures("small_blocks")
async def test_old_entries_go_in_whole_blocks_and_the_chain_still_holds(
    app: FastAPI, session: AsyncSession
) -> None:
    await write(app, 4)
    await age(app, 400)
    await write(app, 1)  # young, in a block with one that is old
    await seal(app)
    await write(app, 2)
    await seal(app)
    first = (await seals_of(session))[0].entry_ids
    assert await sealing.drop_old(app.state.sessions, YEAR) == 3
    left = {entry.id for entry in await entries_of(session)}
    assert len(left) == 4
    assert not left & set(first)
    verdict = await verdict_of(app)
    assert (verdict.holds, verdict.dropped_through, verdict.seals) == (True, 1, 4)
    assert await sealing.drop_old(app.state.sessions, YEAR) == 0, "nothing more is old enough"
    await write(app, 1)
    await seal(app)
    verdict = await verdict_of(app)
    assert (verdict.holds, verdict.dropped_through) == (True, 1), "later seals repeat it"


@pytest.mark.usefixtures("small_blocks")
async def test_nothing_young_is_dropped_whatever_the_settings_say(
    app: FastAPI, session: AsyncSession
) -> None:
    await write(app, 3)
    await age(app, 100)
    await seal(app)
    with pytest.raises(ProgrammingError, match="refuses DELETE"):
        await sealing.drop_old(app.state.sessions, timedelta(days=30))
    assert len(await entries_of(session)) == 3
    assert (await verdict_of(app)).holds


def test_a_column_that_comes_later_changes_no_digest() -> None:
    entry = {"id": UUID(int=1), "action": "GET /", "record_ids": [UUID(int=2)], "fields": []}
    assert chain.digest_of(entry) == chain.digest_of(entry | {"country": None, "tags": []})
    assert chain.digest_of(entry) != chain.digest_of(entry | {"status": 0})
    swapped = entry | {"record_ids": [UUID(int=3)]}
    assert chain.digest_of(entry) != chain.digest_of(swapped)


async def test_the_digest_is_what_the_documentation_says() -> None:
    """SHA-256 over compact JSON with sorted names, so that others can compute it."""
    entry = {"id": UUID(int=1), "status": 200, "code": None, "email_hash": b"\x01"}
    said = b'{"email_hash":"01","id":"00000000-0000-0000-0000-000000000001","status":200}'
    assert chain.digest_of(entry) == hashlib.sha256(said).digest()


async def test_guards_are_on_after_tampering(app: FastAPI, session: AsyncSession) -> None:
    """Or the tests above would prove less than they say."""
    await write(app, 1)
    await tamper(app, "UPDATE audit_entries SET status = 200")
    with pytest.raises(ProgrammingError, match="refuses"):
        await session.execute(text("UPDATE audit_entries SET status = 201"))
