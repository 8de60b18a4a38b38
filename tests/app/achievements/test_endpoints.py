"""Achievements over HTTP: who may read and write, what lists find, which field is at fault."""

from typing import Any

import pytest
from httpx import AsyncClient

from tests.app.achievements.achievements import COMPLETE, achievement
from tests.people import GUANGZHOU, YIWU, People


async def test_nobody_without_sign_in(client: AsyncClient) -> None:
    assert (await client.get("/achievements")).status_code == 401
    assert (await client.post("/achievements", json=COMPLETE)).status_code == 401


async def test_a_member_registers_for_their_organization(people: People) -> None:
    organization = await people.organization("义乌某光伏厂")
    member = await people.enterprise(organization)
    body = COMPLETE | {"organization_id": str(organization.id)}
    answer = await member.post("/achievements", json=body)
    assert answer.status_code == 201
    shown = answer.json()
    assert (shown["organization_name"], shown["state"]) == ("义乌某光伏厂", "registered")
    assert shown["allowed_actions"] == ["update", "withdraw"]
    assert shown["missing"] == []


async def test_a_linked_achievement_bears_its_organizations_name(people: People) -> None:
    organization = await people.organization("义乌某光伏厂")
    member, staff = await people.enterprise(organization), await people.coordinator()
    body = COMPLETE | {"organization_id": str(organization.id)}
    path = f"/achievements/{(await member.post('/achievements', json=body)).json()['id']}"
    renamed = {"organization_name": "别家"}
    assert (await member.patch(path, json=renamed)).status_code == 403, "it would be theirs no more"
    shown = (await staff.patch(path, json=renamed)).json()
    assert (shown["organization_id"], shown["organization_name"]) == (None, "别家")
    await staff.patch(path, json={"organization_id": str(organization.id)})
    shown = (await staff.patch(path, json={"organization_id": None})).json()
    assert (shown["organization_id"], shown["missing"]) == (None, ["organization_name"])


async def test_writing_is_for_the_organization_and_staff_of_the_region(people: People) -> None:
    organization = await people.organization()
    body = COMPLETE | {"organization_id": str(organization.id)}
    for outsider in (await people.enterprise(), await people.coordinator(GUANGZHOU)):
        assert (await outsider.post("/achievements", json=body)).status_code == 403
    assert (await (await people.evaluator()).post("/achievements", json=body)).status_code == 403
    assert (await (await people.coordinator()).post("/achievements", json=body)).status_code == 201


async def test_unpublished_is_hidden_and_published_is_open(people: People) -> None:
    staff = await people.coordinator()
    hidden, open_ = await achievement(staff, "reviewed"), await achievement(staff, "published")
    for outsider in (
        await people.enterprise(),
        await people.expert(),
        await people.evaluator(),
        await people.coordinator(GUANGZHOU),
    ):
        assert (await outsider.get(f"/achievements/{hidden}")).status_code == 404
        assert (await outsider.get(f"/achievements/{open_}")).json()["allowed_actions"] == []
        listed = (await outsider.get("/achievements")).json()["items"]
        assert [item["id"] for item in listed] == [open_]


async def test_an_outsider_may_not_edit_what_is_open(people: People) -> None:
    open_ = await achievement(await people.coordinator(), "published")
    answer = await (await people.enterprise()).patch(f"/achievements/{open_}", json={"name": "别"})
    assert answer.status_code == 403
    hidden = await achievement(await people.coordinator())
    answer = await (await people.enterprise()).patch(f"/achievements/{hidden}", json={"name": "别"})
    assert answer.status_code == 404


