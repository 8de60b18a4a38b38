"""A backup holds every row; restored elsewhere it is the same, and matches, and goes on."""

import asyncio
import json
import os
import secrets
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from psycopg import AsyncConnection, sql
from sqlalchemy import URL, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.accounts.models import Role
from app.audit import sealing
from app.audit.verification import verify
from app.changes import repository as changes
from app.changes.repository import EpochEnded, Position
from app.database import create_engine
from app.jobs import open_queue
from app.matches.models import Pool
from app.migration import upgrade
from app.operators import OperatorError
from app.postgres import embedded
from app.postgres.embedded import EmbeddedServer
from app.postgres.probe import conninfo
from app.postgres.roles import SERVICE_ROLE
from app.settings import Settings
from app.upkeep import archives
from app.upkeep.backup import BackupRefused, back_up, dump_path
from app.upkeep.keys import keys_path, read_keys
from app.upkeep.restore import RestoreRefused, restore
from tests.app.demands import forms
from tests.app.matches import scenes
from tests.app.matches.scenes import another_process, names, scores
from tests.people import People
from tests.stalled_jobs import given_back

pytestmark = pytest.mark.own_database

Rows = dict[str, list[tuple[Any, ...]]]


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(update={"var_folder": tmp_path / "var"})


@pytest.fixture
async def app(own: Settings, service_database: URL) -> AsyncIterator[FastAPI]:
    async with another_process(own, service_database) as app:
        yield app


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """Another cluster: its transactions have smaller numbers than those of the tests' server."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with embedded.start(folder, durable=False) as server:
        yield server


@pytest.fixture
def empty(elsewhere: EmbeddedServer) -> URL:
    """An empty database there."""
    name = f"restored_{secrets.token_hex(4)}"
    with psycopg.connect(elsewhere.conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return elsewhere.url.set(database=name)


@pytest.fixture
async def engine(empty: URL, own: Settings) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(empty, own)
    yield engine
    await engine.dispose()


async def backed_up(database: URL, folder: Path) -> Path:
    """A backup of the database as it is now."""
    file = folder / "one.dump"
    await back_up(database, file, keys={})
    return file


@pytest.fixture
async def file(database: URL, tmp_path: Path) -> Path:
    """A backup of the database as the test finds it."""
    return await backed_up(database, tmp_path)


def rows(url: URL) -> Rows:
    """Every row of every table as text, in a fixed order."""
    with psycopg.connect(conninfo(url)) as connection:
        connection.execute("SET timezone = 'UTC'")
        tables = [row[0] for row in connection.execute(archives.TABLES.encode())]
        return {
            name: connection.execute(
                sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(sql.Identifier(name))
            ).fetchall()
            for name in tables
        }


def without_epochs(found: Rows) -> Rows:
    """All but what a restore numbers anew."""
    return {name: content for name, content in found.items() if name not in ("epochs", "changes")}


async def burn_transactions(session: AsyncSession, count: int) -> None:
    """Let the old cluster be far ahead of a new one."""
    for _ in range(count):
        await session.execute(text("SELECT pg_current_xact_id()"))
        await session.commit()


async def test_a_restored_database_has_every_row_matches_and_goes_on(
    people: People,
    session: AsyncSession,
    app: FastAPI,
    database: URL,
    own: Settings,
    tmp_path: Path,
    empty: URL,
    engine: AsyncEngine,
) -> None:
    await burn_transactions(session, 1_500)
    pool = await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff_account = await people.account(Role.COORDINATOR, region_code="330782")
    staff = await people.client(staff_account)
    before = await scenes.match(staff, demand.id)
    file = tmp_path / "one.dump"
    manifest = await back_up(database, file, keys={})
    assert manifest.tables["experts"][0] == len(pool)
    kept = rows(database)

    # The old service goes on and saves its index: of a future that the backup does not know.
    await scenes.expert(session, "后来者", "锦纶染色；热黄变控制")
    answer = await staff.post(f"/experts/{pool['耐火'].id}:suspend", json={"reason": "x"})
    assert answer.status_code == 200
    live = app.state.matcher.indexes[Pool.EXPERTS]
    await live.save()
    assert list(own.indexes_folder.glob("experts-*.index"))

    assert await restore(engine, empty, file) == manifest
    assert without_epochs(rows(empty)) == without_epochs(kept)
    assert len(rows(empty)["changes"]) == len(kept["changes"])

    # The same folder, the index of the future in it: the restored pool is matched all the same.
    async with another_process(own, empty.set(username=SERVICE_ROLE)) as restored:
        client = await People(restored, session).client(staff_account)
        after = await scenes.match(client, demand.id)
        assert names(after) == names(before)
        assert scores(after) == pytest.approx(scores(before), abs=1e-6)
        await _go_on(client, restored, demand.id, pool["染整"].id)


async def _go_on(client: AsyncClient, app: FastAPI, demand_id: Any, expert_id: Any) -> None:
    """What changes after the restore is followed, by this process and by one that starts later."""
    answer = await client.post(f"/experts/{expert_id}:suspend", json={"reason": "x"})
    assert answer.status_code == 200, answer.text
    assert "染整" not in names(await scenes.match(client, demand_id))
    live = app.state.matcher.indexes[Pool.EXPERTS]
    await live.save()
    async with app.state.sessions() as session:
        news, position = await changes.read_since(session, Position())
        assert news
        assert len(position.seen) < 50, "restored changes are not taken for running ones"
        assert [row.id for row in news] == sorted(row.id for row in news)
        again, _ = await changes.read_since(session, position)
        assert again == []


async def test_a_restored_audit_log_is_the_one_that_was_sealed(
    people: People,
    session: AsyncSession,
    app: FastAPI,
    database: URL,
    own: Settings,
    tmp_path: Path,
    empty: URL,
    engine: AsyncEngine,
) -> None:
    """Its chain holds and goes on, its guards stand, and its entries still tell their changes."""
    await burn_transactions(session, 1_500)
    account = await people.account(Role.ADMINISTRATOR)
    organization = await people.organization()
    demand = await forms.enter(await people.enterprise(organization))
    await sealing.seal_waiting(app.state.sessions)
    administrator = await people.client(account)
    await administrator.get("/audit-seals")  # waits for its seal
    anchor = (await verify(app.state.sessions)).anchor
    await restore(engine, empty, await backed_up(database, tmp_path))
    async with another_process(own, empty) as restored:
        sessions = restored.state.sessions
        assert (await verify(sessions, anchor=anchor)).waiting == 1
        assert await sealing.seal_waiting(sessions) == 1
        async with sessions.begin() as guarded:
            with pytest.raises(ProgrammingError, match="refuses UPDATE"):
                await guarded.execute(text("UPDATE audit_entries SET status = 1"))
            await guarded.rollback()
        client = await People(restored, session).client(account)
        query = {"action": "POST /demands"}
        (entry,) = (await client.get("/audit-entries", params=query)).json()["items"]
        told = (await client.get(f"/audit-entries/{entry['id']}")).json()["changes"]
        assert [(c["kind"], c["subject_id"]) for c in told] == [("demand.created", demand["id"])]
        assert await sealing.seal_waiting(sessions) > 0
        verdict = await verify(sessions, anchor=anchor)
        assert (verdict.holds, verdict.seals, verdict.waiting) == (True, 3, 0)


async def test_workers_are_not_restored_and_their_jobs_are_given_back(
    session: AsyncSession, database: URL, tmp_path: Path, empty: URL, engine: AsyncEngine
) -> None:
    """They work at the database that was backed up, and nobody waits for them here."""
    await session.execute(
        text(
            "WITH alive AS (INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id)"
            " INSERT INTO procrastinate_jobs (queue_name, task_name, status, worker_id)"
            " SELECT 'default', 'fit_indexes', 'doing', id FROM alive"
        )
    )
    await session.commit()
    assert await restore(engine, empty, await backed_up(database, tmp_path)) is not None
    assert rows(empty)["procrastinate_workers"] == []
    async with open_queue(empty):
        await given_back()
    with psycopg.connect(conninfo(empty)) as connection:
        found = connection.execute("SELECT status, attempts FROM procrastinate_jobs").fetchall()
    assert found == [("todo", 1)]


async def test_positions_of_before_a_restore_are_worth_nothing(
    app: FastAPI, session: AsyncSession, database: URL, tmp_path: Path, own: Settings
) -> None:
    """Also those of a process that was connected before, and stays."""
    await scenes.pool(session)
    await session.commit()
    live = app.state.matcher.indexes[Pool.EXPERTS]
    index = await live.refresh()
    assert index is not None
    assert len(index) == 4
    position = await changes.position_now(session)
    await session.commit()
    file = await backed_up(database, tmp_path)
    await scenes.expert(session, "后来者", "锦纶染色；热黄变控制")
    await session.commit()
    assert len(await live.refresh() or ()) == 5
    await live.save()
    await session.close()
    for made in (app.state.sessions, live.sessions):
        await made.kw["bind"].dispose()
    engine = create_engine(database, own)
    await _without_the_queue(database)
    await restore(engine, database, file, replaces=True)
    await engine.dispose()
    assert len(await live.refresh() or ()) == 4
    with pytest.raises(EpochEnded):
        await changes.read_since(session, position)
    async with another_process(own, database.set(username=SERVICE_ROLE)) as restarted:
        saved_by_the_old = await restarted.state.matcher.indexes[Pool.EXPERTS].refresh()
        assert len(saved_by_the_old) == 4


async def _without_the_queue(database: URL) -> None:
    """End what else is connected, as stopping the service does."""
    async with await AsyncConnection.connect(conninfo(database), autocommit=True) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


async def test_a_copied_database_begins_a_new_epoch_by_itself(
    session: AsyncSession, database: URL, own: Settings
) -> None:
    """The tests' databases are copies of a template."""
    before = (await changes.position_now(session)).epoch
    await session.commit()
    engine = create_engine(database, own)
    for _ in range(2):
        await upgrade(engine)
    await engine.dispose()
    assert (await changes.position_now(session)).epoch != before
    assert len(rows(database)["epochs"]) == 2


