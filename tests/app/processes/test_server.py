"""Whose word counts for where a request comes from."""

import asyncio
import socket
from collections import Counter
from typing import Any, cast

import pytest
import uvicorn
from httpx import ASGITransport, AsyncClient
from sqlalchemy import URL

from app.main import create_app, services
from app.processes.server import config_of
from app.settings import Settings

PROXY, ELSEWHERE = "10.1.2.3", "192.0.2.1"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


async def statuses_of(
    settings: Settings, service_database: URL, peer: str, claims: list[str]
) -> list[int]:
    """Answers to requests of one peer that names another client each time."""
    config = config_of(create_app(settings))
    config.load()
    transport = ASGITransport(app=cast(Any, config.loaded_app), client=(peer, 1))
    async with (
        services(cast(Any, config.app), service_database),
        AsyncClient(transport=transport, base_url="http://test/api/v1") as client,
    ):
        return [
            (await client.get("/countries", headers={"X-Forwarded-For": claim})).status_code
            for claim in claims
        ]


@pytest.mark.parametrize(
    ("trusted", "peer", "passed"),
    [
        ((), PROXY, 2),
        ((PROXY,), PROXY, 5),
        (("10.0.0.0/8",), PROXY, 5),
        ((PROXY,), ELSEWHERE, 2),
    ],
)
async def test_only_configured_proxies_are_believed(
    settings: Settings,
    service_database: URL,
    monkeypatch: pytest.MonkeyPatch,
    trusted: tuple[str, ...],
    peer: str,
    passed: int,
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # uvicorn would read it by itself
    changed = {"rate_limits": "reads=2/3600", "forwarded_allow_ips": trusted}
    claims = [f"203.0.113.{n}" for n in range(5)]
    found = await statuses_of(settings.model_copy(update=changed), service_database, peer, claims)
    assert Counter(found) == Counter([200] * passed + [429] * (5 - passed))


async def test_what_a_client_wrote_before_its_proxy_did_is_not_believed(
    settings: Settings, service_database: URL
) -> None:
    changed = {"rate_limits": "reads=2/3600", "forwarded_allow_ips": (PROXY,)}
    claims = [f"203.0.113.{n}, {ELSEWHERE}" for n in range(5)]
    found = await statuses_of(settings.model_copy(update=changed), service_database, PROXY, claims)
    assert Counter(found) == Counter({200: 2, 429: 3})


async def test_an_upgrade_is_a_request_like_any_other(settings: Settings) -> None:
    """A library for WebSockets that happens to be there does not answer it past our middleware."""
    config = config_of(create_app(settings))
    config.lifespan = "off"
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        serving = asyncio.create_task(server._serve([listener]))
        async with AsyncClient(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
            answer = await client.get("/nowhere", headers=UPGRADE)
        server.should_exit = True
        await serving
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "x-request-id" in answer.headers
