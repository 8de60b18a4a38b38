"""What is told, as a worker would tell it."""

from typing import Any

from fastapi import FastAPI
from httpx import AsyncClient

from app.notices import operations
from app.scopes import Scope, within


async def tell(app: FastAPI) -> None:
    async with within(app.state.sessions, Scope.SERVICE).begin() as session:
        await operations.tell(session)


async def inbox(client: AsyncClient, **query: Any) -> list[dict[str, Any]]:
    """The notices, first one first."""
    answer = await client.get("/notices", params={"sort": "created_at"} | query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def kinds(client: AsyncClient) -> list[str]:
    return [notice["kind"] for notice in await inbox(client)]
