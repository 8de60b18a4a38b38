"""Signing in with a real OpenID Connect provider: linked identities only, and nothing forged."""

import asyncio
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import flows
from app.accounts.models import Account
from app.accounts.providers import ProviderClients, open_providers
from app.clock import now
from app.settings import Settings
from tests.app.accounts.conftest import configured, with_providers
from tests.app.accounts.identity_provider import REDIRECT_URI
from tests.app.accounts.provider_sign_in import (
    START,
    ProviderProcess,
    back,
    finish,
    refusal,
    sign_in,
    start,
)
from tests.app.audit.entries import entry_of
from tests.people import People


async def test_providers_are_listed_without_secrets(
    client: AsyncClient, clients: ProviderClients
) -> None:
    answer = await client.get("/auth/providers")
    assert answer.json() == {"items": [{"name": "local", "label": "本地身份认证"}]}


async def test_sign_in(
    client: AsyncClient, provider: ProviderProcess, linked: Account, session: AsyncSession
) -> None:
    answer = await sign_in(client, provider)
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    me = (await client.get("/me", headers=headers)).json()
    assert (me["id"], me["signed_in_at"] is not None) == (str(linked.id), True)
    refresh = {"refresh_token": tokens["refresh_token"]}
    assert (await client.post("/auth:refresh", json=refresh)).status_code == 200
    for action in ("POST /auth:finish-with-provider", "POST /auth:refresh"):
        assert (await entry_of(session, action)).account_id == linked.id


async def test_the_authorization_url_asks_for_pkce_state_and_nonce(
    client: AsyncClient, clients: ProviderClients
) -> None:
    first, second = await start(client), await start(client)
    asked, other = (parse_qs(urlsplit(s["authorization_url"]).query) for s in (first, second))
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["scope"] == ["openid email profile"]
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[name][0]) == 43
        assert asked[name] != other[name]
        assert asked[name][0] not in first["flow"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"provider": "elsewhere"}, "/provider"),
        ({"redirect_uri": "https://evil.invalid/back"}, "/redirect_uri"),
        ({"redirect_uri": REDIRECT_URI + "/../evil"}, "/redirect_uri"),
    ],
)
async def test_only_what_is_configured(
    client: AsyncClient, clients: ProviderClients, change: dict[str, str], pointer: str
) -> None:
    answer = await client.post("/auth:start-with-provider", json=START | change)
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    "fault",
    [
        *("wrong nonce", "no nonce", "wrong audience", "no aud", "two audiences", "other party"),
        *("wrong issuer", "expired", "no exp", "from the future", "no sub", "wrong access token"),
        *("none algorithm", "shared secret", "public key as a secret", "forged"),
        *("changed afterwards", "no token"),
    ],
)
async def test_what_the_provider_says_must_hold(
    client: AsyncClient, provider: ProviderProcess, linked: Account, fault: str
) -> None:
    provider.become(fault)
    assert refusal(await sign_in(client, provider)) == ("not_attested", 401)
    provider.become()
    assert (await sign_in(client, provider)).status_code == 200


@pytest.mark.parametrize("kind", ["RSA", "EC"])
async def test_changed_keys_are_fetched_once(
    client: AsyncClient, provider: ProviderProcess, linked: Account, kind: str
) -> None:
    assert (await sign_in(client, provider)).status_code == 200
    assert (await sign_in(client, provider)).status_code == 200
    assert provider.become(new_key=kind).count("/jwks") <= 1
    for _ in range(2):
        assert (await sign_in(client, provider)).status_code == 200
    seen = provider.become()
    assert (seen.count("/jwks"), seen.count("/token")) == (1, 2)
    assert "/.well-known/openid-configuration" not in seen


@pytest.mark.parametrize("fault", ["error", "html"])
async def test_a_broken_provider(
    client: AsyncClient, provider: ProviderProcess, linked: Account, fault: str
) -> None:
    body = await back(client, provider)
    provider.become(fault)
    answer = await finish(client, body)
    assert refusal(answer) == ("provider_unavailable", 503)
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize("fault", ["error", "html", "other description"])
async def test_a_provider_that_does_not_describe_itself(
    client: AsyncClient, clients: ProviderClients, provider: ProviderProcess, fault: str
) -> None:
    provider.become(fault)
    answer = await client.post("/auth:start-with-provider", json=START)
    assert refusal(answer) == ("provider_unavailable", 503)
    provider.become()
    assert await start(client), "a broken description is not kept"


