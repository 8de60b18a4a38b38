"""The staff's desk: what waits for whom, in which order, and where it leads."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import PasswordReset, Role
from app.achievements.models import AchievementState
from app.clock import now
from app.demands.models import DemandState
from app.experts.models import ExpertState
from app.organizations.models import Membership, MembershipState, OrganizationState
from tests.app.demands.forms import store as store_demand
from tests.app.matches import scenes
from tests.people import GUANGZHOU, JINHUA, YIWU, ZHEJIANG, People

KINDS = {
    "verify_organization",
    "decide_membership",
    "issue_password_reset",
    "review_expert",
    "review_achievement",
    "review_demand",
}


async def queue_of(client: AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await client.get("/queue", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def one_of_each(people: People, session: AsyncSession, region_code: str) -> None:
    """One thing of every kind that waits in the region, besides what does not wait."""
    waiting = await people.organization(region_code=region_code, state=OrganizationState.REGISTERED)
    verified = await people.organization(region_code=region_code)
    applicant = await people.account(Role.ENTERPRISE, region_code=region_code)
    session.add(
        Membership(
            account_id=applicant.id, organization_id=verified.id, state=MembershipState.REQUESTED
        )
    )
    session.add(PasswordReset(account_id=applicant.id))
    for state in (ExpertState.SUBMITTED, ExpertState.IN_POOL, ExpertState.DRAFT):
        await scenes.expert(session, f"{state}专家", "染整", state=state, region_code=region_code)
    achievement = await scenes.achievement(session, "胶膜", "抗酸")
    achievement.state, achievement.region_code = AchievementState.REGISTERED, region_code
    for demand_state in (DemandState.SUBMITTED, DemandState.DRAFT, DemandState.PUBLISHED):
        await store_demand(
            session, verified, state=demand_state, title=f"{demand_state}", region_code=region_code
        )
    await session.commit()
    assert waiting.id is not None


async def test_each_kind_waits_for_the_staff_of_its_region(
    people: People, session: AsyncSession
) -> None:
    for region_code in (YIWU, GUANGZHOU):
        await one_of_each(people, session, region_code)
    for staff in (await people.coordinator(YIWU), await people.coordinator(JINHUA)):
        body = await queue_of(staff)
        assert body["counts"] == dict.fromkeys(KINDS, 1)
        assert {item["kind"] for item in body["items"]} == KINDS
        assert len(body["items"]) == 6
    everything = await queue_of(await people.administrator())
    assert everything["counts"] == dict.fromkeys(KINDS, 2)


async def test_every_path_leads_to_a_record_with_something_to_do(
    people: People, session: AsyncSession
) -> None:
    await one_of_each(people, session, YIWU)
    staff = await people.coordinator(YIWU)
    for item in (await queue_of(staff))["items"]:
        assert item["path"].startswith("/api/v1/")
        answer = await staff.get(item["path"].removeprefix("/api/v1"))
        assert answer.status_code == 200, item
        if item["kind"] != "issue_password_reset":
            record = answer.json()
            assert record["id"] == item["record_id"]
            assert set(record["allowed_actions"]) - {"update"}, item
            assert record["state"] == item["state"]


async def test_the_oldest_comes_first_and_counts_are_of_everything(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    titles = [f"需求{number}" for number in range(5)]
    for title in titles:
        await store_demand(session, organization, state=DemandState.SUBMITTED, title=title)
    await scenes.expert(session, "待审", "染整", state=ExpertState.RECOMMENDED)
    staff = await people.coordinator()
    body = await queue_of(staff, limit=3)
    assert [item["title"] for item in body["items"]] == titles[:3]
    assert body["counts"] == {"review_demand": 5, "review_expert": 1}
    since = [item["waiting_since"] for item in body["items"]]
    assert since == sorted(since)
    only = await queue_of(staff, kind="review_expert")
    assert [item["title"] for item in only["items"]] == ["待审"]
    assert only["counts"] == body["counts"]


async def test_pages_lead_through_all_that_waits(people: People, session: AsyncSession) -> None:
    """Also through those of one moment, and past what is done meanwhile."""
    organization = await people.organization()
    moment = now()
    demands = [
        await store_demand(session, organization, state=DemandState.SUBMITTED, updated_at=moment)
        for _ in range(5)
    ]
    staff = await people.coordinator()
    seen, page = list[str](), await queue_of(staff, limit=2)
    while page["next_cursor"]:
        seen += [item["record_id"] for item in page["items"]]
        await staff.post(f"/demands/{seen[-1]}:return", json={"reason": "请补充"})
        page = await queue_of(staff, limit=2, cursor=page["next_cursor"])
    seen += [item["record_id"] for item in page["items"]]
    assert seen == sorted(str(demand.id) for demand in demands)
    elsewhere = (await staff.get("/demands", params={"limit": 1})).json()["next_cursor"]
    for cursor in ("x", elsewhere):
        answer = await staff.get("/queue", params={"cursor": cursor})
        assert answer.json()["errors"][0]["code"] == "bad_cursor"


async def test_what_is_done_leaves_the_queue(people: People, session: AsyncSession) -> None:
    organization = await people.organization()
    demand = await store_demand(session, organization, state=DemandState.SUBMITTED)
    staff = await people.coordinator()
    answer = await staff.post(f"/demands/{demand.id}:begin-review")
    assert answer.status_code == 200
    (item,) = (await queue_of(staff))["items"]
    assert item["state"] == "formal_review"
    await staff.post(f"/demands/{demand.id}:return", json={"reason": "请补充"})
    assert await queue_of(staff) == {"counts": {}, "items": [], "next_cursor": None}


async def test_passwords_of_staff_wait_for_administrators_only(
    people: People, session: AsyncSession
) -> None:
    colleague = await people.account(Role.COORDINATOR, region_code=YIWU)
    session.add(PasswordReset(account_id=colleague.id))
    await session.commit()
    assert (await queue_of(await people.coordinator(YIWU)))["items"] == []
    (item,) = (await queue_of(await people.administrator()))["items"]
    assert item["record_id"] == str(colleague.id)


HANGZHOU, HAINING = "330100", "330481"
CHAOYANG, HAIDIAN, BEIJING = "110105", "110108", "110000"


@pytest.mark.parametrize(
    ("account_region", "organization_region", "own"),
    [
        (YIWU, None, YIWU),
        (YIWU, YIWU, YIWU),
        (YIWU, "330783", JINHUA),
        (YIWU, JINHUA, JINHUA),
        (YIWU, HAINING, ZHEJIANG),
        (CHAOYANG, HAIDIAN, BEIJING),  # no level lies between
        (YIWU, GUANGZHOU, None),
        (None, None, None),
    ],
)
async def test_a_password_waits_in_the_own_queue_of_the_smallest_region_that_covers_its_account(
    people: People,
    session: AsyncSession,
    account_region: str | None,
    organization_region: str | None,
    own: str | None,
) -> None:
    """In one queue, and there is one: whoever sees it there may issue the code."""
    member = await people.account(Role.ENTERPRISE, region_code=account_region)
    if organization_region is not None:
        organization = await people.organization(region_code=organization_region)
        session.add(
            Membership(
                account_id=member.id,
                organization_id=organization.id,
                state=MembershipState.APPROVED,
            )
        )
    session.add(PasswordReset(account_id=member.id))
    await session.commit()
    regions = (YIWU, JINHUA, HANGZHOU, ZHEJIANG, HAIDIAN, BEIJING, GUANGZHOU)
    staff: dict[str | None, AsyncClient] = {None: await people.administrator()}
    staff |= {region: await people.coordinator(region) for region in regions}
    for region, reader in staff.items():
        items = (await queue_of(reader, level="own"))["items"]
        assert [item["record_id"] for item in items] == [str(member.id)] * (region == own), region


async def test_the_queue_is_for_staff(people: People, client: AsyncClient) -> None:
    for person in (await people.enterprise(), await people.expert(), await people.evaluator()):
        assert (await person.get("/queue")).status_code == 403
    assert (await client.get("/queue")).status_code == 401
    staff = await people.coordinator()
    for query in ({"kind": "coffee"}, {"limit": 0}, {"limit": 201}, {"region": YIWU}):
        assert (await staff.get("/queue", params=query)).status_code == 422
