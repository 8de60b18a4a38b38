"""A provider as tests handle it, and the steps of signing in with it and linking its identity."""

import subprocess
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, Role
from app.trust import trusted
from tests.app.accounts.identity_provider import REDIRECT_URI
from tests.people import People

PASSWORD = "correct-horse-42"
START = {"provider": "local", "redirect_uri": REDIRECT_URI}
UNKNOWN = ("identity_unknown", 403)


@dataclass(kw_only=True)
class ProviderProcess:
    """The provider as the tests handle it."""

    issuer: str
    process: subprocess.Popen[str]
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "person-1"})

    def become(self, fault: str | None = None, *, new_key: str = "", **person: Any) -> list[str]:
        """Set the fault and who signs in next; the requests that came since the last time."""
        self.person = person or self.person
        told = {"fault": fault, "person": self.person, "new_key": new_key}
        seen: list[str] = httpx.put(f"{self.issuer}/control", json=told, verify=trusted()).json()
        return seen

    async def visit(self, url: str) -> dict[str, str]:
        """What a browser brings back that is sent to the provider."""
        async with httpx.AsyncClient(verify=trusted()) as browser:
            answer = await browser.get(url)
        assert answer.status_code == 302, answer.text
        address, _, query = answer.headers["location"].partition("?")
        assert address == REDIRECT_URI
        return dict(parse_qsl(query))


async def start(client: AsyncClient) -> dict[str, Any]:
    answer = await client.post("/auth:start-with-provider", json=START)
    assert answer.status_code == 200, answer.text
    begun: dict[str, Any] = answer.json()
    return begun


async def back(client: AsyncClient, provider: ProviderProcess) -> dict[str, Any]:
    """The body of the finish, as an honest client would send it."""
    begun = await start(client)
    return await provider.visit(begun["authorization_url"]) | {"flow": begun["flow"]}


async def sign_in(client: AsyncClient, provider: ProviderProcess) -> Response:
    return await finish(client, await back(client, provider))


async def finish(client: AsyncClient, body: dict[str, Any]) -> Response:
    return await client.post("/auth:finish-with-provider", json=body)


async def link(
    client: AsyncClient, provider: ProviderProcess, password: str | None = None
) -> Response:
    begun = (await client.post("/me/identities:start", json=START | {"password": password})).json()
    body = await provider.visit(begun["authorization_url"]) | {"flow": begun["flow"]}
    return await client.post("/me/identities", json=body)


def refusal(answer: Response) -> tuple[str, int]:
    return answer.json()["code"], answer.status_code


async def without_password(people: People, session: AsyncSession) -> Account:
    account = await people.account(Role.EXPERT)
    account.password_hash = ""
    await session.commit()
    return account
