"""create_app(settings): the only place where the parts are put together."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from anyio import CapacityLimiter
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi_offline import FastAPIOffline
from sqlalchemy import URL

from app import api, health, start_page
from app.accounts.dependencies import account_of_key
from app.accounts.providers import open_providers
from app.accounts.secrets import AccessTokens
from app.background import running
from app.health import Condition
from app.interface import failures, naming, openapi
from app.interface.admission import Callers
from app.interface.body_limit import BodyLimitMiddleware
from app.interface.deadline import DeadlineMiddleware
from app.interface.head import HeadMiddleware
from app.interface.observation import ObservationMiddleware
from app.interface.pagination import Cursors
from app.interface.places import Places
from app.interface.rate_limits import Limiter
from app.interface.refusal_log import RefusalLog
from app.interface.request_id import RequestIdMiddleware
from app.jobs import job_probe, open_queue
from app.matches.index.following import follow
from app.metrics import endpoints as metrics
from app.processes.process import Process, connect, open_process
from app.settings import Settings

# How long a request waits for what another one has locked, an account's own batch for instance.
# Its caller is told to come again; who is left waiting would keep a connection from everybody.
LOCK_SECONDS = 5

# What a browser's client may read of an answer besides its body.
EXPOSED_HEADERS = [
    "Deprecation",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Sunset",
    "X-Request-ID",
]


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service; without settings they are read from the environment."""
    settings = (settings or Settings()).with_secret_key()
    app = FastAPIOffline(
        title="双库 Shuangku",
        version=version("shuangku"),
        lifespan=lifespan,
        openapi_url="/openapi.json",
        redoc_url=None,  # its page asks for a logo on another host
        generate_unique_id_function=naming.operation_id,
        redirect_slashes=False,  # a redirect would lead where the Host header says
    )
    app.state.settings = settings
    app.state.cursors = Cursors(settings.secret_key.get_secret_value())
    app.state.access_tokens = AccessTokens(
        key=settings.secret_key.get_secret_value(),
        lifetime=settings.access_lifetime,
        refresh_lifetime=settings.refresh_lifetime,
    )
    app.state.limiter = Limiter(settings)
    app.state.callers = Callers(app.state.access_tokens.account_of)
    app.state.places = Places(2 * settings.database_pool_size)
    app.state.refusal_log = RefusalLog()
    app.state.listeners = CapacityLimiter(settings.max_listeners)
    app.state.listening = Counter()
    app.include_router(start_page.router)
    app.include_router(health.router)
    app.include_router(metrics.router)
    api.install(app)
    failures.install(app)
    app.add_middleware(DeadlineMiddleware, seconds=settings.request_seconds)
    app.add_middleware(HeadMiddleware)
    app.add_middleware(
        BodyLimitMiddleware,
        settings=settings,
        account_of_key=lambda secret: account_of_key(app.state.sessions, secret),
    )
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=EXPOSED_HEADERS,
    )
    app.add_middleware(ObservationMiddleware, logs_address=settings.log_client_address)
    app.add_middleware(RequestIdMiddleware)
    openapi.install(app)
    return app


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open what the requests share, and close it after the last of them."""
    async with (
        open_process(app.state.settings, role="service", lock_seconds=LOCK_SECONDS) as process,
        _shared(app, process),
    ):
        await process.matcher.prepare()
        async with running(follow(process.matcher)) as following:
            app.state.condition.follower = following
            yield


@asynccontextmanager
async def services(app: FastAPI, url: URL) -> AsyncIterator[None]:
    """What requests share on one database: sessions, the job queue, the live indexes.

    url: the service's own address, not that of the tables' owner.
    """
    async with (
        connect(app.state.settings, url, lock_seconds=LOCK_SECONDS) as process,
        _shared(app, process),
    ):
        yield


@asynccontextmanager
async def _shared(app: FastAPI, process: Process) -> AsyncIterator[None]:
    """Hand the process's parts to the requests."""
    app.state.sessions, app.state.matcher = process.sessions, process.matcher
    app.state.job_probe = job_probe(process.url)
    app.state.condition = Condition(url=process.url, matcher=process.matcher)
    async with (
        open_queue(process.url),
        app.state.limiter.sharing(process.url),
        app.state.refusal_log.writing(process.sessions),
        open_providers(app.state.settings) as providers,
    ):
        app.state.providers = providers
        yield
