"""`shuangku serve`: everything from an empty folder to a service that answers."""

import asyncio
import socket
import sys
from contextlib import AbstractContextManager, nullcontext, suppress

import uvicorn
from pydantic import SecretStr
from rich.console import Console
from sqlalchemy import URL, select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.accounts.models import Account
from app.background import running
from app.bulk.terminal import load_with_progress
from app.database import create_engine
from app.encryption.rotation import require_keys
from app.encryption.sealed import unlock
from app.main import create_app
from app.migration import upgrade
from app.postgres.server import Database, database_server
from app.scopes import Scope, create_sessions
from app.settings import Settings

console = Console(stderr=True)

REQUEST_SECONDS = 5  # for requests that still run when the service is told to stop
WORKER_SECONDS = 5  # for the worker to end by itself; killing it loses nothing
PAUSE_SECONDS = 2


async def serve(settings: Settings, *, wants_demo: bool, has_worker: bool) -> None:
    """Prepare the database, then serve until cancelled; a worker runs beside.

    Raises OSError when the address is taken or not this machine's.
    """
    with _bound(settings.host, settings.port) as listener:
        async with database_server(settings) as database:
            url = await _prepare(database, settings, wants_demo=wants_demo)
            async with running(_keep_worker()) if has_worker else nullcontext():
                await _serve(_server(settings, url), listener)


def _bound(host: str, port: int) -> socket.socket:
    """The service's address, taken before any work is done; nobody can connect to it yet."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        where = f"无法监听 {host} 的端口 {port} · cannot listen on {host}, port {port}"
        raise OSError(f"{where}: {error.strerror} (HOST, PORT)") from error
    return listener


async def _prepare(database: Database, settings: Settings, *, wants_demo: bool) -> URL:
    """Migrate as the owner, then load what is asked for as the service, whose address returns."""
    owner = create_engine(database.owner, settings)
    with console.status("更新数据库结构 · migrating the database"):
        await upgrade(owner)
    await owner.dispose()
    url = await database.service_url()
    engine = create_engine(url, settings)
    unlock(settings.key_ring())
    await require_keys(create_sessions(engine))
    console.print(f"[green]✓[/] 数据库就绪 · database ready: {url.database}")
    if wants_demo or (settings.database_url is None and await _is_new(engine)):
        await load_with_progress(create_sessions(engine), console)
    await engine.dispose()
    return url


async def _is_new(engine: AsyncEngine) -> bool:
    async with create_sessions(engine, Scope.SERVICE)() as session:
        return await session.scalar(select(Account.id).limit(1)) is None


class _Server(uvicorn.Server):
    """Says where it serves, and leaves the signals to the command: there is more to end."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        with console.status("建立索引 · building the index"):
            await super().startup(sockets)
        for listener in sockets or ():
            _announce(*listener.getsockname()[:2])


def _server(settings: Settings, url: URL) -> uvicorn.Server:
    address = SecretStr(url.render_as_string(hide_password=False))
    # The database server is up already; the application need not start it a second time.
    app = create_app(settings.model_copy(update={"database_url": address}))
    config = uvicorn.Config(
        app,
        log_config=None,  # app.logs takes all loggers
        access_log=False,
        timeout_graceful_shutdown=REQUEST_SECONDS,
        lifespan="on",
        forwarded_allow_ips=list(settings.forwarded_allow_ips),
    )
    return _Server(config)


async def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    serving = asyncio.create_task(server.serve([listener]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.config.app.state.condition.is_stopping = True  # type: ignore[union-attr]
        server.should_exit = True
        if not server.started:
            serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
        raise


def _announce(host: str, port: int) -> None:
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    address = f"http://{name}:{port}"
    console.print(f"[green]✓[/] 服务已启动 · serving at [bold]{address}[/]")
    console.print(f"  接口文档 · documentation  {address}/docs")
    console.print("  停止 · stop               Ctrl+C")


async def _keep_worker() -> None:
    """A worker process beside the service; one that dies is started again."""
    while True:
        # Of a session of its own, or Ctrl+C would reach it twice; see app.worker for its stdin.
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.commands", "worker", "--stops-with-stdin"),
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            await worker.wait()
        finally:
            await _end(worker)
        await asyncio.sleep(PAUSE_SECONDS)


async def _end(worker: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        worker.terminate()
    try:
        await asyncio.wait_for(worker.wait(), WORKER_SECONDS)
    except TimeoutError:
        worker.kill()
