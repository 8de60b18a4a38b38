"""What a request costs beside refused ones, whose transactions were undone on its connection.

Asked are two services in this process, in turns, on one PostgreSQL: as it is, and with connections
as the driver makes them, which forget what they have prepared (app.postgres.prepared_statements).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median
from time import perf_counter
from uuid import uuid4

import typer
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy import Engine, event
from sqlalchemy.ext.asyncio import AsyncEngine

from scripts.load.demonstration import demonstrated

ROUNDS, WARMING_UP, READS = 8, 2, 120
READS_TO_A_REFUSAL = (10, 60)
KEPT, FORGOTTEN = "kept", "forgotten"


@asynccontextmanager
async def clients() -> AsyncIterator[dict[str, AsyncClient]]:
    """A coordinator's clients of the two services."""
    async with AsyncExitStack() as running:
        demonstration = await running.enter_async_context(demonstrated())
        kept, forgotten = [
            await running.enter_async_context(demonstration.service()) for _ in range(2)
        ]
        event.listen(engine_of(forgotten), "do_connect", _as_the_driver_does)
        yield {
            name: await running.enter_async_context(_client(app, demonstration.token(app)))
            for name, app in ((KEPT, kept), (FORGOTTEN, forgotten))
        }


def engine_of(app: FastAPI) -> Engine:
    engine: AsyncEngine = app.state.sessions.kw["bind"]
    return engine.sync_engine


def _as_the_driver_does(
    dialect: object, record: object, arguments: object, options: dict[str, object]
) -> None:
    del options["async_creator_fn"]


def _client(app: FastAPI, token: str) -> AsyncClient:
    return AsyncClient(
        transport=ASGITransport(app=app),
        base_url="http://service/api/v1",
        headers={"Authorization": f"Bearer {token}"},
    )


async def milliseconds(client: AsyncClient, ids: list[str], *, refused_every: int) -> float:
    """Of a request: reads, and after every so many one that is refused, one after the other."""
    count, start = 0, perf_counter()
    for number in range(READS):
        path = f"/demands/{ids[number % len(ids)]}" if number % 2 else "/demands?limit=10"
        (await client.get(path)).raise_for_status()
        count += 1
        if number % refused_every == 0:
            refused = await client.get(f"/demands/{uuid4()}")
            assert refused.status_code == 404
            count += 1
    return 1e3 * (perf_counter() - start) / count


async def measure() -> dict[str, dict[str, float]]:
    """By how many reads there are to a refusal: medians, and their ratio."""
    async with clients() as asked:
        page = (await asked[KEPT].get("/demands?limit=20")).json()
        ids = [item["id"] for item in page["items"]]
        return {
            f"{every} reads": await _compared(asked, ids, refused_every=every)
            for every in READS_TO_A_REFUSAL
        }


async def _compared(
    asked: Mapping[str, AsyncClient], ids: list[str], *, refused_every: int
) -> dict[str, float]:
    rounds = []
    for number in range(WARMING_UP + ROUNDS):
        names = sorted(asked, reverse=bool(number % 2))  # in turns the first
        rounds.append(
            {n: await milliseconds(asked[n], ids, refused_every=refused_every) for n in names}
        )
    found = {name: median(one[name] for one in rounds[WARMING_UP:]) for name in asked}
    found["ratio"] = found[KEPT] / found[FORGOTTEN]
    return {name: round(value, 2) for name, value in found.items()}


def main() -> None:
    """Print the figures as JSON."""
    print(json.dumps(asyncio.run(measure()), ensure_ascii=False, indent=2))


if __name__ == "__main__":
    typer.run(main)
