"""What a request costs the processor, against a bare FastAPI "hello" and a read of one row.

All are asked in this process, without a server or a client around them, in turns, on one
PostgreSQL; what counts is the processor time of this process, which others' work on the machine
does not change.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import median
from time import process_time
from typing import Annotated, Any

import typer
from fastapi import Depends, FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.reference.models import Region
from app.scopes import create_sessions
from scripts.load.demonstration import demonstrated

ROUNDS, REQUESTS = 20, 40
HELLO, ONE_ROW = "hello", "one row"
# As many at once as by default, so that as many ask; the window lets the measurement go on.
LIMITS = "reads=1200/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One read of one application."""

    app: FastAPI
    path: str
    token: str = ""
    query: str = ""

    async def milliseconds(self) -> float:
        """Processor time of one answer."""
        start = process_time()
        for _ in range(REQUESTS):
            await self.app(self._scope(), _no_body, _require_success)
        return 1e3 * (process_time() - start) / REQUESTS

    def _scope(self) -> dict[str, Any]:
        return {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": self.query.encode(),
            "headers": [(b"authorization", f"Bearer {self.token}".encode())],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }


async def _no_body() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _require_success(message: Any) -> None:
    if message["type"] == "http.response.start" and message["status"] != 200:
        raise RuntimeError(f"the service answers {message['status']}")


def hello() -> FastAPI:
    """As little as FastAPI can do."""
    app = FastAPI()

    @app.get("/")
    async def greet() -> dict[str, str]:
        return {"hello": "world"}

    return app


def one_row(engine: AsyncEngine) -> FastAPI:
    """A row of a table by its key, without sign-in or anything else."""
    app, sessions = FastAPI(), create_sessions(engine)

    async def get_session() -> AsyncIterator[AsyncSession]:
        async with sessions() as session:
            yield session

    @app.get("/")
    async def read(session: Annotated[AsyncSession, Depends(get_session)]) -> dict[str, str]:
        region = await session.get_one(Region, "330782")
        return {"code": region.code, "name": region.name}

    return app


@asynccontextmanager
async def all_asked() -> AsyncIterator[dict[str, Asked]]:
    """The two bare applications, and reads of the service on the demonstration pool."""
    async with AsyncExitStack() as running:
        demonstration = await running.enter_async_context(demonstrated())
        limited, free = [
            await running.enter_async_context(demonstration.service(limits))
            for limits in (LIMITS, "off")
        ]
        token = demonstration.token(limited)

        def read(path: str, query: str = "", app: FastAPI = limited) -> Asked:
            return Asked(app=app, path=f"/api/v1{path}", query=query, token=token)

        yield {
            HELLO: Asked(app=hello(), path="/"),
            ONE_ROW: Asked(app=one_row(demonstration.engine), path="/"),
            "own account": read("/me"),
            "own account, without rate limits": read("/me", app=free),
            "50 experts": read("/experts"),
            "20 experts found": read("/experts", "limit=20&text=%E6%9F%93%E8%89%B2"),
        }


async def measure() -> dict[str, dict[str, float]]:
    """Of each: requests in a second of processor time, and how many bare ones that time does."""
    async with all_asked() as asked:
        rounds = [
            {name: await one.milliseconds() for name, one in asked.items()} for _ in range(ROUNDS)
        ]
    return {
        name: {
            "per_cpu_second": round(1e3 / median(times[name] for times in rounds)),
            "hellos": round(median(times[name] / times[HELLO] for times in rounds), 2),
            "rows": round(median(times[name] / times[ONE_ROW] for times in rounds), 2),
        }
        for name in asked
    }


def main() -> None:
    """Print the figures as JSON."""
    print(json.dumps(asyncio.run(measure()), ensure_ascii=False, indent=2))


if __name__ == "__main__":
    typer.run(main)
