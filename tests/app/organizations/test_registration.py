"""An enterprise registers, a coordinator verifies it and lets its people act for it."""

import asyncio
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from stdnum.cn import uscc

from app.accounts.models import Account, Role
from app.organizations.models import Organization
from tests.people import GUANGZHOU, YIWU, People

PASSWORD = "correct-horse-42"


def credit_code(number: int = 0) -> str:
    """A code with the right check digit that nobody has."""
    stem = f"91330782MA2DEM{number:03d}"
    return stem + str(uscc.calc_check_digit(stem))


def registration(email: str = "li@test.invalid", **organization: Any) -> dict[str, Any]:
    return {
        "organization": {
            "name": "演示·义乌锦丝针织有限公司",
            "unified_social_credit_code": credit_code(),
            "region_code": YIWU,
            "contact_phone": "0579-85550100",
            **organization,
        },
        "account": {"email": email, "display_name": "李", "password": PASSWORD},
    }


async def register(client: AsyncClient, people: People, body: Any) -> tuple[Any, AsyncClient]:
    """The answer, and a client signed in as the new account."""
    answer = await client.post("/organizations:register", json=body)
    assert answer.status_code == 201, answer.text
    sign_in = {"email": body["account"]["email"], "password": PASSWORD}
    tokens = (await client.post("/auth:sign-in", json=sign_in)).json()
    own = await people.client(Account(id=answer.json()["account_id"]))
    own.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    return answer.json(), own


async def test_from_registration_to_acting_for_the_enterprise(
    client: AsyncClient, people: People
) -> None:
    membership, own = await register(client, people, registration())
    organization = f"/organizations/{membership['organization_id']}"
    assert membership["state"] == "requested"
    assert (await own.get("/me")).json()["role"] == "enterprise"
    assert (await own.get(organization)).status_code == 404
    assert (await own.patch(organization, json={"introduction": "x"})).status_code == 404

    staff = await people.coordinator(YIWU)
    waiting = (await staff.get("/organizations", params={"state": "registered"})).json()["items"]
    assert [item["id"] for item in waiting] == [membership["organization_id"]]
    assert waiting[0]["allowed_actions"] == ["update", "verify", "reject"]
    assert (await staff.post(f"{organization}:verify")).json()["state"] == "verified"
    assert (await own.get(organization)).json()["contact_phone"] is None
    assert (await own.patch(organization, json={"introduction": "x"})).status_code == 403

    approved = await staff.post(f"/memberships/{membership['id']}:approve")
    assert approved.json()["state"] == "approved"
    assert (await own.get(organization)).json()["contact_phone"] == "0579-85550100"
    assert (await own.patch(organization, json={"introduction": "针织"})).status_code == 200


async def test_second_registrant_of_a_code_gains_nothing_until_approved(
    client: AsyncClient, people: People
) -> None:
    first, _ = await register(client, people, registration())
    staff = await people.coordinator(YIWU)
    organization = f"/organizations/{first['organization_id']}"
    await staff.post(f"{organization}:verify")
    before = (await staff.get(organization)).json()

    body = registration("thief@test.invalid", name="冒名公司", contact_phone="13800000000")
    second, thief = await register(client, people, body)
    assert second["organization_id"] == first["organization_id"]
    assert (await staff.get(organization)).json() == before
    shown = (await thief.get(organization)).json()
    assert (shown["contact_phone"], shown["allowed_actions"]) == (None, [])
    assert (await thief.patch(organization, json={"introduction": "x"})).status_code == 403
    draft = {"name": "某人", "organization_id": first["organization_id"]}
    assert (await thief.post("/experts", json=draft)).status_code == 403
    assert (await thief.post(f"/memberships/{second['id']}:approve")).status_code == 403
    seen = (await thief.get("/memberships")).json()["items"]
    assert [item["id"] for item in seen] == [second["id"]]
    assert (await thief.get(f"/memberships/{first['id']}")).status_code == 404

    await staff.post(f"/memberships/{second['id']}:approve")
    assert (await thief.get(organization)).json()["contact_phone"] == "0579-85550100"


