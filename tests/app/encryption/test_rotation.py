"""Keys change beside a running service, and no value is lost on the way."""

import asyncio
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, create_engine, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.bulk.kinds import ImportKind
from app.encryption import repository, rotation
from app.encryption.keys import MARK, KeyRing, new_key
from app.encryption.rotation import MissingKeys, Rotation, require_keys, reseal
from app.encryption.sealed import ring, unlock
from app.organizations.models import Organization
from app.scopes import Scope, Sessions, within
from tests.app.bulk.files import imported, json_lines, organization
from tests.app.encryption.values import stored
from tests.architecture.test_migrations import FOLDER
from tests.people import People

PHONE = "000-7654321"


async def enter(sessions: Sessions, count: int) -> dict[str, str]:
    """Organizations of Yiwu with their telephones, by name."""
    rows = [organization(number, contact_phone=f"{PHONE}{number}") for number in range(count)]
    await imported(sessions, ImportKind.ORGANIZATIONS, json_lines(*rows))
    return {row["name"]: row["contact_phone"] for row in rows}


async def phones(sessions: Sessions) -> dict[str, str]:
    async with within(sessions, Scope.SERVICE)() as session:
        return {o.name: o.contact_phone for o in await session.scalars(select(Organization))}


async def key_ids(session: AsyncSession) -> set[str]:
    await session.rollback()
    return await repository.key_ids(session)


async def write_plain(session: AsyncSession, record: Organization) -> None:
    """Make it a record from before there were keys."""
    await session.execute(
        text("UPDATE organizations SET contact_phone = :phone WHERE id = :id"),
        {"phone": PHONE, "id": record.id},
    )
    await session.commit()


async def test_records_from_before_are_read_and_then_sealed(
    sessions: Sessions, session: AsyncSession, people: People
) -> None:
    record = await people.organization()
    await write_plain(session, record)
    staff = await people.coordinator()
    path = f"/organizations/{record.id}"
    seen = await staff.get(path)
    assert seen.json()["contact_phone"] == PHONE
    assert await reseal(sessions) == Rotation(resealed=1, left=0)
    assert [value[:1] for value in await stored(session)] == [MARK]
    again = await staff.get(path)
    assert (again.json(), again.headers["etag"]) == (seen.json(), seen.headers["etag"])
    assert await reseal(sessions) == Rotation(resealed=0, left=0)


async def test_rotation_in_many_batches(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 3)
    old, new = new_key(), new_key()
    unlock(KeyRing.of([old]))
    entered = await enter(sessions, 10)
    unlock(KeyRing.of([new, old]))
    assert await phones(sessions) == entered
    heard: list[tuple[str, int]] = []
    done = await reseal(sessions, lambda table, count: heard.append((table, count)))
    assert (done, heard) == (Rotation(resealed=10, left=0), [("organizations", 10)])
    unlock(KeyRing.of([new]))
    assert await phones(sessions) == entered


async def test_a_rotation_that_was_killed_goes_on_where_it_was(
    sessions: Sessions, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 3)
    entered = await enter(sessions, 10)
    old, new = ring(), KeyRing.of([new_key()])
    unlock(KeyRing({**new.keys, **old.keys}))
    replace, batches = repository.replace, 0

    async def killed(*values: Any) -> int:
        nonlocal batches
        batches += 1
        if batches == 3:
            raise KeyboardInterrupt
        return await replace(*values)

    monkeypatch.setattr(repository, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        await reseal(sessions)
    sealed_anew = [v for v in await stored(session) if v.startswith(MARK + new.first)]
    assert len(sealed_anew) == 6
    assert await phones(sessions) == entered
    assert await reseal(sessions) == Rotation(resealed=4, left=0)


async def test_an_edit_beside_the_rotation_is_not_lost(
    sessions: Sessions, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enter(sessions, 3)
    unlock(KeyRing({**KeyRing.of([new_key()]).keys, **ring().keys}))
    staff, replace = await people.coordinator(), repository.replace
    [first, *_] = (await staff.get("/organizations")).json()["items"]

    async def edited_meanwhile(*values: Any) -> int:
        body = {"contact_phone": "000-2"}
        answer = await asyncio.wait_for(
            staff.patch(f"/organizations/{first['id']}", json=body), timeout=5
        )
        assert answer.status_code == 200, "nobody waits for the rotation"
        return await replace(*values)

    monkeypatch.setattr(repository, "replace", edited_meanwhile)
    assert await reseal(sessions) == Rotation(resealed=2, left=0)
    assert (await phones(sessions))[first["name"]] == "000-2"


async def test_two_rotations_at_once(sessions: Sessions) -> None:
    entered = await enter(sessions, 20)
    unlock(KeyRing({**KeyRing.of([new_key()]).keys, **ring().keys}))
    results = await asyncio.gather(*(reseal(sessions) for _ in range(3)))
    assert sum(r.resealed for r in results) == 20
    assert {r.left for r in results} == {0}
    assert await phones(sessions) == entered


async def test_what_cannot_be_read_is_left_and_reported(
    sessions: Sessions, session: AsyncSession, caplog: pytest.LogCaptureFixture
) -> None:
    await enter(sessions, 3)
    unlock(KeyRing.of([new_key()]))
    await require_keys_of_both(sessions)
    await enter(sessions, 1)
    assert await reseal(sessions) == Rotation(resealed=0, left=3)
    assert "needs the key" in caplog.text
    assert PHONE not in caplog.text
    assert len(await key_ids(session)) == 2, "the other key is still needed"


async def require_keys_of_both(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await repository.note_key(session, "0badcafe")
        await repository.note_key(session, ring().first)


async def test_a_process_with_keys_of_its_own_is_refused(
    sessions: Sessions, session: AsyncSession
) -> None:
    ours = ring()
    await asyncio.gather(*(require_keys(sessions) for _ in range(5)))
    unlock(KeyRing.of([new_key()]))
    with pytest.raises(MissingKeys, match=f"加密密钥 {ours.first}(.|\n)*shuangku doctor"):
        await require_keys(sessions)
    assert await key_ids(session) == {ours.first}
    new = KeyRing.of([new_key()])
    unlock(KeyRing({**new.keys, **ours.keys}))
    await require_keys(sessions)
    assert await key_ids(session) == {ours.first, new.first}
    await reseal(sessions)
    assert await key_ids(session) == {new.first}
    unlock(new)
    await require_keys(sessions)


def _job_count(connection: Connection) -> int:
    statement = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'seal_values'"
    return connection.scalar(text(statement)) or 0


@pytest.mark.own_database
def test_the_migration_asks_for_the_job_where_there_is_something_to_seal(database: URL) -> None:
    engine = create_engine(database)
    with engine.connect() as connection:
        assert _job_count(connection) == 0
        connection.rollback()  # migrations begin their own transactions
        config = Config()
        config.set_main_option("script_location", FOLDER)
        config.attributes["connection"] = connection
        command.downgrade(config, "0007")
        command.downgrade(config, "-1")
        connection.execute(
            text(
                "INSERT INTO organizations (id, name, kind, state, state_reason, introduction,"
                " supervising_department, contact_name, contact_phone, contact_email, search,"
                " version) VALUES (gen_random_uuid(), '厂', 'enterprise', 'verified', '', '', '',"
                " '', '000', '', '', 1)"
            )
        )
        connection.commit()
        command.upgrade(config, "head")
        assert _job_count(connection) == 1
        assert connection.scalar(text("SELECT contact_phone FROM organizations")) == "000"
    engine.dispose()
