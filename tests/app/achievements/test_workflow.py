"""The life cycle, walked over the whole square of states and verbs."""

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.achievements.models import Achievement, AchievementState
from app.achievements.workflow import TRANSITIONS
from app.transitions import Party
from tests.app.achievements.achievements import COMPLETE, achievement, take_step
from tests.people import GUANGZHOU, People

LEADS_TO = {
    ("registered", "review"): "reviewed",
    ("reviewed", "publish"): "published",
    ("registered", "return"): "registered",
    ("reviewed", "return"): "registered",
    ("published", "return"): "registered",
    ("registered", "withdraw"): "withdrawn",
    ("reviewed", "withdraw"): "withdrawn",
    ("published", "withdraw"): "withdrawn",
    ("withdrawn", "restore"): "registered",
}


@pytest.mark.parametrize("state", [state.value for state in AchievementState])
async def test_every_verb_from_every_state(people: People, state: str) -> None:
    staff = await people.coordinator()
    for verb in TRANSITIONS:
        achievement_id = await achievement(staff, state)
        status, body = await take_step(staff, achievement_id, verb)
        if (state, verb) in LEADS_TO:
            assert (status, body["state"]) == (200, LEADS_TO[state, verb])
            now = (await staff.get(f"/achievements/{achievement_id}")).json()
            assert body["version"] == now["version"]
        else:
            assert (status, body["code"]) == (409, "wrong_state")


@pytest.mark.parametrize("state", [state.value for state in AchievementState])
async def test_allowed_actions_are_the_steps_that_succeed(people: People, state: str) -> None:
    staff, organization = await people.coordinator(), await people.organization()
    member = await people.enterprise(organization)
    achievement_id = await achievement(staff, state, organization_id=str(organization.id))
    for client, party in ((staff, Party.STAFF), (member, Party.ORGANIZATION)):
        shown = (await client.get(f"/achievements/{achievement_id}")).json()["allowed_actions"]
        possible = {
            verb
            for verb, step in TRANSITIONS.items()
            if (state, verb) in LEADS_TO and party in step.parties
        }
        assert set(shown) - {"update"} == possible


async def test_a_member_may_withdraw_and_restore_but_not_review(people: People) -> None:
    staff, organization = await people.coordinator(), await people.organization()
    member = await people.enterprise(organization)
    achievement_id = await achievement(staff, organization_id=str(organization.id))
    assert (await take_step(member, achievement_id, "review"))[0] == 403
    status, body = await take_step(member, achievement_id, "withdraw")
    assert (status, body["state"], body["state_reason"]) == (200, "withdrawn", "请补充检测报告")
    assert (await take_step(member, achievement_id, "restore"))[1]["state"] == "registered"


async def test_staff_of_another_region_may_take_no_step(people: People) -> None:
    achievement_id = await achievement(await people.coordinator())
    assert (await take_step(await people.coordinator(GUANGZHOU), achievement_id, "review"))[
        0
    ] == 404


async def test_a_classified_achievement_is_refused(people: People, session: AsyncSession) -> None:
    staff = await people.coordinator()
    for refused in (
        await staff.post("/achievements", json=COMPLETE | {"is_confidential": True}),
        await staff.patch(
            f"/achievements/{await achievement(staff)}",
            json={"summary": "秘密", "is_confidential": True},
        ),
    ):
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "confidential")
    [one] = (await staff.get("/achievements")).json()["items"]
    achievement_id = one["id"]
    await session.execute(update(Achievement).values(is_confidential=True))  # one of before
    await session.commit()
    opened = await staff.patch(f"/achievements/{achievement_id}", json={"is_confidential": False})
    assert (opened.status_code, opened.json()["errors"][0]["code"]) == (422, "confidential")
    status, body = await take_step(staff, achievement_id, "review")
    assert (status, body["errors"][0]["pointer"]) == (422, "/is_confidential")
    assert body["errors"][0]["code"] == "confidential"
    assert "涉密" in body["errors"][0]["detail"]


async def test_review_names_every_missing_field(people: People) -> None:
    staff = await people.coordinator()
    answer = await staff.post("/achievements", json={"name": "只有名称", "region_code": "330782"})
    missing = answer.json()["missing"]
    assert {"organization_name", "people", "nature", "keywords", "transfer_modes"} <= set(missing)
    status, body = await take_step(staff, answer.json()["id"], "review")
    assert status == 422
    assert [error["pointer"] for error in body["errors"]] == [f"/{name}" for name in missing]


async def test_a_published_achievement_stays_complete_and_unclassified(people: People) -> None:
    staff = await people.coordinator()
    achievement_id = await achievement(staff, "published")
    for fault in ({"summary": ""}, {"is_confidential": True}):
        answer = await staff.patch(f"/achievements/{achievement_id}", json=fault)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/" + next(iter(fault))
    shown = (await staff.get(f"/achievements/{achievement_id}")).json()
    assert (shown["state"], shown["is_confidential"], shown["missing"]) == ("published", False, [])
