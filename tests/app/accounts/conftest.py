"""A provider to sign in with, and an application that knows it."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account
from app.accounts.providers import ProviderClients, open_providers
from app.interface.sign_in_providers import SignInProvider
from app.settings import Settings
from tests.app.accounts.identity_provider import CLIENT_ID, CLIENT_SECRET, REDIRECT_URI
from tests.app.accounts.provider_sign_in import ProviderProcess, link, without_password
from tests.people import People

PROJECT = Path(__file__).resolve().parents[3]


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


@pytest.fixture
async def person(people: People, session: AsyncSession) -> Account:
    """An expert without a password, so that linking asks for none."""
    return await without_password(people, session)


@pytest.fixture
async def linked(
    clients: ProviderClients, provider: ProviderProcess, people: People, person: Account
) -> Account:
    answer = await link(await people.client(person), provider)
    assert answer.status_code == 201, answer.text
    return person
