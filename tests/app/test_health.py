"""Ready is who can serve the next request; alive is who answers."""

from fastapi import FastAPI
from httpx import AsyncClient


async def test_a_service_that_stops_is_alive_and_not_ready(
    app: FastAPI, client: AsyncClient
) -> None:
    assert (await client.get("http://test/readyz")).status_code == 200
    app.state.is_stopping = True
    try:
        refused = await client.get("http://test/readyz")
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
        assert (await client.get("http://test/livez")).status_code == 200
        assert (await client.get("/countries", params={"limit": 1})).status_code == 200
    finally:
        app.state.is_stopping = False
