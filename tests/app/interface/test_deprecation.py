"""A route or parameter that will go away says so in every answer and in the document."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from app.interface.deprecation import Deprecation, deprecated
from app.interface.errors import NotFound
from app.interface.routing import DomainRouter
from app.main import create_app
from app.settings import Settings

WHOLE = Deprecation(
    deprecated_at=datetime(2026, 1, 1, tzinfo=UTC),
    sunset_at=datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
    link="/docs#/experts",
)
PARAMETER = Deprecation(
    deprecated_at=datetime(2026, 1, 1, tzinfo=UTC), link="/docs", parameter="colour"
)
FIELDS = ("deprecation", "sunset", "link")


@pytest.fixture
def probed(settings: Settings) -> FastAPI:
    """The service with two routes more."""
    router = DomainRouter("health")

    @router.get("/old")
    @deprecated(WHOLE)
    async def read_old(fails: bool = False) -> dict[str, str]:
        """旧路径 · Goes away."""
        if fails:
            raise NotFound()
        return {}

    @router.get("/probe")
    @deprecated(PARAMETER)
    async def read_probe(colour: str = "", size: int = 1) -> dict[str, str]:
        """旧参数 · Its colour goes away."""
        return {}

    app = create_app(settings)
    app.include_router(router, prefix="/api/v1")
    return app


@pytest.fixture
async def probe(probed: FastAPI) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(app=probed)
    async with AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        yield client


async def test_every_answer_of_a_deprecated_route_says_so(probe: AsyncClient) -> None:
    for path, status in (("/old", 200), ("/old?fails=1", 404), ("/old?fails=?", 422)):
        answer = await probe.get(path)
        assert answer.status_code == status
        assert answer.headers["deprecation"] == "@1767225600"
        assert answer.headers["sunset"] == "Thu, 31 Dec 2026 23:59:59 GMT"
        link = answer.headers["link"]
        assert link == '</docs#/experts>; rel="deprecation"; type="text/html"'


async def test_a_deprecated_parameter_is_named_only_to_those_who_use_it(
    probe: AsyncClient,
) -> None:
    unaffected = await probe.get("/probe?size=2")
    assert not set(FIELDS) & set(unaffected.headers)
    affected = await probe.get("/probe?colour=red")
    assert affected.headers["deprecation"] == "@1767225600"
    assert "sunset" not in affected.headers


def test_the_document_shows_it(probed: FastAPI) -> None:
    paths = probed.openapi()["paths"]
    old, new = paths["/api/v1/old"]["get"], paths["/api/v1/probe"]["get"]
    assert old["deprecated"] is True
    assert "deprecated" not in new
    assert {p["name"]: p.get("deprecated", False) for p in new["parameters"]} == {
        "colour": True,
        "size": False,
    }
    for status in ("200", "422"):
        named = {name.lower() for name in old["responses"][status]["headers"]}
        assert set(FIELDS) <= named
    others = [o for p, methods in paths.items() for o in methods.values() if p != "/api/v1/old"]
    assert not any(operation.get("deprecated") for operation in others)