async def test_only_into_an_empty_database_unless_told(
    file: Path, empty: URL, engine: AsyncEngine
) -> None:
    with psycopg.connect(conninfo(empty), autocommit=True) as connection:
        connection.execute("CREATE TABLE notes (text text)")
        connection.execute("INSERT INTO notes VALUES ('ours')")
    with pytest.raises(RestoreRefused) as refused:
        await restore(engine, empty, file)
    assert "--replace" in str(refused.value)
    assert rows(empty) == {"notes": [("(ours)",)]}
    await restore(engine, empty, file, replaces=True)
    assert "notes" not in rows(empty)
    with psycopg.connect(conninfo(empty)) as connection:
        left = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '^replaced'")
        assert left.fetchall() == []


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1_000])


def _cut_unseen(file: Path) -> None:
    """Damage that only pg_restore sees."""
    _cut(file)
    _edit(file, sha256=archives.digest(file))


def miscount(file: Path) -> None:
    tables = json.loads(archives.manifest_path(file).read_text())["tables"]
    _edit(file, tables=tables | {"regions": [1, "0"]})


def _edit(file: Path, **changed: Any) -> None:
    path = archives.manifest_path(file)
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


@pytest.mark.parametrize(
    "damage",
    [
        _cut,
        _cut_unseen,
        miscount,
        lambda file: _edit(file, revision="9999"),
        lambda file: _edit(file, format=99),
        lambda file: archives.manifest_path(file).write_text("{"),
        lambda file: archives.manifest_path(file).write_text("{}"),
    ],
)
@pytest.mark.parametrize("replaces", [False, True])
async def test_a_damaged_backup_changes_nothing(
    file: Path, empty: URL, engine: AsyncEngine, damage: Any, replaces: bool
) -> None:
    damage(file)
    if replaces:
        with psycopg.connect(conninfo(empty), autocommit=True) as connection:
            connection.execute("CREATE TABLE notes (text text)")
    before = rows(empty)
    with pytest.raises(OperatorError):
        await restore(engine, empty, file, replaces=replaces)
    assert rows(empty) == before


