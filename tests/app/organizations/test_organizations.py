"""Who sees and changes an organization."""

import asyncio
from typing import Any

import pytest
from httpx import AsyncClient

from app.accounts.models import Role
from app.organizations.models import Organization, OrganizationKind, OrganizationState
from tests.app.organizations.test_registration import credit_code
from tests.people import GUANGZHOU, JINHUA, YIWU, ZHEJIANG, People

REGISTERED = OrganizationState.REGISTERED


def path_of(organization: Organization) -> str:
    return f"/organizations/{organization.id}"


async def test_unverified_ones_do_not_exist_for_outsiders(people: People) -> None:
    hidden = await people.organization(state=REGISTERED)
    member = await people.account(Role.ENTERPRISE)
    await people.join(member, hidden)
    readers = {
        "coordinator of Yiwu": (await people.coordinator(YIWU), 200),
        "coordinator of the prefecture": (await people.coordinator(JINHUA), 200),
        "coordinator of the country": (await people.coordinator(None), 200),
        "administrator": (await people.administrator(), 200),
        "member": (await people.client(member), 200),
        "coordinator elsewhere": (await people.coordinator(GUANGZHOU), 404),
        "evaluator": (await people.evaluator(), 404),
        "expert": (await people.expert(), 404),
        "other enterprise": (await people.enterprise(), 404),
    }
    for name, (reader, status) in readers.items():
        assert (await reader.get(path_of(hidden))).status_code == status, name
        listed = (await reader.get("/organizations")).json()["items"]
        assert (str(hidden.id) in {item["id"] for item in listed}) == (status == 200), name


async def test_contacts_are_for_members_and_staff_of_the_region(people: People) -> None:
    organization = await people.organization()
    staff = await people.coordinator(YIWU)
    contacts = {"contact_name": "李", "contact_phone": "1", "contact_email": "li@test.invalid"}
    await staff.patch(path_of(organization), json=contacts)
    member = await people.enterprise(organization)
    others = [
        await people.coordinator(GUANGZHOU),
        await people.evaluator(),
        await people.expert(),
        await people.enterprise(),
    ]
    for reader in (staff, member, await people.administrator()):
        shown = (await reader.get(path_of(organization))).json()
        assert {name: shown[name] for name in contacts} == contacts
    for reader in others:
        shown = (await reader.get(path_of(organization))).json()
        assert {shown[name] for name in contacts} == {None}
        assert "li@test.invalid" not in (await reader.get("/organizations")).text
        assert shown["allowed_actions"] == []


@pytest.mark.parametrize("state", OrganizationState)
async def test_identity_is_the_staffs(people: People, state: OrganizationState) -> None:
    """Whoever gave theirs another's name, or code, would get what is the other's."""
    organization = await people.organization("义乌甲公司", state=state)
    member = await people.enterprise(organization)
    path = path_of(organization)
    for name, value in (
        ("name", "义乌乙公司"),
        ("kind", "university"),
        ("unified_social_credit_code", credit_code()),
        ("region_code", GUANGZHOU),
        ("region_code", None),
    ):
        answer = await member.patch(path, json={name: value, "introduction": "不留"})
        assert answer.status_code == 422, name
        [error] = answer.json()["errors"]
        assert (error["pointer"], error["code"]) == (f"/{name}", "locked")
        assert error["detail"] == "请由所在地区的工作人员修改"
    unchanged = (await member.get(path)).json()
    assert (unchanged["name"], unchanged["introduction"]) == ("义乌甲公司", "")
    same = {"name": "义乌甲公司", "region_code": YIWU, "introduction": "针织"}
    assert (await member.patch(path, json=same)).status_code == 200
    staff = await people.coordinator(YIWU)
    assert (await staff.patch(path, json={"name": "义乌乙公司"})).status_code == 200


async def test_staff_act_for_no_organization_even_as_members(people: People) -> None:
    organization = await people.organization()
    account = await people.account(Role.COORDINATOR, region_code=GUANGZHOU)
    await people.join(account, organization)
    outsider = await people.client(account)
    answer = await outsider.patch(path_of(organization), json={"name": "改名"})
    assert answer.status_code == 403
    assert (await outsider.post(f"{path_of(organization)}:verify")).status_code == 403


async def test_nobody_moves_an_organization_out_of_their_own_jurisdiction(people: People) -> None:
    organization = await people.organization()
    staff = await people.coordinator(YIWU)
    answer = await staff.patch(path_of(organization), json={"region_code": GUANGZHOU})
    assert answer.status_code == 403
    assert (await staff.get(path_of(organization))).json()["region_code"] == YIWU
    administrator = await people.administrator()
    moved = await administrator.patch(path_of(organization), json={"region_code": GUANGZHOU})
    assert moved.status_code == 200


