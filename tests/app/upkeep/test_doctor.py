"""The doctor, with each thing really broken: it says what, and what to do."""

import asyncio
import importlib.metadata
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psycopg
import pytest
from fastapi import FastAPI
from psycopg import AsyncConnection, sql
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.encryption.keys import new_key
from app.encryption.repository import note_key
from app.interface.language import Text
from app.jobs import defer
from app.migration import revisions
from app.postgres.embedded import EmbeddedServer
from app.postgres.probe import conninfo
from app.processes.bad_settings import SettingFault, read_settings
from app.processes.reloading import enlisted
from app.processes.unknown_settings import unknown_in_file
from app.settings import EncoderKind, Settings
from app.upkeep import database_checks, doctor, host_checks, service_checks
from app.upkeep.findings import Finding, State
from tests.app.matches import scenes

pytestmark = pytest.mark.own_database


@pytest.fixture
def own(settings: Settings, tmp_path: Path, database: URL) -> Settings:
    """Settings of a service on this test's database."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    return changed(settings, var_folder=tmp_path, database_url=address(database), port=number)


def changed(settings: Settings, **values: object) -> Settings:
    return Settings(_env_file=None, **settings.model_dump() | values)


def address(url: URL) -> str:
    return url.render_as_string(hide_password=False)


async def examined(settings: Settings) -> dict[str, Finding]:
    """The findings by their check; each says what, and what to do unless all is good."""
    found = [finding async for finding in doctor.examine(settings)]
    for finding in found:
        assert finding.what.zh
        assert finding.what.en
        assert (finding.remedy is None) == (finding.state is State.GOOD)
    return {finding.check: finding for finding in found}


async def beat(session: AsyncSession, *, ago: int = 0) -> None:
    await session.execute(
        text(
            "INSERT INTO procrastinate_workers (last_heartbeat)"
            " VALUES (now() - make_interval(secs => :ago))"
        ),
        {"ago": ago},
    )
    await session.commit()


async def test_a_sound_service(own: Settings, session: AsyncSession, app: FastAPI) -> None:
    await scenes.pool(session)
    await session.commit()
    await app.state.matcher.prepare()
    await beat(session)
    found = await examined(own)
    told = {c for c, f in found.items() if f.state is not State.GOOD}
    assert told - {"working_days"} == {"powers"}  # each December the holidays may be unknown
    assert doctor.is_sound(list(found.values()))
    assert set(found) == {
        *("python", "packages", "folder", "space", "secret_key", "port", "memory", "open_files"),
        *("database", "version", "rights", "powers", "connections", "clock", "schema"),
        *("worker", "failed_jobs", "waiting_jobs", "encryption_keys", "index", "encoder"),
        *("reranker", "row_security", "encryption_key_file", "settings", "working_days"),
    }


async def test_a_bad_setting_stops_no_other_check(
    own: Settings, session: AsyncSession, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What rests on it is not looked at: nothing of its default is said of the service."""
    monkeypatch.setenv("ENCRYPTION_KEYS", "hunter2")
    faults = (*read_settings().faults, fault("encoder_url"), fault("port"))
    found = {f.check: f async for f in doctor.examine(own, faults)}
    assert found["setting_values"].state is State.BAD
    assert found["database"].state is State.GOOD
    assert {"space", "schema", "index", "row_security"} <= set(found)
    assert {"encryption_key_file", "encryption_keys", "encoder", "port"}.isdisjoint(found)


def fault(name: str) -> SettingFault:
    message = Text("有误", "It is wrong")
    return SettingFault(name=name, shown=name.upper(), message=message, place=message)


async def test_before_the_first_start(settings: Settings, tmp_path: Path) -> None:
    var = tmp_path / "new"
    found = await examined(changed(settings, var_folder=var, port=0, secret_key=""))
    assert found["database"].state is State.WARNING
    assert found["database"].remedy is not None
    for remedy in found["database"].remedy:
        assert "shuangku migrate" in remedy, "serve alone loads accounts with known passwords"
        assert "shuangku create-administrator" in remedy
    assert found["secret_key"].state is State.GOOD
    assert doctor.is_sound(list(found.values()))
    assert not var.exists(), "to look changes nothing"


