"""Whose word counts for where a request comes from."""

from collections import Counter
from typing import Any, cast

import pytest
from httpx import ASGITransport, AsyncClient
from sqlalchemy import URL

from app.main import create_app, services
from app.processes.server import config_of
from app.settings import Settings

PROXY, ELSEWHERE = "10.1.2.3", "192.0.2.1"


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
