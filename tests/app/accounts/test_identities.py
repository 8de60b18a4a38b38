"""Signing in with a real OpenID Connect provider: linked identities only, and nothing forged."""

import asyncio
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import flows
from app.accounts.identities import MAX_IDENTITIES
from app.accounts.models import Account, Identity, Role
from app.accounts.providers import ProviderClients, open_providers
from app.accounts.secrets import hash_password
from app.accounts.sign_in import end_sign_ins
from app.changes.models import Change
from app.clock import now
from app.settings import Settings
from tests.app.accounts.conftest import ProviderProcess, configured, with_providers
from tests.app.accounts.identity_provider import REDIRECT_URI
from tests.app.audit.entries import entry_of
from tests.people import People

PASSWORD = "correct-horse-42"
START = {"provider": "local", "redirect_uri": REDIRECT_URI}
UNKNOWN = ("identity_unknown", 403)


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


@pytest.fixture
async def person(people: People, session: AsyncSession) -> Account:
    """An expert without a password, so that linking asks for none."""
    return await _without_password(people, session)


@pytest.fixture
async def linked(
    clients: ProviderClients, provider: ProviderProcess, people: People, person: Account
) -> Account:
    answer = await link(await people.client(person), provider)
    assert answer.status_code == 201, answer.text
    return person


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


async def test_a_flow_to_link_is_its_owners(
    clients: ProviderClients,
    client: AsyncClient,
    provider: ProviderProcess,
    people: People,
    session: AsyncSession,
) -> None:
    owner = await people.client(await _without_password(people, session))
    other = await people.client(await _without_password(people, session))
    begun = (await owner.post("/me/identities:start", json=START)).json()
    body = await provider.visit(begun["authorization_url"]) | {"flow": begun["flow"]}
    for refused in (
        await other.post("/me/identities", json=body),
        await finish(client, body),
    ):
        assert refused.json()["errors"][0]["code"] == "bad_flow"
    assert (await owner.post("/me/identities", json=body)).status_code == 201


async def _without_password(people: People, session: AsyncSession) -> Account:
    account = await people.account(Role.EXPERT)
    account.password_hash = ""
    await session.commit()
    return account


async def test_linking_asks_for_the_password(
    clients: ProviderClients, provider: ProviderProcess, people: People, session: AsyncSession
) -> None:
    account = await people.account(Role.EXPERT)
    account.password_hash = await hash_password(PASSWORD)
    await session.commit()
    owner = await people.client(account)
    for wrong in ({}, {"password": None}, {"password": "wrong-horse-42"}):
        answer = await owner.post("/me/identities:start", json=START | wrong)
        assert answer.json()["errors"][0]["pointer"] == "/password"
    assert (await link(owner, provider, PASSWORD)).status_code == 201


async def test_an_identity_belongs_to_one_account(
    provider: ProviderProcess, linked: Account, people: People, session: AsyncSession
) -> None:
    other = await people.client(await _without_password(people, session))
    assert (await link(other, provider)).status_code == 409


async def test_an_unknown_identity_takes_no_account_over(
    app: FastAPI,
    client: AsyncClient,
    settings: Settings,
    provider: ProviderProcess,
    people: People,
    session: AsyncSession,
) -> None:
    """Not even with the e-mail of one, whether accounts may be made for unknown people or not."""
    account = await people.account(Role.ADMINISTRATOR)
    provider.become(sub="stranger", email=account.email.upper(), email_verified=True)
    for role in (None, "expert"):
        known = with_providers(settings, configured(provider, new_accounts=role))
        async with open_providers(known) as app.state.providers:
            assert refusal(await sign_in(client, provider)) == UNKNOWN
    assert await session.scalar(select(func.count()).select_from(Identity)) == 0
    assert await session.scalar(select(func.count()).select_from(Account)) == 1


