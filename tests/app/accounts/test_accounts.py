"""Accounts are made and changed by those who manage them, and nobody rises by themself."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, Role
from app.changes.models import Change
from tests.people import GUANGZHOU, JINHUA, YIWU, ZHEJIANG, People

PASSWORD = "correct-horse-42"


def new(role: str, region_code: str | None = YIWU, email: str = "New@test.invalid") -> Any:
    return {
        "email": email,
        "display_name": "新账号",
        "role": role,
        "region_code": region_code,
        "password": PASSWORD,
    }


async def test_administrator_makes_every_role(people: People, client: AsyncClient) -> None:
    administrator = await people.administrator()
    for role in Role:
        body = new(role, email=f"{role}@test.invalid")
        answer = await administrator.post("/accounts", json=body)
        assert answer.status_code == 201, answer.text
        assert answer.json()["role"] == role
        assert PASSWORD not in answer.text
    sign_in = {"email": "evaluator@test.invalid", "password": PASSWORD}
    assert (await client.post("/auth:sign-in", json=sign_in)).status_code == 200


@pytest.mark.parametrize(
    ("role", "region_code", "status"),
    [
        ("enterprise", YIWU, 201),
        ("expert", YIWU, 201),
        ("enterprise", JINHUA, 403),
        ("enterprise", ZHEJIANG, 403),
        ("enterprise", GUANGZHOU, 403),
        ("enterprise", None, 403),
        ("coordinator", YIWU, 403),
        ("administrator", YIWU, 403),
        ("administrator", None, 403),
        ("evaluator", YIWU, 403),
        ("wizard", YIWU, 422),
        ("expert", "999999", 422),
    ],
)
async def test_coordinator_makes_enterprises_and_experts_of_the_region(
    people: People, session: AsyncSession, role: str, region_code: str | None, status: int
) -> None:
    staff = await people.coordinator(YIWU)
    answer = await staff.post("/accounts", json=new(role, region_code))
    assert answer.status_code == status, answer.text
    stored = await session.scalar(select(Account).where(Account.email == "new@test.invalid"))
    assert (stored is not None) == (status == 201)


async def test_no_coordinator_is_without_a_region(people: People) -> None:
    """Without one they would reach every region, though they are said to be bounded by theirs."""
    administrator = await people.administrator()
    made = await administrator.post("/accounts", json=new("coordinator"))
    path = f"/accounts/{made.json()['id']}"
    for answer in (
        await administrator.post("/accounts", json=new("coordinator", None, "b@test.invalid")),
        await administrator.patch(path, json={"region_code": None}),
    ):
        [error] = answer.json()["errors"]
        assert (answer.status_code, error["pointer"]) == (422, "/region_code")
        assert error["detail"] == "协调员须有所管地区；管理全国的是管理员"
    assert (await administrator.get(path)).json()["region_code"] == YIWU


async def test_email_is_taken_in_any_case(people: People) -> None:
    administrator = await people.administrator()
    assert (await administrator.post("/accounts", json=new("expert"))).status_code == 201
    again = new("expert", email="nEW@test.invalid")
    answer = await administrator.post("/accounts", json=again)
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/email", "email_taken")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"email": "no-mail"}, "/email"),
        ({"email": "a@erased.invalid"}, "/email"),
        ({"email": "a\u0000@test.invalid"}, "/email"),
        ({"email": "İ" * 240 + "@test.invalid"}, "/email"),
        ({"email": "a" * 250 + "@test.invalid"}, "/email"),
        ({"display_name": ""}, "/display_name"),
        ({"display_name": "   "}, "/display_name"),
        ({"display_name": "名" * 101}, "/display_name"),
        ({"display_name": "名\u0000"}, "/display_name"),
        ({"password": "short"}, "/password"),
        ({"password": "x" * 129}, "/password"),
        ({"is_active": False}, "/is_active"),
    ],
)
async def test_fields_are_bounded(people: People, change: Any, pointer: str) -> None:
    administrator = await people.administrator()
    answer = await administrator.post("/accounts", json=new("expert") | change)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_coordinator_sees_what_they_manage(people: People) -> None:
    mine = await people.account(Role.ENTERPRISE, region_code=YIWU)
    others = [
        await people.account(Role.ENTERPRISE, region_code=GUANGZHOU),
        await people.account(Role.ADMINISTRATOR),
        await people.account(Role.COORDINATOR, region_code=YIWU),
        await people.account(Role.EVALUATOR),
    ]
    staff = await people.coordinator(YIWU)
    listed = (await staff.get("/accounts", params={"count": "exact"})).json()
    assert [item["id"] for item in listed["items"]] == [str(mine.id)]
    assert listed["total"] == 1
    for account in others:
        assert (await staff.get(f"/accounts/{account.id}")).status_code == 404
        for body in ({"is_active": False}, {"display_name": "改"}, {"region_code": YIWU}):
            answer = await staff.patch(f"/accounts/{account.id}", json=body)
            assert answer.status_code == 404
    administrator = await people.administrator()
    assert len((await administrator.get("/accounts")).json()["items"]) >= 6


async def test_a_precondition_is_for_changes_alone(people: People) -> None:
    path = f"/accounts/{(await people.account(Role.EXPERT, region_code=YIWU)).id}"
    staff, stale = await people.coordinator(YIWU), {"If-Match": '"7"'}
    assert (await staff.get(path, headers=stale)).status_code == 200
    answer = await staff.patch(path, json={"display_name": "改"}, headers=stale)
    assert answer.status_code == 412


async def test_who_changes_an_account_waits_for_whoever_does_so(
    people: People, session: AsyncSession
) -> None:
    account = await people.account(Role.EXPERT, region_code=YIWU)
    staff, path = await people.coordinator(YIWU), f"/accounts/{account.id}"
    seen = {"If-Match": f'"{account.version}"'}
    account.display_name = "先改"
    await session.flush()
    change = staff.patch(path, json={"display_name": "后改"}, headers=seen)
    waiting = asyncio.create_task(change)
    await asyncio.wait([waiting], timeout=0.5)
    await session.commit()
    assert (await waiting).json()["code"] == "precondition_failed"
    assert (await staff.get(path)).json()["display_name"] == "先改"


async def test_list_agrees_with_reading_one_by_one(people: People) -> None:
    everyone = [
        await people.account(role, region_code=region)
        for role in Role
        for region in (None, YIWU, JINHUA, GUANGZHOU)
    ]
    for region in (None, YIWU, JINHUA):
        staff = await people.coordinator(region)
        listed = (await staff.get("/accounts", params={"limit": 200})).json()["items"]
        for account in everyone:
            status = (await staff.get(f"/accounts/{account.id}")).status_code
            assert (str(account.id) in {item["id"] for item in listed}) == (status == 200)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"role": "administrator"}, 422),
        ({"email": "other@test.invalid"}, 422),
        ({"password": "correct-horse-42"}, 422),
        ({"id": "00000000-0000-7000-8000-000000000000"}, 422),
        ({"region_code": GUANGZHOU}, 403),
        ({"region_code": ZHEJIANG}, 403),
        ({"region_code": None}, 403),
        ({"region_code": "000000"}, 422),
        ({"display_name": None}, 422),
        ({"is_active": None}, 422),
        ({"is_active": "perhaps"}, 422),
        ([], 422),
    ],
)
async def test_patch_gives_nobody_more(people: People, body: Any, status: int) -> None:
    account = await people.account(Role.ENTERPRISE, region_code=YIWU)
    staff = await people.coordinator(YIWU)
    before = (await staff.get(f"/accounts/{account.id}")).json()
    answer = await staff.patch(f"/accounts/{account.id}", json=body)
    assert answer.status_code == status, answer.text
    assert (await staff.get(f"/accounts/{account.id}")).json() == before


async def test_patch_changes_what_it_names(people: People) -> None:
    account = await people.account(Role.EXPERT, region_code=YIWU)
    staff = await people.coordinator(JINHUA)
    path = f"/accounts/{account.id}"
    changed = (await staff.patch(path, json={"display_name": " 王 "})).json()
    assert (changed["display_name"], changed["region_code"]) == ("王", YIWU)
    assert (await staff.patch(path, json={})).json()["display_name"] == "王"
    assert (await staff.patch(path, json={"region_code": None})).status_code == 403
    administrator = await people.administrator()
    freed = await administrator.patch(path, json={"region_code": None})
    assert (freed.json()["region_code"], freed.json()["display_name"]) == (None, "王")


async def test_deactivation_ends_every_token_and_survives_reactivation(
    app: FastAPI, session: AsyncSession, client: AsyncClient, people: People
) -> None:
    account = await people.account(Role.ENTERPRISE, region_code=YIWU)
    held = await people.client(account)
    staff = await people.coordinator(YIWU)
    assert (await held.get("/me")).status_code == 200
    await staff.patch(f"/accounts/{account.id}", json={"is_active": False})
    assert (await held.get("/me")).status_code == 401
    await staff.patch(f"/accounts/{account.id}", json={"is_active": True})
    assert (await held.get("/me")).status_code == 401
    await session.refresh(account)
    token = app.state.access_tokens.write(account.id, valid_from=account.tokens_valid_from)
    headers = {"Authorization": f"Bearer {token}"}
    assert (await client.get("/me", headers=headers)).status_code == 200


async def test_one_changes_only_ones_own_name(people: People) -> None:
    account = await people.account(Role.ENTERPRISE, region_code=YIWU)
    own = await people.client(account)
    assert (await own.patch("/me", json={"display_name": "新名"})).json()["display_name"] == "新名"
    for field, value in (("role", "administrator"), ("region_code", None), ("is_active", True)):
        answer = await own.patch("/me", json={"display_name": "x", field: value})
        assert answer.status_code == 422
    assert (await own.get("/me")).json()["role"] == "enterprise"


async def test_filters(people: People) -> None:
    await people.account(Role.ENTERPRISE, region_code=YIWU)
    await people.account(Role.EXPERT, region_code=YIWU)
    await people.account(Role.ENTERPRISE, region_code=GUANGZHOU)
    administrator = await people.administrator()

    async def emails(**filters: Any) -> list[str]:
        answer = await administrator.get("/accounts", params={"sort": "email", **filters})
        assert answer.status_code == 200, answer.text
        return [item["email"].split("@")[0] for item in answer.json()["items"]]

    assert await emails(role="enterprise") == ["enterprise1", "enterprise3"]
    assert await emails(region_code=ZHEJIANG) == ["enterprise1", "expert2"]
    assert await emails(text="EXPERT") == ["expert2"]
    assert await emails(text="%") == []
    assert await emails(text="_") == []
    assert await emails(is_active=False) == []


@pytest.mark.parametrize("text", ["\x00", "", "x" * 101, "\x1b"])
async def test_filter_text_is_bounded(people: People, text: str) -> None:
    administrator = await people.administrator()
    answer = await administrator.get("/accounts", params={"text": text})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == "text"


async def test_changes_name_the_actor_and_no_person(people: People, session: AsyncSession) -> None:
    administrator = await people.administrator()
    me = (await administrator.get("/me")).json()
    made = (await administrator.post("/accounts", json=new("expert"))).json()
    await administrator.patch(f"/accounts/{made['id']}", json={"display_name": "改名"})
    found = (await session.scalars(select(Change).order_by(Change.id))).all()
    assert [(str(c.subject_id), c.kind) for c in found] == [
        (made["id"], "account.created"),
        (made["id"], "account.updated"),
    ]
    assert {str(change.actor_id) for change in found} == {me["id"]}
    assert "改名" not in str([change.data for change in found])


async def test_allowed_actions_are_named_as_the_paths(people: People) -> None:
    account = await people.account(Role.EXPERT, region_code=YIWU)
    managed = await (await people.coordinator(YIWU)).get(f"/accounts/{account.id}")
    assert managed.json()["allowed_actions"] == ["update", "issue-password-reset"]
    own = await (await people.client(account)).get("/me")
    assert own.json()["allowed_actions"] == ["change-password"]


async def test_nobody_shuts_themself_out(people: People) -> None:
    account = await people.account(Role.ADMINISTRATOR)
    own = await people.client(account)
    answer = await own.patch(f"/accounts/{account.id}", json={"is_active": False})
    assert answer.status_code == 409
    assert (await own.get("/me")).status_code == 200
