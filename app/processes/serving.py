"""`shuangku serve`: everything from an empty folder to a service that answers."""

import asyncio
import errno
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

from rich.console import Console
from rich.markup import escape
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from app.accounts import repository as accounts
from app.background import running
from app.operators import OperatorError
from app.postgres.server import Database, database_server
from app.processes.addresses import listening_fault, local_url
from app.processes.preparation import prepared
from app.processes.reloading import Running, enlisted
from app.processes.supervision import STOP_SECONDS, Fleet
from app.processes.unknown_settings import unknown_settings
from app.scopes import Scope, create_sessions
from app.settings import Settings

logger = logging.getLogger(__name__)
console = Console(stderr=True)

DONE = "[green]✓[/]"
SECONDS = f"{STOP_SECONDS:g}"
PREDECESSOR_SECONDS = 2.0  # in which the processes of a service that was killed let go


async def serve(settings: Settings, *, wants_demo: bool, has_worker: bool) -> None:
    """Prepare the database, then serve until cancelled; a worker runs beside.

    Raises OperatorError when the address is taken or not this machine's.
    """
    for text in unknown_settings():
        _warn(text.in_both)
    with _bound(settings) as listener:
        fleet = Fleet(
            listener=listener, size=settings.processes, has_worker=has_worker, report=_warn
        )
        async with _ending(fleet), database_server(settings) as database:
            url = await _prepare(database, settings, wants_demo=wants_demo)
            async with _stopping(fleet, settings.drain_seconds):
                await _serve(fleet, url, settings)


@contextmanager
def _bound(settings: Settings) -> Iterator[socket.socket]:
    """The service's address, taken before any work is done; nobody can connect to it yet."""
    try:
        listener = _listener(settings.host, settings.port)
    except (OSError, UnicodeError) as error:
        fault = listening_fault(settings, error)
        raise OperatorError(
            f"{fault.what.zh}；{fault.remedy.zh}", f"{fault.what.en}; {fault.remedy.en}"
        ) from error
    with listener:
        yield listener


def _listener(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        _bind(listener, address)
    except OSError:
        listener.close()
        raise
    return listener


def _bind(listener: socket.socket, address: object) -> None:
    deadline = time.monotonic() + PREDECESSOR_SECONDS
    while True:
        try:
            listener.bind(address)  # type: ignore[arg-type]
            return
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


@asynccontextmanager
async def _ending(fleet: Fleet) -> AsyncIterator[None]:
    """Load the processes while the database is prepared; whatever happens, none is left."""
    fleet.prepare()
    try:
        yield
    finally:
        fleet.kill()


async def _prepare(database: Database, settings: Settings, *, wants_demo: bool) -> URL:
    """Migrate, then load what is asked for; the address of the database for the service."""
    async with AsyncExitStack() as stack:
        with console.status("更新数据库结构 · migrating the database"):
            engine = await stack.enter_async_context(prepared(database, settings))
        _say(f"数据库就绪 · database ready: {engine.url.database}", mark=DONE)
        if wants_demo or (settings.database_url is None and await _is_new(engine)):
            # Imported here: a start that loads nothing needs none of it.
            from app.bulk.terminal import load_with_progress

            _say(await load_with_progress(create_sessions(engine), console), mark=DONE)
        return engine.url


async def _is_new(engine: AsyncEngine) -> bool:
    async with create_sessions(engine, Scope.SERVICE)() as session:
        return not await accounts.has_any(session)


async def _serve(fleet: Fleet, url: URL, settings: Settings) -> None:
    with console.status("建立索引 · building the index"):
        await fleet.serve(url.render_as_string(hide_password=False))
    host, port = fleet.listener.getsockname()[:2]
    _announce(host, port)
    with enlisted(settings.var_folder, port) as run:
        async with running(_reload_when_asked(fleet, run)):
            await asyncio.Event().wait()


@asynccontextmanager
async def _stopping(fleet: Fleet, drain_seconds: float) -> AsyncIterator[None]:
    """Say what takes time at the end, and do it in its order; the database is stopped after it."""
    try:
        yield
    finally:
        if drain_seconds:
            _say(f"停止：{drain_seconds:g} 秒内仍应答，请负载均衡改道 · stopping: still answering")
            await fleet.drain(drain_seconds)
        _say(f"停止：等请求结束，最多 {SECONDS} 秒 · letting requests end")
        await fleet.stop()
        _say(f"停止：等后台任务结束，最多 {SECONDS} 秒 · letting jobs end")
        await fleet.stop_worker()


async def _reload_when_asked(fleet: Fleet, run: Running) -> None:
    """SIGHUP asks, but for the one that comes because the terminal has gone away."""
    asked, loop = asyncio.Event(), asyncio.get_running_loop()
    had_terminal = os.isatty(0)
    loop.add_signal_handler(signal.SIGHUP, asked.set)
    while True:
        await asked.wait()
        asked.clear()
        if had_terminal and not os.isatty(0):
            os.kill(os.getpid(), signal.SIGTERM)
            return
        _say("换上新进程 · putting new processes in place")
        is_done = await _migrated() and await fleet.reload()
        run.report(is_done=is_done)
        if is_done:
            _say("新进程已接替 · new processes serve")
        else:
            _warn("新进程没有起来，原进程继续服务 · the new processes failed, the old ones go on")


async def _migrated() -> bool:
    """Migrate by the program as it is on the disk now, not as this process loaded it."""
    command = (sys.executable, "-m", "app.commands", "migrate")
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    if process.returncode != 0:
        _warn(said.decode(errors="replace").strip())
    return process.returncode == 0


def _announce(host: str, port: int) -> None:
    address = local_url(host, port)
    _say(f"服务已启动 · serving at {address}", mark=DONE)
    _say(f"接口文档 · documentation  {address}/docs")
    _say("停止 · stop               Ctrl+C")


def _say(message: str, *, mark: str = " ") -> None:
    """To whoever watches; where nobody does, into the log, as all that the service tells."""
    if console.is_terminal:
        console.print(f"{mark} {escape(message)}", soft_wrap=True, highlight=False)
    else:
        logger.info(message)


def _warn(message: str) -> None:
    if console.is_terminal:
        console.print(f"[yellow]![/] {escape(message)}", soft_wrap=True, highlight=False)
    else:
        logger.warning(message)
