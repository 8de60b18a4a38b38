"""create_app(settings): the only place where the parts are put together."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from anyio import to_thread
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi_offline import FastAPIOffline
from sqlalchemy import URL

from app import api, errors, health, openapi, start_page
from app.accounts.secrets import AccessTokens
from app.body_limit import BodyLimitMiddleware
from app.database import create_engine, create_sessions
from app.jobs import open_queue
from app.matches.following import follow
from app.matches.models import Pool
from app.matches.ranking import create_matcher
from app.pagination import Cursors
from app.request_id import RequestIdMiddleware
from app.server import database_server
from app.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service; without settings they are read from the environment."""
    settings = (settings or Settings()).with_secret_key()
    app = FastAPIOffline(
        title="双库 Shuangku",
        version=version("shuangku"),
        lifespan=lifespan,
        openapi_url="/openapi.json",
        redirect_slashes=False,  # a redirect would lead where the Host header says
    )
    app.state.settings = settings
    app.state.cursors = Cursors(settings.secret_key.get_secret_value())
    app.state.access_tokens = AccessTokens(
        key=settings.secret_key.get_secret_value(), lifetime=settings.access_lifetime
    )
    app.include_router(start_page.router)
    app.include_router(health.router)
    app.include_router(api.router)
    errors.install(app)
    app.add_middleware(BodyLimitMiddleware, max_bytes=settings.max_body_bytes)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=["X-Request-ID", "Retry-After"],
    )
    app.add_middleware(RequestIdMiddleware)
    openapi.install(app)
    return app


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open what the requests share, and close it after the last of them."""
    settings: Settings = app.state.settings
    to_thread.current_default_thread_limiter().total_tokens = settings.threads
    async with database_server(settings) as url, services(app, url):
        await app.state.matcher.prepare()
        following = asyncio.create_task(follow(app.state.matcher))
        try:
            yield
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following


@asynccontextmanager
async def services(app: FastAPI, url: URL) -> AsyncIterator[None]:
    """What requests share on one database: sessions, the job queue, the live indexes."""
    settings: Settings = app.state.settings
    engine = create_engine(url, settings)
    following = create_engine(url, settings, size=len(Pool))
    app.state.sessions = create_sessions(engine)
    app.state.matcher = create_matcher(settings, create_sessions(following))
    try:
        async with open_queue(url):
            yield
    finally:
        await engine.dispose()
        await following.dispose()
