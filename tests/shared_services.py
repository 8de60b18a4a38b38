"""The application's connections to the shared database, which no test opens anew."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from fastapi import FastAPI
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database import open_engine
from app.health import Condition
from app.jobs import job_probe
from app.main import services
from app.matches.index.ranking import create_matcher
from app.matches.models import Pool
from app.postgres.roles import SERVICE_ROLE
from app.settings import Settings


@dataclass(frozen=True, kw_only=True)
class SharedServices:
    """What `services` opened on the shared database, and an engine of its owner's."""

    app: FastAPI
    url: URL
    engine: AsyncEngine
    opened: dict[str, object]  # the application's state as it was then

    @classmethod
    @asynccontextmanager
    async def open(cls, app: FastAPI, url: URL) -> AsyncIterator[Self]:
        async with (
            services(app, url.set(username=SERVICE_ROLE)),
            open_engine(url, app.state.settings) as engine,
        ):
            yield cls(app=app, url=url, engine=engine, opened=dict(app.state._state))

    @asynccontextmanager
    async def services_on(self, url: URL) -> AsyncIterator[None]:
        """The application on a database; on the shared one as if it had just been opened."""
        try:
            if url.database == self.url.database:
                self._begin_again(url)
                yield
                await self.app.state.refusal_log.drain()
            else:
                async with services(self.app, url):
                    yield
        finally:
            self.app.state._state.update(self.opened)

    def _begin_again(self, url: URL) -> None:
        """Forget what the process knows of the records of the test before."""
        state = self.app.state
        sessions = state.matcher.indexes[Pool.EXPERTS].sessions
        state.matcher = create_matcher(state.settings, sessions)
        state.job_probe = job_probe(url)
        state.condition = Condition(url=url, matcher=state.matcher)
        state.limiter._leases.clear()
        state.refusal_log._is_keeping_up = True

    @asynccontextmanager
    async def owner_of(self, url: URL, settings: Settings) -> AsyncIterator[AsyncEngine]:
        """An engine whose sessions no rule binds."""
        if url == self.url:
            yield self.engine
        else:
            async with open_engine(url, settings) as engine:
                yield engine
