"""A forgotten password: asked for by anyone, answered by staff, used once."""

import asyncio
from datetime import timedelta

import pytest
from httpx import AsyncClient
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, PasswordReset, Role
from app.accounts.secrets import hash_password
from app.clock import now
from tests.app.experts.profiles import store
from tests.people import GUANGZHOU, YIWU, People

PASSWORD, OLD_PASSWORD = "a-brand-new-horse", "a-well-worn-horse"


@pytest.fixture
async def account(people: People) -> Account:
    return await people.account(Role.ENTERPRISE, region_code=YIWU)


@pytest.fixture
async def staff(people: People) -> AsyncClient:
    return await people.coordinator(YIWU)


async def ask(client: AsyncClient, email: str) -> int:
    return (await client.post("/auth:request-password-reset", json={"email": email})).status_code


async def issue(staff: AsyncClient, account: Account) -> str:
    answer = await staff.post(f"/accounts/{account.id}:issue-password-reset")
    assert answer.status_code == 200, answer.text
    code: str = answer.json()["code"]
    return code


async def use(client: AsyncClient, code: str, password: str = PASSWORD) -> int:
    body = {"code": code, "new_password": password}
    return (await client.post("/auth:reset-password", json=body)).status_code


async def waiting(staff: AsyncClient) -> list[str]:
    found = await staff.get("/accounts", params={"awaits_password_reset": True})
    return [item["id"] for item in found.json()["items"]]


async def test_from_the_request_to_the_new_password(
    client: AsyncClient, people: People, account: Account, staff: AsyncClient
) -> None:
    held = await people.client(account)
    assert await ask(client, account.email) == 202
    assert await ask(client, account.email.upper()) == 202
    assert await waiting(staff) == [str(account.id)]
    code = await issue(staff, account)
    assert await waiting(staff) == []
    assert await use(client, code) == 204
    sign_in = {"email": account.email, "password": PASSWORD}
    assert (await client.post("/auth:sign-in", json=sign_in)).status_code == 200
    assert (await held.get("/me")).status_code == 401


async def test_many_requests_at_once_wait_once(
    client: AsyncClient, account: Account, staff: AsyncClient, session: AsyncSession
) -> None:
    asked = [ask(client, account.email) for _ in range(5)]
    assert set(await asyncio.gather(*asked)) == {202}
    rows = await session.scalar(select(func.count()).select_from(PasswordReset))
    assert rows == 1
    queue = (await staff.get("/queue")).json()
    assert [item["record_id"] for item in queue["items"]] == [str(account.id)]


async def test_the_request_never_tells_who_is_known(client: AsyncClient, account: Account) -> None:
    known = await client.post("/auth:request-password-reset", json={"email": account.email})
    unknown = await client.post("/auth:request-password-reset", json={"email": "no@test.invalid"})
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)


async def test_code_works_once(client: AsyncClient, account: Account, staff: AsyncClient) -> None:
    code = await issue(staff, account)
    statuses = await asyncio.gather(*(use(client, code) for _ in range(3)))
    assert sorted(statuses) == [204, 422, 422]
    assert await use(client, code) == 422


async def test_weak_password_does_not_use_the_code_up(
    client: AsyncClient, account: Account, staff: AsyncClient
) -> None:
    code = await issue(staff, account)
    assert await use(client, code, "short") == 422
    assert await use(client, code) == 204


async def test_a_new_code_ends_the_earlier_one(
    client: AsyncClient, account: Account, staff: AsyncClient
) -> None:
    earlier = await issue(staff, account)
    later = await issue(staff, account)
    assert await use(client, earlier) == 422
    assert await use(client, later) == 204


async def test_of_codes_that_are_issued_at_once_one_lives(
    account: Account, staff: AsyncClient, session: AsyncSession
) -> None:
    await asyncio.gather(*(issue(staff, account) for _ in range(5)))
    living = select(func.count(PasswordReset.id)).where(PasswordReset.used_at.is_(None))
    assert await session.scalar(living) == 1