async def test_a_hanging_provider_holds_few_and_not_for_long(
    app: FastAPI,
    client: AsyncClient,
    settings: Settings,
    provider: ProviderProcess,
    people: People,
) -> None:
    known = with_providers(settings, configured(provider))
    short = known.model_copy(update={"provider_timeout_seconds": 1.0})
    async with open_providers(short) as app.state.providers:
        bodies = [await back(client, provider) for _ in range(30)]
        provider.become("hang")
        began = time.monotonic()
        waiting = asyncio.gather(*(finish(client, body) for body in bodies))
        administrator = await people.administrator()
        assert (await administrator.get("/accounts")).status_code == 200
        answers = await waiting
        assert time.monotonic() - began < 8
    assert {refusal(answer) for answer in answers} == {("provider_unavailable", 503)}


async def test_a_provider_that_is_away(
    app: FastAPI, client: AsyncClient, settings: Settings, provider: ProviderProcess
) -> None:
    nowhere = configured(provider, issuer="http://127.0.0.1:1")
    async with open_providers(with_providers(settings, nowhere)) as app.state.providers:
        answer = await client.post("/auth:start-with-provider", json=START)
    assert refusal(answer) == ("provider_unavailable", 503)


async def test_a_code_serves_once(
    client: AsyncClient, provider: ProviderProcess, linked: Account
) -> None:
    body = await back(client, provider)
    assert (await finish(client, body)).status_code == 200
    assert refusal(await finish(client, body)) == ("not_attested", 401)


async def test_nobody_finishes_what_another_began(
    client: AsyncClient, provider: ProviderProcess, linked: Account
) -> None:
    """Somebody who is lured to `code` and `state` of the attacker's would be signed in as them."""
    attackers, victims = await back(client, provider), await start(client)
    answer = await finish(client, attackers | {"flow": victims["flow"]})
    assert [error["code"] for error in answer.json()["errors"]] == ["bad_state"]
    swapped = await back(client, provider)
    answer = await finish(client, swapped | {"code": attackers["code"]})
    assert refusal(answer) == ("not_attested", 401), "PKCE and nonce bind the code to its flow"


@pytest.mark.parametrize("iss", [None, "https://elsewhere.invalid"])
async def test_the_code_of_another_provider(
    client: AsyncClient, provider: ProviderProcess, linked: Account, iss: str | None
) -> None:
    body = await back(client, provider) | {"iss": iss}
    assert refusal(await finish(client, body)) == ("not_attested", 401)


async def test_flows_are_sealed_and_end(
    client: AsyncClient,
    provider: ProviderProcess,
    linked: Account,
    people: People,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = await back(client, provider)
    flow = body["flow"]
    changed = [flow[:-2] + ("AA" if flow[-2:] != "AA" else "BB"), "x" * 100, flow + "AAAA"]
    for forged in changed:
        answer = await finish(client, body | {"flow": forged})
        assert [error["code"] for error in answer.json()["errors"]] == ["bad_flow"]
    owner = await people.client(linked)
    answer = await owner.post("/me/identities", json=body)
    assert answer.json()["errors"][0]["code"] == "bad_flow", "a sign-in links nothing"
    later = now() + flows.LIFETIME
    monkeypatch.setattr("app.accounts.flows.now", lambda: later)
    assert (await finish(client, body)).json()["errors"][0]["code"] == "bad_flow"


async def test_of_a_changed_issuer_the_identity_remains(
    app: FastAPI, linked: Account, people: People, settings: Settings
) -> None:
    async with open_providers(settings) as app.state.providers:
        owner = await people.client(linked)
        [identity] = (await owner.get("/me/identities")).json()["items"]
    assert identity["provider"] is None


@pytest.mark.parametrize(
    "values",
    [
        {"issuer": "http://provider.test"},
        {"issuer": "provider"},
        {"scopes": "email"},
        {"redirect_uris": ()},
        {"new_accounts": "administrator"},
        {"name": "Two Words"},
        {"secret": "misspelt"},
    ],
)
def test_settings_of_a_provider_are_checked(values: dict[str, Any]) -> None:
    right = ProviderProcess(issuer="https://provider.test", process=None)  # type: ignore[arg-type]
    assert configured(right)
    with pytest.raises(ValueError, match=next(iter(values))):
        configured(right, **values)


def test_providers_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    one = (
        '{"name": "%s", "label": "甲", "issuer": "https://%s.test", "client_id": "c",'
        ' "client_secret": "hunter2", "redirect_uris": ["https://app.test/back"]}'
    )
    monkeypatch.setenv("SIGN_IN_PROVIDERS", f"[{one % ('a', 'a')}, {one % ('b', 'b')}]")
    settings = Settings(_env_file=None)
    assert settings.issuers == ["https://a.test", "https://b.test"]
    assert "hunter2" not in repr(settings)
    for twice in (("a", "a"), ("c", "a"), ("a", "c")):
        monkeypatch.setenv("SIGN_IN_PROVIDERS", f"[{one % ('a', 'a')}, {one % twice}]")
        with pytest.raises(ValueError, match="one provider twice"):
            Settings(_env_file=None)
