"""Signing in, the rotating chain of refresh tokens, and how it ends."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import jwt
import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from pwdlib import PasswordHash
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import sign_in as operations
from app.accounts.models import Account, RefreshToken, Role
from app.accounts.secrets import ALGORITHM, ISSUER, LEEWAY, hash_password
from app.clock import now
from app.scopes import Scope, within
from app.settings import Settings
from tests.people import People

EMAIL, PASSWORD, OTHER_PASSWORD = "li@test.invalid", "correct-horse-42", "another-horse-43"


@pytest.fixture
async def account(session: AsyncSession) -> Account:
    account = Account(
        email=EMAIL,
        display_name="李",
        role=Role.ENTERPRISE,
        password_hash=await hash_password(PASSWORD),
        is_active=True,
    )
    session.add(account)
    await session.commit()
    return account


async def sign_in(client: AsyncClient, password: str = PASSWORD, email: str = EMAIL) -> Response:
    return await client.post("/auth:sign-in", json={"email": email, "password": password})


async def refresh(client: AsyncClient, token: str) -> Response:
    return await client.post("/auth:refresh", json={"refresh_token": token})


async def me(client: AsyncClient, token: str) -> int:
    answer = await client.get("/me", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code


async def test_sign_in(client: AsyncClient, account: Account) -> None:
    answer = await sign_in(client)
    assert answer.status_code == 200
    tokens = answer.json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 15 * 60
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    body = (await client.get("/me", headers=headers)).json()
    assert body["id"] == str(account.id)
    assert body["signed_in_at"] is not None
    assert "password_hash" not in body


def test_a_stolen_hash_is_dear_to_guess_from(strong_hasher: PasswordHash) -> None:
    assert strong_hasher.hash(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


async def test_a_password_that_cannot_be_encoded(client: AsyncClient, account: Account) -> None:
    raw = f'{{"email": "{EMAIL}", "password": "\\ud800"}}'
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/auth:sign-in", content=raw, headers=headers)
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/password", "string_unicode")


async def test_email_is_the_same_in_capitals(client: AsyncClient, account: Account) -> None:
    assert (await sign_in(client, email=EMAIL.upper())).status_code == 200


async def test_wrong_password_unknown_email_and_shut_account_look_alike(
    client: AsyncClient, account: Account, session: AsyncSession
) -> None:
    wrong = await sign_in(client, "wrong-horse-42")
    unknown = await sign_in(client, email="nobody@test.invalid")
    account.is_active = False
    await session.commit()
    shut = await sign_in(client)
    bodies = [answer.json() | {"request_id": ""} for answer in (wrong, unknown, shut)]
    assert bodies[0] == bodies[1] == bodies[2]
    assert [answer.status_code for answer in (wrong, unknown, shut)] == [401] * 3


async def test_parallel_sign_ins_are_not_in_each_others_way(
    client: AsyncClient, account: Account
) -> None:
    answers = await asyncio.gather(*(sign_in(client) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4


async def test_refresh_rotates(client: AsyncClient, account: Account) -> None:
    first = (await sign_in(client)).json()
    second = (await refresh(client, first["refresh_token"])).json()
    third = (await refresh(client, second["refresh_token"])).json()
    assert len({t["refresh_token"] for t in (first, second, third)}) == 3
    assert await me(client, third["access_token"]) == 200


async def test_reused_token_ends_the_chain_for_good(
    client: AsyncClient, account: Account, session: AsyncSession
) -> None:
    first = (await sign_in(client)).json()
    second = (await refresh(client, first["refresh_token"])).json()
    reused = await refresh(client, first["refresh_token"])
    assert (reused.status_code, reused.json()["code"]) == (401, "token_reused")
    ended = await refresh(client, second["refresh_token"])
    assert (ended.status_code, ended.json()["code"]) == (401, "not_signed_in")
    links = await session.scalars(select(RefreshToken))
    assert all(link.revoked_at is not None for link in links)


async def test_reuse_leaves_other_sign_ins_alone(client: AsyncClient, account: Account) -> None:
    telephone, computer = (await sign_in(client)).json(), (await sign_in(client)).json()
    await refresh(client, telephone["refresh_token"])
    assert (await refresh(client, telephone["refresh_token"])).status_code == 401
    assert (await refresh(client, computer["refresh_token"])).status_code == 200


async def test_of_parallel_refreshes_one_wins(client: AsyncClient, account: Account) -> None:
    token = (await sign_in(client)).json()["refresh_token"]
    answers = await asyncio.gather(*(refresh(client, token) for _ in range(5)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200, 401, 401, 401, 401]


async def test_expired_refresh_token(
    client: AsyncClient, account: Account, session: AsyncSession
) -> None:
    token = (await sign_in(client)).json()["refresh_token"]
    await session.execute(update(RefreshToken).values(expires_at=now() - timedelta(seconds=1)))
    await session.commit()
    assert (await refresh(client, token)).status_code == 401


async def test_unknown_refresh_token(client: AsyncClient) -> None:
    assert (await refresh(client, "x" * 43)).status_code == 401
    assert (await refresh(client, "short")).status_code == 422


async def test_sign_out_ends_the_chain(client: AsyncClient, account: Account) -> None:
    first = (await sign_in(client)).json()
    second = (await refresh(client, first["refresh_token"])).json()
    out = {"refresh_token": first["refresh_token"]}
    assert (await client.post("/auth:sign-out", json=out)).status_code == 204
    assert (await client.post("/auth:sign-out", json=out)).status_code == 204
    assert (
        await client.post("/auth:sign-out", json={"refresh_token": "x" * 43})
    ).status_code == 204
    assert (await refresh(client, second["refresh_token"])).status_code == 401


async def test_deactivated_account_is_out_at_once(
    client: AsyncClient, account: Account, session: AsyncSession
) -> None:
    tokens = (await sign_in(client)).json()
    account.is_active = False
    await session.commit()
    assert await me(client, tokens["access_token"]) == 401
    assert (await refresh(client, tokens["refresh_token"])).status_code == 401


async def test_password_change_ends_all_tokens_but_the_new_ones(
    app: FastAPI, client: AsyncClient, account: Account
) -> None:
    elsewhere, here = (await sign_in(client)).json(), (await sign_in(client)).json()
    ahead = app.state.access_tokens.write(account.id, issued_at=now() + LEEWAY)
    headers = {"Authorization": f"Bearer {here['access_token']}"}
    body = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
    changed = await client.post("/me:change-password", json=body, headers=headers)
    assert changed.status_code == 200
    for tokens in (elsewhere, here):
        assert await me(client, tokens["access_token"]) == 401
        assert (await refresh(client, tokens["refresh_token"])).status_code == 401
    assert await me(client, ahead) == 401
    assert await me(client, changed.json()["access_token"]) == 200
    assert (await refresh(client, changed.json()["refresh_token"])).status_code == 200
    assert (await sign_in(client)).status_code == 401
    assert (await sign_in(client, OTHER_PASSWORD)).status_code == 200


async def test_password_change_needs_the_current_one(client: AsyncClient, account: Account) -> None:
    tokens = (await sign_in(client)).json()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    wrong = {"current_password": "wrong-horse-42", "new_password": OTHER_PASSWORD}
    for given in (wrong, wrong | {"current_password": None}, {"new_password": OTHER_PASSWORD}):
        answer = await client.post("/me:change-password", json=given, headers=headers)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/current_password"
    weak = {"current_password": PASSWORD, "new_password": "feeble"}
    answer = await client.post("/me:change-password", json=weak, headers=headers)
    assert answer.json()["errors"][0]["pointer"] == "/new_password"
    assert answer.json()["errors"][0]["detail"] == "不得少于 10 字"
    assert "feeble" not in answer.text
    assert await me(client, tokens["access_token"]) == 200


async def test_who_has_no_password_sets_a_first_one(
    people: People, client: AsyncClient, session: AsyncSession
) -> None:
    """Whoever came through a provider has none; from now on it is asked for."""
    account = await people.account(Role.EXPERT)
    account.password_hash = ""
    await session.commit()
    owner = await people.client(account)
    assert (await sign_in(client, "", account.email)).status_code == 401
    first = await owner.post("/me:change-password", json={"new_password": PASSWORD})
    assert first.status_code == 200, first.text
    assert (await sign_in(client, PASSWORD, account.email)).status_code == 200
    headers = {"Authorization": f"Bearer {first.json()['access_token']}"}
    again = await client.post(
        "/me:change-password", json={"new_password": OTHER_PASSWORD}, headers=headers
    )
    assert again.json()["errors"][0]["code"] == "missing"


async def test_refresh_beside_a_password_change_does_not_survive_it(
    client: AsyncClient, account: Account
) -> None:
    """Whichever comes first, no token of before the change works after it."""
    for _ in range(2):
        tokens = (await sign_in(client)).json()
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        body = {"current_password": PASSWORD, "new_password": PASSWORD}
        changed, token = await asyncio.gather(
            client.post("/me:change-password", json=body, headers=headers),
            _refresh_on_and_on(client, tokens["refresh_token"]),
        )
        assert changed.status_code == 200
        assert (await refresh(client, token)).status_code == 401


async def test_token_issued_while_the_password_changes_ends_with_the_others(
    app: FastAPI, client: AsyncClient, account: Account
) -> None:
    """The change waits for the refresh, or it could not see the token that it must end."""
    token = (await sign_in(client)).json()["refresh_token"]
    tokens = app.state.access_tokens
    sessions = within(app.state.sessions, Scope.SERVICE)
    async with app.state.sessions() as renewing, sessions() as changing:
        issued = await operations.refresh(renewing, tokens, token)
        await renewing.flush()
        changed = await changing.get_one(Account, account.id)
        ending = asyncio.create_task(operations.end_sign_ins(changing, changed))
        await asyncio.sleep(0.5)
        await renewing.commit()
        await ending
        await changing.commit()
    assert (await refresh(client, issued.refresh_token)).status_code == 401


async def _refresh_on_and_on(client: AsyncClient, token: str) -> str:
    """Renew until it is refused; the last token that was handed out."""
    for _ in range(100):
        answer = await refresh(client, token)
        if answer.status_code != 200:
            break
        token = answer.json()["refresh_token"]
    return token


def _forge(key: str = "", **claims: object) -> str:
    moment = now()
    claims = {
        "sub": str(uuid4()),
        "iss": ISSUER,
        "iat": moment,
        "exp": moment + timedelta(minutes=5),
    } | claims
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, key, algorithm=ALGORITHM if key else "none")


async def test_forged_access_tokens(
    client: AsyncClient, account: Account, settings: Settings, app: FastAPI
) -> None:
    key, sub = settings.secret_key.get_secret_value(), str(account.id)
    genuine = app.state.access_tokens.write(account.id)
    forged = [
        _forge(sub=sub),
        _forge("another key that is as long as the real one", sub=sub),
        _forge(key, sub=sub, iss="elsewhere"),
        _forge(key, sub=sub, exp=now() - timedelta(seconds=1)),
        _forge(key, sub=sub, exp=None),
        _forge(key, sub=sub, iat=None),
        _forge(key, sub=sub, iat=now() + timedelta(hours=1)),
        _forge(key, sub="no-uuid"),
        _forge(key, sub=str(uuid4())),
        genuine[:-4] + "AAAA",
        "sk_" + "x" * 43,
        "nonsense",
        "",
    ]
    assert [await me(client, token) for token in forged] == [401] * len(forged)
    assert await me(client, genuine) == 200
    of_another_host = _forge(key, sub=sub, iat=now() + timedelta(seconds=10))
    assert await me(client, of_another_host) == 200, "whose clock is a little ahead"
    long_ago = now() - timedelta(minutes=1)
    assert await me(client, _forge(key, sub=sub, iat=long_ago)) == 401


@pytest.mark.parametrize("header", ["Basic bGk6cHc=", "Bearer", "bearer  ", "Token x"])
async def test_other_credentials(client: AsyncClient, header: str) -> None:
    assert (await client.get("/me", headers={"Authorization": header})).status_code == 401


async def test_the_moment_of_issue_is_exact(app: FastAPI, account: Account) -> None:
    """A second is long: a password change must end what was issued just before it."""
    tokens, moment = app.state.access_tokens, now()
    assert tokens.read(tokens.write(account.id, issued_at=moment)).issued_at == moment


async def test_a_clock_set_back_shuts_nobody_out(
    app: FastAPI, session: AsyncSession, client: AsyncClient, account: Account
) -> None:
    """The account's tokens were last ended at a time that is yet to come."""
    account.tokens_valid_from = now() + timedelta(hours=2)
    await session.commit()
    answer = await sign_in(client)
    assert answer.status_code == 200, answer.text
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await client.get("/me", headers=headers)).status_code == 200
    old = app.state.access_tokens.write(account.id)
    headers = {"Authorization": f"Bearer {old}"}
    assert (await client.get("/me", headers=headers)).status_code == 401