async def test_unknown_people_are_refused_alike(
    client: AsyncClient, clients: ProviderClients, provider: ProviderProcess, people: People
) -> None:
    account = await people.account(Role.EXPERT)
    answers = []
    for email in (account.email, "nobody@test.invalid"):
        provider.become(sub="stranger", email=email, email_verified=False)
        answers.append((await sign_in(client, provider)).json() | {"request_id": ""})
    assert answers[0] == answers[1]
    assert answers[0]["detail"].startswith("请先用密码登录并关联该身份")


@pytest.mark.parametrize("role", ["enterprise", "expert"])
@pytest.mark.parametrize("is_in_userinfo", [False, True])
async def test_accounts_are_made_where_that_is_allowed(
    app: FastAPI,
    client: AsyncClient,
    settings: Settings,
    provider: ProviderProcess,
    session: AsyncSession,
    role: str,
    is_in_userinfo: bool,
) -> None:
    told = {"email": "New@test.invalid", "email_verified": True, "name": "新人"}
    person = {"sub": str(uuid4())}
    provider.become(**person, **({"userinfo": told} if is_in_userinfo else told))
    known = with_providers(settings, configured(provider, new_accounts=role))
    async with open_providers(known) as app.state.providers:
        first, second = [(await sign_in(client, provider)).json() for _ in range(2)]
    for tokens in (first, second):
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        me = (await client.get("/me", headers=headers)).json()
        assert (me["email"], me["role"]) == ("new@test.invalid", role)
        assert me["has_password"] is False
        assert me["display_name"] == "新人"
    kinds = list(await session.scalars(select(Change.kind).order_by(Change.id)))
    assert kinds == ["account.created", "account.identity_linked"]
    for password in ("", "-", PASSWORD):
        body = {"email": "new@test.invalid", "password": password}
        assert (await client.post("/auth:sign-in", json=body)).status_code == 401


@pytest.mark.parametrize(
    ("fault", "person"),
    [
        (None, {"email": "new@test.invalid", "email_verified": False}),
        (None, {"email": "new@test.invalid", "email_verified": "true"}),
        (None, {"email": "new@test.invalid"}),
        (None, {"email": "no mail", "email_verified": True}),
        (None, {"email_verified": True, "userinfo": {}}),
        ("other userinfo", {"userinfo": {"email": "new@test.invalid", "email_verified": True}}),
    ],
)
async def test_no_account_without_a_verified_email(
    app: FastAPI,
    client: AsyncClient,
    settings: Settings,
    provider: ProviderProcess,
    session: AsyncSession,
    fault: str | None,
    person: dict[str, Any],
) -> None:
    provider.become(fault, sub="stranger", **person)
    known = with_providers(settings, configured(provider, new_accounts="expert"))
    async with open_providers(known) as app.state.providers:
        assert (await sign_in(client, provider)).status_code in (401, 403)
    assert await session.scalar(select(func.count()).select_from(Account)) == 0


async def test_a_shut_account_stays_shut(
    client: AsyncClient, provider: ProviderProcess, linked: Account, session: AsyncSession
) -> None:
    linked.is_active = False
    await session.commit()
    assert refusal(await sign_in(client, provider)) == ("not_signed_in", 401)


async def test_identities_are_listed_and_unlinked(
    client: AsyncClient,
    provider: ProviderProcess,
    linked: Account,
    people: People,
    session: AsyncSession,
) -> None:
    owner, other = await people.client(linked), await people.expert()
    [identity] = (await owner.get("/me/identities")).json()["items"]
    assert (identity["provider"], identity["issuer"]) == ("local", provider.issuer)
    assert (await other.get("/me/identities")).json()["items"] == []
    path = f"/me/identities/{identity['id']}"
    assert (await other.delete(path)).status_code == 404
    last = await owner.delete(path)
    assert last.status_code == 409, "there would be no way in any more"
    await session.refresh(linked)
    linked.password_hash = "-"
    await session.commit()
    assert (await owner.delete(path)).status_code == 204
    assert refusal(await sign_in(client, provider)) == UNKNOWN