async def test_credit_code_is_unique(people: People) -> None:
    staff = await people.coordinator(YIWU)
    body = {"name": "义乌甲", "unified_social_credit_code": credit_code(), "region_code": YIWU}
    assert (await staff.post("/organizations", json=body)).status_code == 201
    again = await staff.post("/organizations", json=body | {"name": "义乌乙"})
    [error] = again.json()["errors"]
    assert (again.status_code, error["code"]) == (422, "credit_code_taken")
    assert error["pointer"] == "/unified_social_credit_code"
    assert "核验" in error["detail"], "it may be a stranger's registration: the way on is told"
    other = await people.organization()
    taken = {"unified_social_credit_code": credit_code()}
    assert (await staff.patch(path_of(other), json=taken)).status_code == 422
    free = {"unified_social_credit_code": credit_code(1)}
    assert (await staff.patch(path_of(other), json=free)).status_code == 200
    assert (await staff.patch(path_of(other), json=free)).status_code == 200


@pytest.mark.parametrize(
    ("region_code", "status"), [(YIWU, 201), (None, 201), (JINHUA, 403), (GUANGZHOU, 403)]
)
async def test_staff_enter_organizations_of_their_region(
    people: People, region_code: str | None, status: int
) -> None:
    staff = await people.coordinator(YIWU)
    body = {"name": "浙江大学", "kind": "university", "region_code": region_code}
    answer = await staff.post("/organizations", json=body)
    assert answer.status_code == status
    if status == 201:
        assert (answer.json()["state"], answer.json()["region_code"]) == ("verified", YIWU)


async def test_staff_do_not_open_an_organization_to_every_region(people: People) -> None:
    staff = await people.coordinator(YIWU)
    organization = await people.organization(region_code=YIWU)
    answer = await staff.patch(f"/organizations/{organization.id}", json={"region_code": None})
    assert (answer.status_code, answer.json()["region_code"]) == (200, YIWU)


async def test_an_administrator_may_enter_an_organization_of_no_region(people: People) -> None:
    administrator = await people.administrator()
    answer = await administrator.post("/organizations", json={"name": "中国科学技术协会"})
    assert (answer.status_code, answer.json()["region_code"]) == (201, None)


async def test_null_clears_or_is_refused(people: People) -> None:
    organization = await people.organization()
    staff = await people.coordinator(YIWU)
    path = path_of(organization)
    full = {"industry_code": "17", "attribute": "private", "introduction": "x"}
    assert (await staff.patch(path, json=full)).status_code == 200
    cleared = await staff.patch(path, json={"industry_code": None, "attribute": None})
    assert (cleared.json()["industry_code"], cleared.json()["attribute"]) == (None, None)
    assert cleared.json()["introduction"] == "x"
    for name in ("name", "kind", "introduction", "contact_phone", "supervising_department"):
        answer = await staff.patch(path, json={name: None})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == f"/{name}"


async def test_parallel_changes_are_not_lost(people: People) -> None:
    organization = await people.organization()
    staff = await people.coordinator(YIWU)
    changes: list[dict[str, Any]] = [
        {"introduction": "甲"},
        {"supervising_department": "科技局"},
        {"contact_name": "李"},
        {"attribute": "private"},
    ]
    answers = await asyncio.gather(
        *(staff.patch(path_of(organization), json=change) for change in changes)
    )
    assert {answer.status_code for answer in answers} == {200}
    stored = (await staff.get(path_of(organization))).json()
    for change in changes:
        assert stored | change == stored


async def test_text_kind_and_region(people: People) -> None:
    await people.organization("义乌锦丝针织有限公司")
    await people.organization("浙江大学", kind=OrganizationKind.UNIVERSITY, region_code="330100")
    await people.organization("广州针织厂", region_code=GUANGZHOU)
    reader = await people.evaluator()

    async def found(**filters: Any) -> list[str]:
        answer = await reader.get("/organizations", params={"sort": "name", **filters})
        assert answer.status_code == 200, answer.text
        return [item["name"] for item in answer.json()["items"]]

    assert await found(text="針織") == ["义乌锦丝针织有限公司", "广州针织厂"]
    assert await found(text="zhejiangdaxue") == ["浙江大学"]
    assert await found(region_code=ZHEJIANG, kind="enterprise") == ["义乌锦丝针织有限公司"]
    assert await found(kind="university") == ["浙江大学"]
    assert await found(state="registered") == []


async def test_counting_and_paging_members(people: People, client: AsyncClient) -> None:
    organization = await people.organization()
    for _ in range(5):
        await people.enterprise(organization)
    staff = await people.coordinator(YIWU)
    params: dict[str, Any] = {"organization_id": str(organization.id), "limit": 2, "count": "exact"}
    seen: list[str] = []
    while True:
        answer = await staff.get("/memberships", params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert page["total"] == 5
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 5


@pytest.mark.parametrize(("verb", "body"), [("verify", None), ("reject", {"reason": "查无此厂"})])
async def test_a_step_answers_the_version_that_it_leaves(
    people: People, verb: str, body: dict[str, str] | None
) -> None:
    organization = await people.organization(state=REGISTERED)
    staff = await people.coordinator()
    step = await staff.post(f"{path_of(organization)}:{verb}", json=body)
    assert step.status_code == 200
    assert (await staff.get(path_of(organization))).headers["ETag"] == step.headers["ETag"]
