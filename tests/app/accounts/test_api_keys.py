"""API keys: shown once, bounded in what and how long they may."""

import asyncio
from datetime import timedelta

import pytest
from httpx import AsyncClient
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.api_keys import MAX_API_KEYS
from app.accounts.models import Account, ApiKey, Role
from app.accounts.secrets import digest, hash_password
from app.changes.models import Change
from app.clock import now
from tests.app.experts.profiles import store
from tests.people import PASSWORD, YIWU, People, new_key


@pytest.fixture
async def owner(people: People) -> AsyncClient:
    return await people.coordinator()


def bearing(key: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {key['key']}"}


async def test_key_acts_for_its_account(owner: AsyncClient, client: AsyncClient) -> None:
    key = await new_key(owner)
    mine = await owner.get("/me")
    assert (await client.get("/me", headers=bearing(key))).json() == mine.json()
    made = await client.post("/experts", json={"name": "某人"}, headers=bearing(key))
    assert made.status_code == 201


async def test_key_is_shown_once_and_kept_as_a_hash(
    owner: AsyncClient, session: AsyncSession
) -> None:
    key = await new_key(owner)
    assert key["key"].startswith(key["prefix"])
    listed = await owner.get("/api-keys")
    assert key["key"] not in listed.text
    [shown] = listed.json()["items"]
    assert shown == {name: value for name, value in key.items() if name != "key"}
    stored = await session.scalar(select(ApiKey))
    assert stored is not None
    assert stored.secret_hash == digest(key["key"])


async def test_keys_in_force_are_few_also_when_they_are_made_at_once(
    owner: AsyncClient, session: AsyncSession
) -> None:
    first = await new_key(owner)
    row = await session.get(ApiKey, first["id"])
    assert row is not None
    for number in range(MAX_API_KEYS - 2):
        session.add(
            ApiKey(account_id=row.account_id, name="钥", prefix="x", secret_hash=b"%d" % number)
        )
    await session.commit()
    body = {"name": "钥", "password": PASSWORD}
    answers = await asyncio.gather(*(owner.post("/api-keys", json=body) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    await owner.delete(f"/api-keys/{first['id']}")
    assert (await owner.post("/api-keys", json=body)).status_code == 201


async def test_read_only_key(owner: AsyncClient, client: AsyncClient) -> None:
    headers = bearing(await new_key(owner, is_read_only=True))
    assert (await client.get("/experts", headers=headers)).status_code == 200
    for method, path in (
        ("POST", "/experts"),
        ("PATCH", "/me"),
        ("POST", "/me:change-password"),
        ("DELETE", "/api-keys/00000000-0000-7000-8000-000000000000"),
    ):
        answer = await client.request(method, path, json={}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path


async def test_no_key_begets_keys_or_changes_the_password(
    owner: AsyncClient, client: AsyncClient
) -> None:
    """Or who finds a key that expires tomorrow would have one for ever."""
    headers = bearing(await new_key(owner))
    assert (
        await client.post("/api-keys", json={"name": "再来", "password": PASSWORD}, headers=headers)
    ).status_code == 403
    body = {"current_password": "x", "new_password": "a-brand-new-horse"}
    answer = await client.post("/me:change-password", json=body, headers=headers)
    assert answer.status_code == 403


async def test_no_key_opens_a_second_way_in(people: People, client: AsyncClient) -> None:
    administrator = await people.administrator()
    headers = bearing(await new_key(administrator))
    own_id = (await administrator.get("/me")).json()["id"]
    body = {
        "email": "second@test.invalid",
        "display_name": "另一人",
        "role": "administrator",
        "password": "correct-horse-42",
    }
    made = await client.post("/accounts", json=body, headers=headers)
    issued = await client.post(f"/accounts/{own_id}:issue-password-reset", headers=headers)
    assert (made.status_code, issued.status_code) == (403, 403)


async def test_no_key_exports_or_erases_a_person(
    people: People, client: AsyncClient, session: AsyncSession
) -> None:
    """Neither by the person's key nor by the staff's: what is erased never comes back."""
    account = await people.account(Role.EXPERT)
    expert = await store(session, name="甲", account_id=account.id)
    path = f"/experts/{expert.id}"
    for owner in (await people.client(account), await people.administrator()):
        headers = bearing(await new_key(owner))
        for method, what in (("POST", f"{path}:erase"), ("GET", f"{path}/personal-data")):
            answer = await client.request(method, what, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), what
        assert (await client.get(path, headers=headers)).json()["name"] == "甲"
        assert (await owner.get(f"{path}/personal-data")).status_code == 200
    assert (await owner.post(f"{path}:erase")).status_code == 204


async def test_revoked_key(owner: AsyncClient, client: AsyncClient) -> None:
    key = await new_key(owner)
    for _ in range(2):
        assert (await owner.delete(f"/api-keys/{key['id']}")).status_code == 204
    assert (await client.get("/me", headers=bearing(key))).status_code == 401
    [shown] = (await owner.get("/api-keys")).json()["items"]
    assert shown["revoked_at"] is not None


async def test_expired_key(owner: AsyncClient, client: AsyncClient, session: AsyncSession) -> None:
    key = await new_key(owner, expires_at=(now() + timedelta(hours=1)).isoformat())
    assert (await client.get("/me", headers=bearing(key))).status_code == 200
    await session.execute(update(ApiKey).values(expires_at=now()))
    await session.commit()
    assert (await client.get("/me", headers=bearing(key))).status_code == 401


@pytest.mark.parametrize(
    ("expires_at", "code"),
    [
        ("2020-01-01T00:00:00Z", "in_the_past"),
        ("2030-01-01T00:00:00", "timezone_aware"),
        ("9999-12-31T23:59:59-23:59", "less_than"),
        ("soon", "datetime_from_date_parsing"),
    ],
)
async def test_ends_that_no_database_can_give_back(
    owner: AsyncClient, expires_at: str, code: str
) -> None:
    answer = await owner.post(
        "/api-keys", json={"name": "接口", "password": PASSWORD, "expires_at": expires_at}
    )
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/expires_at", code)
    assert (await owner.get("/api-keys")).json()["items"] == []


async def test_key_of_a_shut_account(
    people: People, client: AsyncClient, session: AsyncSession
) -> None:
    account = await people.account(Role.EXPERT)
    key = await new_key(await people.client(account))
    await session.execute(update(Account).where(Account.id == account.id).values(is_active=False))
    await session.commit()
    assert (await client.get("/me", headers=bearing(key))).status_code == 401


async def test_a_key_needs_the_password(
    people: People, owner: AsyncClient, session: AsyncSession
) -> None:
    """Whoever finds a device that is signed in does not leave with a key for ever."""
    for given, code in (
        ({}, "missing"),
        ({"password": None}, "missing"),
        ({"password": "wrong-horse-42"}, "wrong_password"),
    ):
        answer = await owner.post("/api-keys", json={"name": "偷", **given})
        assert answer.status_code == 422, given
        [error] = answer.json()["errors"]
        assert (error["pointer"], error["code"]) == ("/password", code)
    assert (await owner.get("/api-keys")).json()["items"] == []
    without = await people.account(Role.EXPERT)
    without.password_hash = ""
    await session.commit()
    made = await (await people.client(without)).post("/api-keys", json={"name": "接口"})
    assert made.status_code == 201


@pytest.mark.parametrize("way", ["reset", "deactivation"])
async def test_keys_end_with_a_reset_and_a_deactivation(
    people: People, client: AsyncClient, session: AsyncSession, way: str
) -> None:
    """For good, so that nothing of a thief's comes back when the account does."""
    account = await people.account(Role.EXPERT, region_code=YIWU)
    own, other = await people.client(account), await people.administrator()
    keys = [await new_key(own) for _ in range(2)]
    others, staff = await new_key(other), await people.coordinator(YIWU)
    path = f"/accounts/{account.id}"
    if way == "reset":
        issued = await staff.post(f"{path}:issue-password-reset")
        body = {"code": issued.json()["code"], "new_password": "a-brand-new-horse"}
        assert (await client.post("/auth:reset-password", json=body)).status_code == 204
    else:
        for is_active in (False, True):
            changed = await staff.patch(path, json={"is_active": is_active})
            assert changed.status_code == 200
    for key in keys:
        assert (await client.get("/me", headers=bearing(key))).status_code == 401
    assert (await client.get("/me", headers=bearing(others))).status_code == 200
    told = select(Change.subject_id).where(Change.kind == "api_key.revoked")
    assert {str(i) for i in await session.scalars(told)} == {key["id"] for key in keys}


@pytest.mark.parametrize("end", ["shut", "new password"])
async def test_no_key_is_made_beside_the_end_of_all(
    people: People, session: AsyncSession, end: str
) -> None:
    account = await people.account(Role.EXPERT)
    own = await people.client(account)
    if end == "shut":
        account.is_active = False
    else:
        account.password_hash = await hash_password("a-brand-new-horse")
    await session.flush()  # under way
    body = {"name": "赶上", "password": PASSWORD}
    making = asyncio.create_task(own.post("/api-keys", json=body))
    await asyncio.wait([making], timeout=0.5)
    await session.commit()
    assert (await making).status_code == (401 if end == "shut" else 422)
    assert await session.scalar(select(ApiKey.id)) is None


async def test_keys_outlive_a_password_that_their_owner_changes(
    people: People, client: AsyncClient
) -> None:
    own = await people.client(await people.account(Role.EXPERT))
    key = await new_key(own)
    body = {"current_password": PASSWORD, "new_password": "a-brand-new-horse"}
    assert (await own.post("/me:change-password", json=body)).status_code == 200
    assert (await client.get("/me", headers=bearing(key))).status_code == 200


async def test_last_use_is_kept(
    owner: AsyncClient, client: AsyncClient, session: AsyncSession
) -> None:
    key = await new_key(owner)
    assert key["last_used_at"] is None
    await client.get("/me", headers=bearing(key))
    [shown] = (await owner.get("/api-keys")).json()["items"]
    assert shown["last_used_at"] is not None
    await client.get("/me", headers=bearing(key))
    [again] = (await owner.get("/api-keys")).json()["items"]
    assert again["last_used_at"] == shown["last_used_at"], "noted once a minute"
    await session.execute(update(ApiKey).values(last_used_at=now() - timedelta(hours=1)))
    await session.commit()
    await client.get("/me", headers=bearing(key))
    [later] = (await owner.get("/api-keys")).json()["items"]
    assert later["last_used_at"] > shown["last_used_at"]


async def test_keys_of_others_do_not_exist(owner: AsyncClient, people: People) -> None:
    key = await new_key(owner)
    other = await people.administrator()
    assert (await other.get("/api-keys")).json()["items"] == []
    assert (await other.delete(f"/api-keys/{key['id']}")).status_code == 404
    assert (await owner.get("/api-keys")).json()["items"][0]["revoked_at"] is None
