"""The demonstration pool on an embedded PostgreSQL of its own, for services in this process."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from rich.console import Console
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.accounts.models import Account
from app.bulk.terminal import load_with_progress
from app.main import create_app, services
from app.postgres.server import database_server
from app.processes.preparation import prepared
from app.scopes import Scope, create_sessions
from app.settings import EncoderKind, Settings

COORDINATOR = "coordinator@demo.invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """A database with the pool; `engine` has the service's own address."""

    settings: Settings
    engine: AsyncEngine
    coordinator: Account

    @asynccontextmanager
    async def service(self, limits: str = "off") -> AsyncIterator[FastAPI]:
        """A service on it, with these rate limits."""
        app = create_app(self.settings.model_copy(update={"rate_limits": limits}))
        async with services(app, self.engine.url):
            yield app

    def token(self, app: FastAPI) -> str:
        """The coordinator's, for one of its services."""
        token: str = app.state.access_tokens.write(self.coordinator.id)
        return token


@asynccontextmanager
async def demonstrated() -> AsyncIterator[Demonstration]:
    """A demonstration for as long as the block; the terminal shows how it is loaded."""
    with tempfile.TemporaryDirectory(prefix="shuangku-") as folder:
        settings = Settings(_env_file=None, var_folder=Path(folder), encoder=EncoderKind.NONE)
        async with database_server(settings) as database, prepared(database, settings) as engine:
            sessions = create_sessions(engine, Scope.SERVICE)
            await load_with_progress(sessions, Console(stderr=True))
            async with sessions() as session:
                found = await session.scalars(select(Account).where(Account.email == COORDINATOR))
            yield Demonstration(settings=settings, engine=engine, coordinator=found.one())
