"""Linking a provider's identity to an account, and unlinking it."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.identities import MAX_IDENTITIES
from app.accounts.models import Account, Identity, Role
from app.accounts.providers import ProviderClients, open_providers
from app.accounts.secrets import hash_password
from app.accounts.sign_in import end_sign_ins
from app.changes.models import Change
from app.settings import Settings
from tests.app.accounts.conftest import configured, with_providers
from tests.app.accounts.provider_sign_in import (
    PASSWORD,
    START,
    UNKNOWN,
    ProviderProcess,
    finish,
    link,
    refusal,
    sign_in,
    without_password,
)
from tests.people import People


async def test_a_flow_to_link_is_its_owners(
    clients: ProviderClients,
    client: AsyncClient,
    provider: ProviderProcess,
    people: People,
    session: AsyncSession,
) -> None:
    owner = await people.client(await without_password(people, session))
    other = await people.client(await without_password(people, session))
    begun = (await owner.post("/me/identities:start", json=START)).json()
    body = await provider.visit(begun["authorization_url"]) | {"flow": begun["flow"]}
    for refused in (
        await other.post("/me/identities", json=body),
        await finish(client, body),
    ):
        assert refused.json()["errors"][0]["code"] == "bad_flow"
    assert (await owner.post("/me/identities", json=body)).status_code == 201


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
    other = await people.client(await without_password(people, session))
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
        (None, {"email": "somebody@erased.invalid", "email_verified": True}),
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
    other = await people.client(await without_password(people, session))
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
