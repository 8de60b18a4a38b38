"""One process of the service: it serves a socket that it was handed, and does as it is told."""

import asyncio
import os
import socket
from contextlib import AbstractContextManager, nullcontext, suppress

import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from app.health import Condition
from app.interface.patience import patient
from app.main import create_app
from app.processes.supervision import DRAIN, READY, REQUEST_SECONDS, RETIRE
from app.settings import Settings

LAST_SECONDS = 10.0  # longer than any connection idles
LOOK_SECONDS = 0.05


async def run(settings: Settings, listener: socket.socket, line: socket.socket) -> None:
    """Serve until told to stop, or cancelled; what is said on the line stands in `supervision`."""
    reader, writer = await asyncio.open_connection(sock=line)
    address = (await reader.readline()).decode().strip()
    if not address:
        return
    # The database server is up already; this process need not start it a second time.
    app = create_app(settings.model_copy(update={"database_url": SecretStr(address)}))
    server = _Server(app, writer)
    serving = asyncio.create_task(server.serve([listener]))
    orders = asyncio.create_task(_obey(reader, server))
    try:
        await asyncio.wait([serving, orders], return_when=asyncio.FIRST_COMPLETED)
    finally:
        orders.cancel()
        await _end(server, serving)


async def _obey(reader: asyncio.StreamReader, server: "_Server") -> None:
    """Do as told; return when it is time to end."""
    with suppress(ConnectionError):
        while order := await reader.readline():
            if order == RETIRE:
                server.patience = LAST_SECONDS
                return
            if order == DRAIN and not server.started:
                return
            server.drain()


async def _end(server: "_Server", serving: asyncio.Task[None]) -> None:
    if not server.started and not serving.done():
        os._exit(0)  # nothing has begun, and a thread that builds an index cannot be stopped
    server.should_exit = True
    await serving


def config_of(app: FastAPI) -> uvicorn.Config:
    """How the application is served."""
    settings: Settings = app.state.settings
    return uvicorn.Config(
        app,
        http=patient(settings.client_seconds),
        ws="none",  # uvicorn would answer an upgrade by itself, past all that stands before a route
        log_config=None,  # app.logs takes all loggers
        access_log=False,
        timeout_graceful_shutdown=REQUEST_SECONDS,
        lifespan="on",
        forwarded_allow_ips=list(settings.forwarded_allow_ips),
    )


class _Server(uvicorn.Server):
    """Says when it serves, and ends without a request lost.

    `patience`: how long connections that are idle at the end may still bring a last request.
    """

    patience = 0.0

    def __init__(self, app: FastAPI, line: asyncio.StreamWriter) -> None:
        super().__init__(config_of(app))
        self._app, self._line = app, line

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Leave them to the command: there is more to end."""
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._line.write(READY)

    def drain(self) -> None:
        """Answer what comes, say that the service stops, and that the connection ends."""
        self._app.state.condition.is_stopping = True
        self._close_after_each_answer()

    def _close_after_each_answer(self) -> None:
        close = (b"connection", b"close")
        if close not in self.config.encoded_headers:
            self.config.encoded_headers.append(close)
            self.server_state.default_headers = [*self.server_state.default_headers, close]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        condition: Condition = self._app.state.condition
        condition.is_ending = True
        if not self.patience:  # who retires leaves others behind that serve
            condition.is_stopping = True
        self._close_after_each_answer()
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.patience):
                await self._let_them_come()
        await super().shutdown()

    async def _let_them_come(self) -> None:
        while True:
            if not self.server_state.connections:
                return
            await asyncio.sleep(LOOK_SECONDS)
