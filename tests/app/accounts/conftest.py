"""A provider to sign in with, and an application that knows it."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from fastapi import FastAPI

from app.accounts.providers import ProviderClients, open_providers
from app.interface.sign_in_providers import SignInProvider
from app.settings import Settings
from tests.app.accounts.identity_provider import CLIENT_ID, CLIENT_SECRET, REDIRECT_URI

PROJECT = Path(__file__).resolve().parents[3]


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
        seen: list[str] = httpx.put(f"{self.issuer}/control", json=told).json()
        return seen

    async def visit(self, url: str) -> dict[str, str]:
        """What a browser brings back that is sent to the provider."""
        async with httpx.AsyncClient() as browser:
            answer = await browser.get(url)
        assert answer.status_code == 302, answer.text
        address, _, query = answer.headers["location"].partition("?")
        assert address == REDIRECT_URI
        return dict(parse_qsl(query))


@pytest.fixture(scope="module")
def _provider_process() -> Iterator[ProviderProcess]:
    command = [sys.executable, "-m", "tests.app.accounts.identity_provider"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        assert process.stdout is not None
        yield ProviderProcess(issuer=process.stdout.readline().strip(), process=process)
        process.kill()


@pytest.fixture
def provider(_provider_process: ProviderProcess) -> ProviderProcess:
    """Without a fault, and with somebody whom nobody knows."""
    _provider_process.become(sub="person-1")
    return _provider_process


@pytest.fixture
async def clients(
    app: FastAPI, settings: Settings, provider: ProviderProcess
) -> AsyncIterator[ProviderClients]:
    """The application with the provider configured; no account is made for anybody."""
    async with open_providers(with_providers(settings, configured(provider))) as clients:
        app.state.providers = clients
        yield clients


def with_providers(settings: Settings, *providers: SignInProvider) -> Settings:
    return settings.model_copy(update={"sign_in_providers": providers})


def configured(provider: ProviderProcess, **values: Any) -> SignInProvider:
    given = {
        "name": "local",
        "label": "本地身份认证",
        "issuer": provider.issuer,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "redirect_uris": (REDIRECT_URI,),
    }
    return SignInProvider.model_validate(given | values)
