"""What tests stand on: a real PostgreSQL, the application on it, and people who are signed in."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.accounts import secrets
from app.database import create_engine, open_engine
from app.main import create_app, services
from app.migration import upgrade
from app.postgres.embedded import EmbeddedServer
from app.postgres.roles import SERVICE_ROLE
from app.processes.execution import collect_little
from app.scopes import create_sessions
from app.settings import EncoderKind, Settings
from tests.acceptance.demonstration import Demonstration, made_once
from tests.audit_trail import AuditTrail
from tests.databases import Emptying, cloned, named
from tests.fresh_application import begun_again
from tests.locks import Locks
from tests.people import People
from tests.scheduling import pytest_collection_modifyitems, pytest_xdist_make_scheduler
from tests.servers import start_test_server

PROJECT = Path(__file__).resolve().parent.parent
TEMPLATE_LOCK = 7_311_004
__all__ = ["pytest_collection_modifyitems", "pytest_xdist_make_scheduler"]  # hooks


def pytest_addoption(parser: pytest.Parser) -> None:
    """Here, since a conftest further down may only be read after the command line."""
    parser.addoption(
        "--rounds", type=int, default=1, help="how often each fault of tests/faults comes"
    )


def pytest_collection_finish() -> None:
    """Let the collector pass over what was imported: a tenth of the time went to it."""
    collect_little()


@pytest.fixture(scope="session")
def rounds(request: pytest.FixtureRequest) -> int:
    """How often; with one, everything is as short as it can be, and the same each time."""
    return int(request.config.getoption("--rounds"))


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        _env_file=None,
        var_folder=tmp_path_factory.mktemp("var"),
        secret_key="a secret of the tests, long enough",
        encoder=EncoderKind.NONE,
        rate_limits="all=1000000/60",
    )


@pytest.fixture(scope="session", autouse=True)
def strong_hasher() -> Iterator[PasswordHash]:
    """How passwords are hashed but in the processes of the tests, where it takes no time at all."""
    strong = secrets._hasher
    with pytest.MonkeyPatch.context() as patch:
        cheap = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr(secrets, "_hasher", PasswordHash([cheap]))
        yield strong


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Demonstration:
    """What a first start leaves, for services that shall not begin from nothing."""
    own = tmp_path_factory.getbasetemp()
    return made_once(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    with start_test_server() as running:
        yield running


@pytest.fixture(scope="session")
def template(server: EmbeddedServer, settings: Settings) -> str:
    """The name of a database with the present schema; made once for all workers of a run."""
    name = f"template_{_schema_digest()}"
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [TEMPLATE_LOCK])
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if found.fetchone() is None:
            draft = name + "_draft"
            connection.execute(named("DROP DATABASE IF EXISTS {}", draft))
            connection.execute(named("CREATE DATABASE {}", draft))
            asyncio.run(_migrate(server.url.set(database=draft), settings))
            connection.execute(named("ALTER DATABASE {} RENAME TO {}", draft, name))
    return name


def _schema_digest() -> str:
    paths = [*PROJECT.glob("migrations/versions/*.py"), *PROJECT.glob("app/reference/data/*.csv")]
    return hashlib.sha256(b"".join(p.read_bytes() for p in sorted(paths))).hexdigest()[:12]


async def _migrate(url: URL, settings: Settings) -> None:
    engine = create_engine(url, settings)
    await upgrade(engine)
    await engine.dispose()


@pytest.fixture(scope="session")
def shared(server: EmbeddedServer, template: str) -> Iterator[URL]:
    """The database that the tests of a worker share."""
    with cloned(server, template, f"shared_{os.getpid()}") as url:
        yield url


@pytest.fixture(scope="session")
def emptying(server: EmbeddedServer, shared: URL) -> Iterator[Emptying]:
    with Emptying.open(server, shared) as opened:
        yield opened


@pytest.fixture
def database(
    request: pytest.FixtureRequest,
    server: EmbeddedServer,
    template: str,
    shared: URL,
    emptying: Emptying,
) -> Iterator[URL]:
    """A database with schema and reference codes and nothing else.

    The shared one, emptied after the test; a test that is marked `own_database` has one of its own,
    whose schema it may change and whose connections it may end.
    """
    if request.node.get_closest_marker("own_database"):
        with cloned(server, template, f"test_{os.getpid()}") as url:
            yield url
    else:
        yield shared
        emptying.run()


@pytest.fixture
def service_database(database: URL) -> URL:
    """The same database for the service, which row-level security binds."""
    return database.set(username=SERVICE_ROLE)


@pytest.fixture(scope="session")
def application(settings: Settings) -> FastAPI:
    return create_app(settings)


@pytest.fixture(scope="session")
def application_apart(settings: Settings) -> FastAPI:
    """One for the databases that are not shared."""
    return create_app(settings)


@pytest.fixture(scope="session")
async def open_application(application: FastAPI, shared: URL) -> AsyncIterator[FastAPI]:
    """The application with its connections to the shared database, which go from test to test."""
    async with services(application, shared.set(username=SERVICE_ROLE)):
        yield application


@pytest.fixture
async def app(
    application_apart: FastAPI,
    service_database: URL,
    shared: URL,
    open_application: FastAPI,
) -> AsyncIterator[FastAPI]:
    """The application on this test's database; at the end its audit log must tell of it all."""
    async with AsyncExitStack() as stack:
        if service_database.database == shared.database:
            app = await stack.enter_async_context(begun_again(open_application))
        else:
            app = application_apart
            await stack.enter_async_context(services(app, service_database))
        trail = app.state.audit_trail = AuditTrail()
        yield app
        await trail.check(app)


@pytest.fixture(scope="session")
async def shared_owner(shared: URL, settings: Settings) -> AsyncIterator[AsyncEngine]:
    async with open_engine(shared, settings) as engine:
        yield engine


@pytest.fixture
async def session(
    app: FastAPI, database: URL, shared: URL, shared_owner: AsyncEngine, settings: Settings
) -> AsyncIterator[AsyncSession]:
    """A session of the database's owner, whom no rule binds, beside the application's.

    Commit it, so that requests see what it wrote.
    """
    async with AsyncExitStack() as stack:
        engine = shared_owner
        if database != shared:
            engine = await stack.enter_async_context(open_engine(database, settings))
        yield await stack.enter_async_context(create_sessions(engine)())


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    """An HTTP client that nobody has signed in."""
    transport = ASGITransport(app=app, raise_app_exceptions=False)
    hooks = {"response": [app.state.audit_trail.note]}
    async with AsyncClient(
        transport=transport, base_url="http://test/api/v1", event_hooks=hooks
    ) as client:
        yield client


@pytest.fixture
async def people(app: FastAPI, session: AsyncSession) -> AsyncIterator[People]:
    """Signed-in clients of every role."""
    async with People(app, session) as people:
        yield people


@pytest.fixture
async def locks(database: URL, settings: Settings) -> AsyncIterator[Locks]:
    async with open_engine(database, settings) as engine:
        yield Locks(engine)