async def test_not_while_others_are_connected(file: Path, empty: URL, engine: AsyncEngine) -> None:
    with psycopg.connect(conninfo(empty)), pytest.raises(RestoreRefused) as refused:
        await restore(engine, empty, file)
    assert "stop the service" in str(refused.value)


async def test_without_its_manifest_a_dump_is_only_restored_unverified(
    file: Path, database: URL, empty: URL, engine: AsyncEngine
) -> None:
    archives.manifest_path(file).unlink()
    with pytest.raises(RestoreRefused) as refused:
        await restore(engine, empty, file)
    assert "--unverified" in str(refused.value)
    assert rows(empty) == {}
    assert await restore(engine, empty, file, unverified=True) is None
    assert without_epochs(rows(empty)) == without_epochs(rows(database))


async def test_one_moment_while_rows_are_written(
    session: AsyncSession, database: URL, tmp_path: Path, empty: URL, engine: AsyncEngine
) -> None:
    """The counts would differ from the dump if they saw another moment."""
    has_ended = asyncio.Event()

    async def write() -> None:
        count = 0
        while not has_ended.is_set():
            count += 1
            await scenes.expert(session, f"甲{count}", "锦纶染色")
            await session.commit()

    writing = asyncio.create_task(write())
    for number in range(3):
        file = tmp_path / f"{number}.dump"
        await back_up(database, file, keys={})
    has_ended.set()
    await writing
    await restore(engine, empty, file)


