"""What the requests beside a refused one cost, whose transaction was undone on their connection.

Asked are two services in this process, in turns, on one PostgreSQL: as it is, and with connections
as the driver makes them, which forget what they have prepared (see app.prepared_statements).
"""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from unittest.mock import patch
from uuid import uuid4

import typer
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from psycopg import AsyncConnection
from sqlalchemy import URL

from app.database import CONNECTION
from app.main import create_app, services
from app.postgres.server import database_server
from app.processes.preparation import prepared
from app.settings import EncoderKind, Settings
from scripts.load.request_cost import demonstrated

ROUNDS, WARMING_UP, READS = 8, 2, 120
READS_TO_A_REFUSAL = (10, 60)
FORGETTING = {"async_creator_fn": AsyncConnection.connect}


@asynccontextmanager
async def all_asked() -> AsyncIterator[dict[str, AsyncClient]]:
    """A coordinator's clients of the two services, on the demonstration pool."""
    async with AsyncExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="shuangku-")))
        settings = Settings(
            _env_file=None, var_folder=folder, encoder=EncoderKind.NONE, rate_limits="off"
        )
        database = await running.enter_async_context(database_server(settings))
        engine = await running.enter_async_context(prepared(database, settings))
        account = await demonstrated(engine, settings)
        clients = dict[str, AsyncClient]()
        for name, connection in {"kept": {}, "forgotten": FORGETTING}.items():
            with patch.dict(CONNECTION, connection):
                app = await running.enter_async_context(_service(settings, engine.url))
            token = app.state.access_tokens.write(account.id)
            clients[name] = await running.enter_async_context(_client(app, token))
        yield clients


@asynccontextmanager
async def _service(settings: Settings, url: URL) -> AsyncIterator[FastAPI]:
    app = create_app(settings)
    async with services(app, url):
        yield app


def _client(app: FastAPI, token: str) -> AsyncClient:
    return AsyncClient(
        transport=ASGITransport(app=app),
        base_url="http://service/api/v1",
        headers={"Authorization": f"Bearer {token}"},
    )


async def milliseconds(client: AsyncClient, ids: list[str], *, refused_every: int) -> float:
    """Of a read, one after the other, beside which every so many a request is refused."""
    start = perf_counter()
    for number in range(READS):
        path = f"/demands/{ids[number % len(ids)]}" if number % 2 else "/demands?limit=10"
        (await client.get(path)).raise_for_status()
        if number % refused_every == 0:
            refused = await client.get(f"/demands/{uuid4()}")
            assert refused.is_client_error
    return 1e3 * (perf_counter() - start) / READS


async def measure() -> dict[str, dict[str, float]]:
    """By how many reads there are to a refusal: medians, and their ratio."""
    async with all_asked() as clients:
        page = (await clients["kept"].get("/demands?limit=20")).json()
        ids = [item["id"] for item in page["items"]]
        return {
            f"{every} reads": await _compared(clients, ids, refused_every=every)
            for every in READS_TO_A_REFUSAL
        }


async def _compared(
    clients: dict[str, AsyncClient], ids: list[str], *, refused_every: int
) -> dict[str, float]:
    rounds = [
        {
            name: await milliseconds(client, ids, refused_every=refused_every)
            for name, client in clients.items()
        }
        for _ in range(ROUNDS + WARMING_UP)
    ]
    found = {name: median(one[name] for one in rounds[WARMING_UP:]) for name in clients}
    found["ratio"] = found["kept"] / found["forgotten"]
    return {name: round(value, 2) for name, value in found.items()}


def main() -> None:
    """Print the figures as JSON."""
    print(json.dumps(asyncio.run(measure()), ensure_ascii=False, indent=2))


if __name__ == "__main__":
    typer.run(main)