async def test_parallel_registrations_of_one_code_make_one_organization(
    client: AsyncClient, session: AsyncSession
) -> None:
    bodies = [registration(f"{n}@test.invalid") for n in range(3)]
    answers = await asyncio.gather(
        *(client.post("/organizations:register", json=body) for body in bodies)
    )
    statuses = {answer.status_code for answer in answers}
    assert 201 in statuses
    assert statuses <= {201, 409}
    assert await session.scalar(select(func.count()).select_from(Organization)) == 1
    again = await client.post("/organizations:register", json=registration("9@test.invalid"))
    assert again.status_code == 201


async def test_taken_email_leaves_nothing_behind(
    client: AsyncClient, people: People, session: AsyncSession
) -> None:
    account = await people.account(Role.EXPERT)
    answer = await client.post("/organizations:register", json=registration(account.email))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "email_taken"
    assert await session.scalar(select(func.count()).select_from(Organization)) == 0


async def test_registrations_are_checked(client: AsyncClient) -> None:
    good = credit_code()
    wrong_digit = good[:-1] + ("0" if good[-1] != "0" else "1")
    for fields, pointer, code in (
        (
            {"unified_social_credit_code": wrong_digit},
            "unified_social_credit_code",
            "bad_credit_code",
        ),
        ({"unified_social_credit_code": good.lower()}, "unified_social_credit_code", None),
        ({"unified_social_credit_code": None}, "unified_social_credit_code", "string_type"),
        ({"unified_social_credit_code": good + "0"}, "unified_social_credit_code", None),
        ({"region_code": "999999"}, "region_code", "unknown_code"),
        ({"region_code": None}, "region_code", "string_type"),
        ({"kind": "government_department"}, "kind", "literal_error"),
        ({"state": "verified"}, "state", "extra_forbidden"),
        ({"name": "名"}, "name", "string_too_short"),
        ({"name": "名" * 301}, "name", "string_too_long"),
        ({"name": "名\u0000称"}, "name", "string_pattern_mismatch"),
        ({"introduction": "文" * 501}, "introduction", "string_too_long"),
    ):
        answer = await client.post("/organizations:register", json=registration(**fields))
        assert answer.status_code == 422, fields
        [error] = answer.json()["errors"]
        assert error["pointer"] == f"/organization/{pointer}"
        assert code in (None, error["code"])
    for email in ("0@erased.invalid", "0@Erased.INVALID"):
        answer = await client.post("/organizations:register", json=registration(email))
        assert answer.json()["errors"][0]["code"] == "reserved_domain"
    roleful = registration()
    roleful["account"]["role"] = "administrator"
    answer = await client.post("/organizations:register", json=roleful)
    assert answer.json()["errors"][0]["pointer"] == "/account/role"


async def test_rejected_with_the_reason_and_verified_after_all(
    client: AsyncClient, people: People
) -> None:
    membership, _ = await register(client, people, registration())
    staff = await people.coordinator(YIWU)
    path = f"/organizations/{membership['organization_id']}"
    assert (await staff.post(f"{path}:reject", json={"reason": " "})).status_code == 422
    rejected = (await staff.post(f"{path}:reject", json={"reason": "名称与代码不符"})).json()
    assert (rejected["state"], rejected["state_reason"]) == ("rejected", "名称与代码不符")
    assert (await staff.post(f"{path}:reject", json={"reason": "再"})).status_code == 409
    verified = (await staff.post(f"{path}:verify")).json()
    assert (verified["state"], verified["state_reason"]) == ("verified", "")
    again = await staff.post(f"{path}:verify")
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")


@pytest.mark.parametrize("verb", ["verify", "reject"])
async def test_only_staff_of_the_region_decide(
    client: AsyncClient, people: People, verb: str
) -> None:
    membership, own = await register(client, people, registration())
    path = f"/organizations/{membership['organization_id']}:{verb}"
    body = {"reason": "不符"}
    assert (await own.post(path, json=body)).status_code == 403
    assert (await client.post(path, json=body)).status_code == 401
    elsewhere = await people.coordinator(GUANGZHOU)
    assert (await elsewhere.post(path, json=body)).status_code == 404
    approve = f"/memberships/{membership['id']}:approve"
    assert (await elsewhere.post(approve)).status_code == 404
    assert (await (await people.evaluator()).post(path, json=body)).status_code == 403