async def test_files_are_private_whole_and_not_overwritten(database: URL, tmp_path: Path) -> None:
    file = dump_path(tmp_path)
    keys = {"secret_key": b"a key"}
    await back_up(database, file, keys=keys)
    written = [file, archives.manifest_path(file), keys_path(file)]
    assert sorted(tmp_path.glob("shuangku-*")) == sorted(written)  # noqa: ASYNC240
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}
    assert b"a key" not in file.read_bytes()
    assert read_keys(file) == keys
    assert dump_path(tmp_path / "new").parent.is_dir()
    for target in (file, file / "x", tmp_path / "missing" / "x.dump"):
        with pytest.raises(OperatorError):
            dump_path(target)


async def test_of_an_empty_database_there_is_no_backup(empty: URL, tmp_path: Path) -> None:
    for keys in ({}, {"secret_key": b"a key"}):
        with pytest.raises(BackupRefused, match="empty"):
            await back_up(empty, tmp_path / "one.dump", keys=keys)
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240


@pytest.mark.parametrize("in_the_way", [lambda file: file, archives.manifest_path])
async def test_a_backup_that_fails_at_its_end_leaves_no_keys_and_no_manifest(
    database: URL, tmp_path: Path, in_the_way: Callable[[Path], Path]
) -> None:
    folder = in_the_way(tmp_path / "one.dump")
    folder.mkdir()
    with pytest.raises(IsADirectoryError):
        await back_up(database, tmp_path / "one.dump", keys={"secret_key": b"a key"})
    assert list(tmp_path.iterdir()) == [folder]  # noqa: ASYNC240


def test_a_folder_that_a_backup_with_sudo_has_left_is_told_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system is made to say so: root may write all."""
    (tmp_path / "one.dump").touch()
    archives.manifest_path(tmp_path / "one.dump").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(BackupRefused) as refused:
        dump_path(tmp_path)
    for said in (refused.value.text.zh, refused.value.text.en):
        assert f"sudo chown -R {os.getuid()}:{os.getgid()} {tmp_path}" in said


def test_nobody_is_told_to_own_a_folder_that_holds_more_than_backups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As /var/lib: what is in it belongs to other programs."""
    (tmp_path / "one.dump").touch()
    (tmp_path / "another-program").mkdir()
    monkeypatch.setattr(os, "access", lambda *_: False)
    for target in (tmp_path, tmp_path / "two.dump"):
        told(target, f"{tmp_path}/shuangku")


def test_a_folder_that_cannot_be_made_is_told_with_the_command_that_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "mkdir", refuse)
    told(tmp_path / "backups of x" / "y", f"'{tmp_path}/backups of x/y'")


def told(target: Path, to_make: str) -> None:
    """The one command that is told makes this folder, and takes nobody's."""
    with pytest.raises(BackupRefused) as refused:
        dump_path(target)
    for said in (refused.value.text.zh, refused.value.text.en):
        assert f"sudo install -d -o {os.getuid()} -g {os.getgid()} {to_make}" in said
        assert "chown" not in said


async def test_the_manifest_is_ignored_with_its_dump_and_found_by_its_former_name(
    file: Path, empty: URL, engine: AsyncEngine
) -> None:
    path = archives.manifest_path(file)
    assert path.name == "one.dump.json"
    ignored = (Path(__file__).parents[3] / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert any(path.match(pattern) for pattern in ignored)
    path.rename(file.with_suffix(".json"))
    assert await restore(engine, empty, file) is not None