async def test_an_embedded_server_that_cannot_start(settings: Settings, tmp_path: Path) -> None:
    data = tmp_path / "postgres" / "pgdata"
    data.mkdir(parents=True)
    found = await examined(changed(settings, var_folder=tmp_path, port=0, database_url=None))
    assert found["database"].state is State.BAD
    what = found["database"].what
    assert str(data.parent) in what.zh
    assert "内置" in what.zh
    assert "内置" not in what.en
    assert "embedded PostgreSQL needs an empty one" in what.en


# The host


def test_python_and_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert host_checks.python((3, 10)).state is State.BAD
    assert host_checks.python((3, 14)).state is State.BAD
    required = ["no-such-package>=1", "psutil>=999", "no-such-extra; extra == 'x'", "rich"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: required)
    found = host_checks.packages()
    assert found.state is State.BAD
    assert "no-such-package, psutil" in found.what.en
    assert "extra" not in found.what.en


def test_holidays_that_are_not_known() -> None:
    assert host_checks.working_days(date(2026, 3, 2)).state is State.GOOD
    finding = host_checks.working_days(date(2039, 12, 20))
    assert (finding.state, "2040" in str(finding)) == (State.WARNING, True)


def test_a_setting_that_is_misspelt(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PROT=1\n")
    found = host_checks.setting_names(list(unknown_in_file(tmp_path / ".env")))
    assert found.state is State.WARNING
    assert "PROT" in found.what.en
    assert host_checks.setting_names([]).state is State.GOOD


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    [found] = host_checks.folder(tmp_path / "file" / "var")
    assert found.state is State.BAD
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    found, _ = host_checks.folder(open_to_all)
    assert found.state is State.BAD
    assert found.remedy is not None
    assert "chmod o-w" in found.remedy.en


@pytest.mark.parametrize(
    ("free", "state"), [(10**8, State.BAD), (10**9, State.WARNING), (10**10, State.GOOD)]
)
def test_space_and_memory(tmp_path: Path, free: int, state: State) -> None:
    assert host_checks.free_space(tmp_path, free).state is state
    if state is State.GOOD:
        assert host_checks.memory(free).state is state


def test_little_memory_and_few_files() -> None:
    assert host_checks.memory(10**8).state is State.BAD
    assert host_checks.memory(5 * 10**8).state is State.WARNING
    assert host_checks.open_files(100).state is State.BAD
    assert host_checks.open_files(512).state is State.WARNING
    assert host_checks.open_files(-1).state is State.GOOD


def test_a_key_that_is_short_or_open_to_others(settings: Settings, tmp_path: Path) -> None:
    kept = changed(settings, secret_key="", var_folder=tmp_path)
    assert host_checks.secret_key(kept.with_secret_key()).state is State.GOOD
    file = tmp_path / "secret_key"
    assert host_checks.secret_key(kept).state is State.GOOD
    for content, mode in ((b"x" * 40, 0o644), (b"short", 0o600), ("密".encode() * 40, 0o600)):
        file.write_bytes(content)
        file.chmod(mode)
        assert host_checks.secret_key(kept).state is State.BAD


async def test_a_file_of_keys_that_holds_none(own: Settings, session: AsyncSession) -> None:
    """A finding, not the end of all of them."""
    kept = changed(own, encryption_keys=())
    kept.encryption_keys_file.write_text("no key")
    found = await examined(kept)
    assert found["encryption_key_file"].state is State.BAD
    assert str(kept.encryption_keys_file) in found["encryption_key_file"].what.zh
    assert found["encryption_key_file"].remedy is not None
    assert ".keys" in found["encryption_key_file"].remedy.en
    assert found["index"].state is not State.BAD, "the rest is looked at all the same"
    kept.encryption_keys_file.write_text(f"{new_key()},{new_key()}")
    found = await examined(kept)
    assert found["encryption_key_file"].what.en.startswith("2 encryption keys")


class Alive(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status":"ok"}')

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def alive() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Alive)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_port_that_is_taken(settings: Settings, alive: int, tmp_path: Path) -> None:
    own = changed(settings, var_folder=tmp_path, port=alive)
    with enlisted(tmp_path, alive):
        assert host_checks.port(own).state is State.GOOD
        others = host_checks.port(changed(own, var_folder=tmp_path / "other"))
    assert others.state is State.BAD, "the service of another folder is not this folder's"
    assert "已被占用" in others.what.zh
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        found = host_checks.port(changed(own, port=other.getsockname()[1]))
        assert found.state is State.BAD
    assert "no address" in host_checks.port(changed(own, host="192.0.2.1")).what.en


def test_a_host_that_cannot_be_resolved(settings: Settings) -> None:
    found = host_checks.port(changed(settings, host="999.1.1.1", port=8000))
    assert found.state is State.BAD
    assert "HOST=999.1.1.1 不是 IP 地址" in found.what.zh
    assert found.remedy is not None
    assert "停止" not in found.remedy.zh


# The database


@pytest.mark.parametrize("where", ["postgresql://127.0.0.1:1/x", "not an address"])
async def test_a_database_that_is_not_there(own: Settings, where: str) -> None:
    found = await examined(changed(own, database_url=where))
    assert found["database"].state is State.BAD
    assert found["encoder"].state is State.GOOD, "the rest is looked at all the same"
    assert "schema" not in found


async def test_a_database_that_hangs(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "CONNECT_SECONDS", 1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        where = f"postgresql://127.0.0.1:{silent.getsockname()[1]}/x"
        async with asyncio.timeout(20):
            found = await examined(changed(own, database_url=where))
    assert found["database"].state is State.BAD


def test_an_old_server() -> None:
    assert database_checks.version_of(14, "UTF8").state is State.BAD


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
async def test_another_encoding(own: Settings, server: EmbeddedServer, encoding: str) -> None:
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS latin")
        connection.execute(
            f"CREATE DATABASE latin ENCODING '{encoding}' TEMPLATE template0"
            " LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'".encode()
        )
    found = await examined(changed(own, database_url=address(server.url.set(database="latin"))))
    assert found["version"].state is State.BAD
    assert found["version"].what.en == f"the database's encoding is {encoding}"
    assert found["schema"].state is State.BAD, "it is empty"
    assert "worker" not in found, "what needs the tables is left out"
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute("DROP DATABASE latin")


async def test_a_role_without_rights(own: Settings, database: URL) -> None:
    with psycopg.connect(conninfo(database), autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS doctored")
        connection.execute("CREATE ROLE doctored LOGIN")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO doctored")
    found = await examined(changed(own, database_url=address(database.set(username="doctored"))))
    assert found["rights"].state is State.BAD
    assert "accounts" in found["rights"].what.en
    assert found["powers"].state is State.GOOD
    with psycopg.connect(conninfo(database), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP OWNED BY doctored"))
        connection.execute("DROP ROLE doctored")


def test_connections_that_run_out() -> None:
    assert database_checks.connections(95, 100).state is State.WARNING


@pytest.mark.parametrize(
    ("behind", "state"), [(0, State.GOOD), (5, State.WARNING), (-60, State.BAD), (60, State.BAD)]
)
async def test_clocks_that_differ(
    database: URL, monkeypatch: pytest.MonkeyPatch, behind: int, state: State
) -> None:
    real = time.time
    monkeypatch.setattr("app.upkeep.database_checks.time.time", lambda: real() - behind)
    async with await AsyncConnection.connect(conninfo(database)) as connection:
        assert (await database_checks.clock(connection)).state is state


@pytest.mark.parametrize(
    ("present", "state"), [(revisions()[0], State.BAD), ("9999", State.WARNING)]
)
async def test_another_schema(
    own: Settings, session: AsyncSession, present: str, state: State
) -> None:
    await session.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": present})
    await session.commit()
    found = (await examined(own))["schema"]
    assert found.state is state
    if state is State.BAD:
        assert f"{len(revisions()) - 1} migrations" in found.what.en


async def test_an_index_that_was_not_finished(own: Settings, database: URL) -> None:
    with psycopg.connect(conninfo(database), autocommit=True) as connection:
        build = "CREATE UNIQUE INDEX CONCURRENTLY ix_half ON regions (level)"
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(build)
    found = (await examined(own))["schema"]
    assert found.state is State.BAD
    assert "ix_half" in found.what.en


# The service


async def test_no_worker_of_a_service_that_is_stopped(own: Settings, session: AsyncSession) -> None:
    assert (await examined(own))["worker"].state is State.WARNING
    await beat(session, ago=600)
    assert (await examined(own))["worker"].state is State.WARNING


async def test_no_worker_or_a_silent_one(own: Settings, session: AsyncSession, alive: int) -> None:
    own = changed(own, port=alive)
    assert (await examined(own))["worker"].state is State.WARNING, "another folder's service"
    with enlisted(own.var_folder, alive):
        assert (await examined(own))["worker"].state is State.BAD
        await beat(session, ago=600)
        found = (await examined(own))["worker"]
        assert found.state is State.BAD
        assert "10 min" in found.what.en
        await beat(session)
        assert (await examined(own))["worker"].state is State.GOOD


async def test_jobs_that_failed_or_wait(own: Settings, session: AsyncSession) -> None:
    for _ in range(3):
        await defer(session, "refit_indexes")
    await session.execute(text("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = 1"))
    await session.execute(
        text("UPDATE procrastinate_events SET at = at - interval '1 hour' WHERE job_id = 2")
    )
    await session.commit()
    found = await examined(own)
    assert found["failed_jobs"].state is State.WARNING
    assert "refit_indexes × 1" in found["failed_jobs"].what.en
    assert found["waiting_jobs"].state is State.WARNING
    assert "60 min" in found["waiting_jobs"].what.en


async def test_keys_that_the_database_needs(own: Settings, session: AsyncSession) -> None:
    assert (await examined(own))["encryption_keys"].state is State.GOOD
    await note_key(session, "a1b2c3d4")
    await session.commit()
    found = (await examined(own))["encryption_keys"]
    assert found.state is State.BAD
    assert "a1b2c3d4" in found.what.en
    assert not own.encryption_keys_file.exists(), "none is made by looking"


async def test_a_file_of_keys_that_was_lost(own: Settings, session: AsyncSession) -> None:
    """It is named, as no setting is missing; nothing says that a start would mend it."""
    kept = changed(own, encryption_keys=())
    await note_key(session, "a1b2c3d4")
    await session.commit()
    found, file = await examined(kept), str(kept.encryption_keys_file.absolute())
    assert found["encryption_key_file"].what.zh == f"没有密钥文件 {file}"
    assert f"a1b2c3d4：没有文件 {file}" in found["encryption_keys"].what.zh
    assert found["encryption_keys"].state is State.BAD
    assert found["encryption_keys"].remedy is not None
    assert f"并入 {file}" in found["encryption_keys"].remedy.zh


async def test_no_index_or_a_stale_one(own: Settings, session: AsyncSession, app: FastAPI) -> None:
    await scenes.pool(session)
    await session.commit()
    assert (await examined(own))["index"].state is State.WARNING
    await app.state.matcher.prepare()
    assert (await examined(own))["index"].state is State.GOOD
    await session.execute(
        text("UPDATE index_models SET candidates = 1, created_at = created_at - :age"),
        {"age": timedelta(hours=1)},
    )
    await session.commit()
    found = (await examined(own))["index"]
    assert found.state is State.WARNING
    assert "of 1, now 4" in found.what.en


@asynccontextmanager
async def listening(*, hangs: bool) -> AsyncIterator[int]:
    has_ended = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if hangs:
            await has_ended.wait()
        writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    has_ended.set()
    server.close()
    await asyncio.sleep(0.1)


@pytest.mark.parametrize("hangs", [False, True])
async def test_an_encoder_that_fails_or_hangs(settings: Settings, hangs: bool) -> None:
    remote = {"encoder": EncoderKind.REMOTE, "encoder_model": "m", "encoder_timeout_seconds": 1}
    async with listening(hangs=hangs) as port, asyncio.timeout(20):
        url = f"http://127.0.0.1:{port}/v1"
        found = await service_checks.encoder(changed(settings, encoder_url=url, **remote))
    assert found.state is State.BAD
    assert ("Timeout" if hangs else "HTTPStatusError") in found.what.en


async def test_the_local_encoder_answers(settings: Settings) -> None:
    found = await service_checks.encoder(changed(settings, encoder=EncoderKind.LOCAL))
    assert found.state is State.GOOD