async def test_the_member_edits_only_before_review(people: People) -> None:
    staff, organization = await people.coordinator(), await people.organization()
    member = await people.enterprise(organization)
    achievement_id = await achievement(staff, organization_id=str(organization.id))
    path = f"/achievements/{achievement_id}"
    answer = await member.patch(path, json={"stage": "pilot", "nature": None})
    assert (answer.json()["stage"], answer.json()["missing"]) == ("pilot", ["nature"])
    await member.patch(path, json={"nature": "original"})
    await staff.post(path + ":review")
    assert (await member.patch(path, json={"stage": "laboratory"})).json()["code"] == "wrong_state"
    assert (await staff.patch(path, json={"stage": "laboratory"})).status_code == 200


async def test_nobody_moves_a_record_out_of_their_own_jurisdiction(people: People) -> None:
    staff = await people.coordinator(YIWU)
    path = f"/achievements/{await achievement(staff)}"
    assert (await staff.patch(path, json={"region_code": GUANGZHOU})).status_code == 403
    assert (await staff.get(path)).json()["region_code"] == YIWU


@pytest.mark.parametrize(
    ("fault", "pointer"),
    [
        ({"keywords": ["一", "二", "三", "四"]}, "/keywords"),
        ({"level": "best"}, "/level"),
        ({"industry_code": "99Z"}, "/industry_code"),
        ({"disciplines": ["999"]}, "/disciplines/0"),
        ({"technology_field": "alchemy"}, "/technology_field"),
        ({"intellectual_property": ["invention_patent", "luck"]}, "/intellectual_property/1"),
        ({"name": ""}, "/name"),
        ({"people": ["\u0000"]}, "/people/0"),
        ({"colour": "red"}, "/colour"),
        ({"organization_id": "0199f5c2-8a4e-7cc1-9d0b-3f1e6a7b2c4d"}, "/organization_id"),
    ],
)
async def test_a_fault_names_its_field(people: People, fault: dict[str, Any], pointer: str) -> None:
    staff = await people.coordinator()
    achievement_id = await achievement(staff)
    for answer in (
        await staff.post("/achievements", json=COMPLETE | fault),
        await staff.patch(f"/achievements/{achievement_id}", json=fault),
    ):
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == pointer


async def test_an_external_id_is_taken_once(people: People) -> None:
    staff = await people.coordinator()
    await achievement(staff, external_id="A1")
    answer = await staff.post("/achievements", json=COMPLETE | {"external_id": "A1"})
    assert answer.status_code == 409


@pytest.mark.parametrize(
    "query",
    [
        {"text": "胶膜"},
        {"text": "9332026Y0042"},
        {"text": "xujiashu"},
        {"technology_field": "new_energy_efficiency"},
        {"industry_code": "C"},
        {"industry_code": "29"},
        {"discipline": "430"},
        {"region_code": "330000"},
        {"level": "domestic_leading"},
        {"stage": "small_batch"},
        {"form": "new_material"},
        {"state": "published"},
    ],
)
async def test_every_filter_finds_the_one_and_not_the_other(
    people: People, query: dict[str, str]
) -> None:
    admin = await people.administrator()
    wanted = await achievement(admin, "published")
    other: dict[str, Any] = {
        "name": "种猪育种",
        "registration_number": "",
        "people": ["王五"],
        "keywords": ["育种"],
        "summary": "选育",
        "technology_field": "modern_agriculture",
        "industry_code": "03",
        "disciplines": ["230"],
        "region_code": GUANGZHOU,
        "level": "provincial",
        "stage": "pilot",
        "form": "new_variety",
    }
    await achievement(admin, **other)
    listed = (await admin.get("/achievements", params=query)).json()["items"]
    assert [item["id"] for item in listed] == [wanted]


async def test_the_organization_filter_and_sorting_by_name(people: People) -> None:
    admin, organization = await people.administrator(), await people.organization()
    own = [
        await achievement(admin, name=name, organization_id=str(organization.id))
        for name in ("b", "a")
    ]
    await achievement(admin)
    query = {"organization_id": str(organization.id), "sort": "name", "count": "exact"}
    page = (await admin.get("/achievements", params=query)).json()
    assert [item["id"] for item in page["items"]] == own[::-1]
    assert page["total"] == 2
