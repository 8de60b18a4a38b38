"""What the rate limits add to a small read: processor time of this process, which others' work
on the machine does not change, with limits and without, in turns."""

import asyncio
import json
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

from fastapi import FastAPI
from sqlalchemy import URL

from app.accounts.models import Account, Role
from app.database import create_engine
from app.main import create_app, services
from app.migration import upgrade
from app.postgres.server import database_server
from app.scopes import create_sessions
from app.settings import EncoderKind, Settings

ROUNDS, REQUESTS = 40, 120
# As many at once as by default, so that as many ask; the window lets the measurement go on.
LIMITS = "reads=1200/1"


async def measure_limit_overhead() -> dict[str, float]:
    """Microseconds of a read of one's own account, and how much more it is with limits."""
    with tempfile.TemporaryDirectory(prefix="shuangku-") as name:
        settings = Settings(_env_file=None, var_folder=Path(name), encoder=EncoderKind.NONE)
        async with database_server(settings) as database, AsyncExitStack() as running:
            account, url = await _account(database.owner, settings), await database.service_url()
            apps = []
            for limits in ("off", LIMITS):
                app = create_app(settings.model_copy(update={"rate_limits": limits}))
                await running.enter_async_context(services(app, url))
                apps.append(app)
            token = apps[0].state.access_tokens.write(account.id)
            rounds = [[await _spent(app, token) for app in apps] for _ in range(ROUNDS)]
    free, limited = (median(values) for values in zip(*rounds, strict=True))
    ratios = [with_limits / without for without, with_limits in rounds]
    return {"without_us": free, "with_us": limited, "ratio": median(ratios)}


async def _account(url: URL, settings: Settings) -> Account:
    engine = create_engine(url, settings)
    await upgrade(engine)
    account = Account(
        email="measure@demo.invalid", display_name="-", role=Role.EXPERT, password_hash="-"
    )
    async with create_sessions(engine).begin() as session:
        session.add(account)
    await engine.dispose()
    return account


async def _spent(app: FastAPI, token: str) -> float:
    start = process_time()
    for _ in range(REQUESTS):
        await _read(app, token)
    return 1e6 * (process_time() - start) / REQUESTS


async def _read(app: FastAPI, token: str) -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": "/api/v1/me",
        "raw_path": b"/api/v1/me",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {token}".encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise RuntimeError(f"the service answers {message['status']}")

    await app(scope, receive, send)


if __name__ == "__main__":
    found = asyncio.run(measure_limit_overhead())
    print(json.dumps({name: round(value, 3) for name, value in found.items()}))