async def test_codes_that_are_issued_and_used_at_once_lock_nobody_out(
    client: AsyncClient, account: Account, staff: AsyncClient
) -> None:
    for _ in range(5):
        code = await issue(staff, account)
        later, _, status = await asyncio.gather(
            issue(staff, account), issue(staff, account), use(client, code)
        )
        assert later
        assert status in (204, 422)


async def test_a_new_password_ends_codes_and_wishes(
    client: AsyncClient, people: People, account: Account, staff: AsyncClient, session: AsyncSession
) -> None:
    """A thief may have asked for them."""
    account.password_hash = await hash_password(OLD_PASSWORD)
    await session.commit()
    code, owner = await issue(staff, account), await people.client(account)
    assert await ask(client, account.email) == 202
    body = {"current_password": OLD_PASSWORD, "new_password": PASSWORD}
    assert (await owner.post("/me:change-password", json=body)).status_code == 200
    assert await use(client, code, "yet-another-horse") == 422
    assert await waiting(staff) == []


async def test_code_expires(
    client: AsyncClient, account: Account, staff: AsyncClient, session: AsyncSession
) -> None:
    code = await issue(staff, account)
    await session.execute(update(PasswordReset).values(expires_at=now() - timedelta(seconds=1)))
    await session.commit()
    assert await use(client, code) == 422


@pytest.mark.parametrize("lost_by", ["shut", "moved", "owner's region", "organization", "profile"])
async def test_a_code_ends_with_the_right_to_give_it(
    client: AsyncClient, people: People, account: Account, session: AsyncSession, lost_by: str
) -> None:
    """Who issued one and has it still would become somebody whom they manage no more."""
    issuer = await people.account(Role.COORDINATOR, region_code=YIWU)
    code = await issue(await people.client(issuer), account)
    administrator = await people.administrator()
    if lost_by == "shut":
        answer = await administrator.patch(f"/accounts/{issuer.id}", json={"is_active": False})
    elif lost_by == "moved":
        answer = await administrator.patch(
            f"/accounts/{issuer.id}", json={"region_code": GUANGZHOU}
        )
    elif lost_by == "owner's region":
        answer = await administrator.patch(
            f"/accounts/{account.id}", json={"region_code": GUANGZHOU}
        )
    elif lost_by == "organization":
        await people.join(account, await people.organization(region_code=GUANGZHOU))
        answer = await administrator.get("/me")
    else:
        await store(session, region_code=GUANGZHOU, account_id=account.id)
        answer = await administrator.get("/me")
    assert answer.status_code == 200, answer.text
    body = {"code": code, "new_password": PASSWORD}
    refused = await client.post("/auth:reset-password", json=body)
    unknown = await client.post("/auth:reset-password", json=body | {"code": "x" * 43})
    assert refused.status_code == 422
    assert refused.json()["errors"] == unknown.json()["errors"]
    sign_in = {"email": account.email, "password": PASSWORD}
    assert (await client.post("/auth:sign-in", json=sign_in)).status_code == 401
    assert await use(client, await issue(administrator, account)) == 204


async def test_guessed_codes(client: AsyncClient, account: Account) -> None:
    assert await ask(client, account.email) == 202
    for code in ("x" * 43, "x" * 20, "", "x" * 101):
        assert await use(client, code) == 422


async def test_only_those_who_manage_the_account_issue(people: People, account: Account) -> None:
    path = f"/accounts/{account.id}:issue-password-reset"
    elsewhere = await people.coordinator(GUANGZHOU)
    assert (await elsewhere.post(path)).status_code == 404
    assert (await (await people.enterprise()).post(path)).status_code == 403
    administrator = await people.account(Role.ADMINISTRATOR)
    coordinator = await people.coordinator(None)
    above = f"/accounts/{administrator.id}:issue-password-reset"
    assert (await coordinator.post(above)).status_code == 404