async def test_a_reset_unlinks_what_a_thief_of_the_password_linked(
    client: AsyncClient,
    provider: ProviderProcess,
    linked: Account,
    people: People,
    session: AsyncSession,
) -> None:
    assert (await sign_in(client, provider)).status_code == 200
    administrator = await people.administrator()
    other = await people.client(await _without_password(people, session))
    provider.become(sub="somebody else")
    assert (await link(other, provider)).status_code == 201
    issued = await administrator.post(f"/accounts/{linked.id}:issue-password-reset")
    body = {"code": issued.json()["code"], "new_password": PASSWORD}
    assert (await client.post("/auth:reset-password", json=body)).status_code == 204
    assert (await sign_in(client, provider)).status_code == 200, "others keep theirs"
    provider.become(sub="person-1")
    assert refusal(await sign_in(client, provider)) == UNKNOWN
    told = select(Change.subject_id).where(Change.kind == "account.identity_unlinked")
    assert (await session.scalars(told)).all() == [linked.id]
    tokens = (
        await client.post("/auth:sign-in", json={"email": linked.email, "password": PASSWORD})
    ).json()
    client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    assert (await client.get("/me/identities")).json()["items"] == []
    assert (await link(client, provider, PASSWORD)).status_code == 201


async def test_nothing_is_linked_beside_a_reset(
    clients: ProviderClients,
    provider: ProviderProcess,
    people: People,
    person: Account,
    session: AsyncSession,
) -> None:
    """It would have been read too early to be unlinked."""
    owner = await people.client(person)
    begun = (await owner.post("/me/identities:start", json=START)).json()
    body = await provider.visit(begun["authorization_url"]) | {"flow": begun["flow"]}
    await end_sign_ins(session, person)
    await session.flush()  # as a reset does, which holds the account
    linking = asyncio.create_task(owner.post("/me/identities", json=body))
    await asyncio.wait([linking], timeout=0.5)
    await session.commit()
    assert (await linking).status_code == 401
    assert await session.scalar(select(func.count()).select_from(Identity)) == 0


async def test_two_at_once_leave_a_way_in(
    linked: Account, people: People, session: AsyncSession
) -> None:
    session.add(Identity(account_id=linked.id, issuer="https://other.test", subject="1"))
    await session.commit()
    owner = await people.client(linked)
    [first, second] = (await owner.get("/me/identities")).json()["items"]
    held = select(Identity.id).where(Identity.id == first["id"])
    await session.execute(held.with_for_update())
    unlinking = []
    for identity in (first, second):  # the first has counted, and waits for the test
        answer = asyncio.create_task(owner.delete(f"/me/identities/{identity['id']}"))
        await asyncio.wait([answer], timeout=0.5)
        unlinking.append(answer)
    await session.commit()
    answers = await asyncio.gather(*unlinking)
    assert [answer.status_code for answer in answers] == [204, 409]


async def test_two_at_once_are_counted_one_after_the_other(
    clients: ProviderClients,
    provider: ProviderProcess,
    people: People,
    person: Account,
    session: AsyncSession,
) -> None:
    most = [
        Identity(account_id=person.id, issuer="https://other.test", subject=str(number))
        for number in range(MAX_IDENTITIES - 1)
    ]
    session.add_all(most)
    await session.commit()
    owner = await people.client(person)
    held = select(Account.id).where(Account.id == person.id)
    await session.execute(held.with_for_update())
    linking = []
    for subject in ("person-1", "person-2"):
        provider.become(sub=subject)
        begun = (await owner.post("/me/identities:start", json=START)).json()
        body = await provider.visit(begun["authorization_url"]) | {"flow": begun["flow"]}
        answer = asyncio.create_task(owner.post("/me/identities", json=body))
        await asyncio.wait([answer], timeout=0.5)  # it waits for the test
        linking.append(answer)
    await session.commit()
    answers = await asyncio.gather(*linking)
    assert [answer.status_code for answer in answers] == [201, 409]


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
