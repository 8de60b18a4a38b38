"""Whoever a constraint keeps out is named with the reason; nobody goes silently."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.clock import CHINA, now, today
from app.demands.models import Demand
from app.experts.models import Expert, ExpertKind, InvitationState
from app.organizations.models import Membership, MembershipState, OrganizationKind
from tests.app.matches import scenes
from tests.app.matches.scenes import names
from tests.people import GUANGZHOU, JINHUA, YIWU, People

DIRECTION = "锦纶染色；热黄变控制"


class Scene:
    """One demand, its staff, and two experts; the first has the fields of the test."""

    staff: AsyncClient
    demand: Demand
    expert_id: str

    async def reasons(self, **parameters: Any) -> list[tuple[str, str]]:
        """Reason and detail of the first expert's exclusion; the second is always a match."""
        run = await scenes.match(self.staff, self.demand.id, **parameters)
        found = [(e["reason"], e["detail"]) for e in run["exclusions"]]
        assert {e["expert_id"] for e in run["exclusions"]} <= {self.expert_id}
        assert all(e["rank"] in (1, 2) for e in run["exclusions"])
        assert names(run)[-1:] == ["乙"] or "乙" in names(run)
        assert ("甲" in names(run)) == (found == [])
        return found


@pytest.fixture
async def scene(people: People, session: AsyncSession) -> Scene:
    made = Scene()
    made.staff = await people.coordinator(JINHUA)
    made.demand = await scenes.demand(session, await people.organization(region_code=JINHUA))
    return made


async def put(scene: Scene, session: AsyncSession, **fields: Any) -> None:
    scene.expert_id = str((await scenes.expert(session, "甲", DIRECTION, **fields)).id)
    await scenes.expert(session, "乙", DIRECTION, region_code=YIWU)


async def test_absent_that_day(scene: Scene, session: AsyncSession) -> None:
    absences = [{"from_on": "2030-03-01", "until_on": "2030-03-31"}]
    await put(scene, session, absences=absences)
    for on in ("2030-03-01", "2030-03-31"):
        assert await scene.reasons(on=on) == [("absent", "2030-03-01/2030-03-31")]
    for on in ("2030-02-28", "2030-04-01"):
        assert await scene.reasons(on=on) == []


async def test_without_a_day_today_counts(scene: Scene, session: AsyncSession) -> None:
    day = today().isoformat()
    await put(scene, session, absences=[{"from_on": day, "until_on": day}])
    assert await scene.reasons() == [("absent", f"{day}/{day}")]
    tomorrow = today() + timedelta(days=1)
    assert await scene.reasons(on=tomorrow.isoformat()) == []


async def test_today_begins_at_midnight_in_china(monkeypatch: pytest.MonkeyPatch) -> None:
    early = datetime(2027, 1, 1, 0, 30, tzinfo=CHINA)
    monkeypatch.setattr("app.clock.now", lambda: early)
    assert today().isoformat() == "2027-01-01"


async def test_region_and_kind(scene: Scene, session: AsyncSession) -> None:
    await put(scene, session, region_code=GUANGZHOU, kind=ExpertKind.OVERSEAS_TALENT)
    assert await scene.reasons(regions=[JINHUA]) == [("region", GUANGZHOU)]
    assert await scene.reasons(regions=[JINHUA, "440000"]) == []
    assert await scene.reasons(kinds=["expert"]) == [("kind", "overseas_talent")]
    assert await scene.reasons(kinds=["expert", "overseas_talent"]) == []


async def test_an_expert_without_a_region_is_told_so(scene: Scene, session: AsyncSession) -> None:
    await put(scene, session, region_code=None)
    assert await scene.reasons(regions=[JINHUA]) == [("region", "")]


async def test_the_same_organization(scene: Scene, session: AsyncSession) -> None:
    own = scene.demand.organization_id
    await put(scene, session, organization_id=own)
    assert await scene.reasons() == [("organization_conflict", str(own))]


@pytest.mark.parametrize("employer", ["义乌（测试）ABC公司", " 义烏(測試)abc 公司"])
async def test_an_employer_that_is_the_enterprise_by_name(
    people: People, session: AsyncSession, employer: str
) -> None:
    """Nobody linked the two, or the same body was entered twice; in both directions."""
    enterprise = await people.organization("义乌(测试)ABC公司")
    demand = await scenes.demand(session, enterprise)
    expert = await scenes.expert(session, "甲", DIRECTION, organization_name=employer)
    staff = await people.coordinator()
    run = await scenes.match(staff, demand.id)
    assert run["matches"] == []
    [excluded] = run["exclusions"]
    named = (excluded["reason"], excluded["detail"])
    assert named == ("organization_conflict", "义乌(测试)abc公司")
    assert (await staff.get(f"/experts/{expert.id}/matching-demands")).json() == []


async def test_who_acts_for_the_enterprise(people: People, session: AsyncSession) -> None:
    """Whichever region it is of, and from the moment of approval to that of revocation."""
    enterprise = await people.organization(region_code=GUANGZHOU)
    demand = await scenes.demand(session, enterprise)
    account = await people.account(Role.EXPERT)
    expert = await scenes.expert(session, "甲", DIRECTION, account_id=account.id)
    staff, path = await people.coordinator(), f"/experts/{expert.id}/matching-demands"
    assert names(await scenes.match(staff, demand.id)) == ["甲"]
    membership_id = await people.join(account, enterprise)
    run = await scenes.match(staff, demand.id)
    assert run["matches"] == []
    [excluded] = run["exclusions"]
    assert excluded["expert_id"] == str(expert.id)
    named = (excluded["reason"], excluded["detail"])
    assert named == ("organization_conflict", str(enterprise.id))
    for reader in (staff, await people.client(account)):
        assert (await reader.get(path)).json() == []
    membership = await session.get_one(Membership, membership_id)
    membership.state = MembershipState.REVOKED
    await session.commit()
    assert names(await scenes.match(staff, demand.id)) == ["甲"]
    assert len((await staff.get(path)).json()) == 1


async def test_a_declared_conflict(scene: Scene, session: AsyncSession) -> None:
    own = scene.demand.organization_id
    await put(scene, session, conflicting_organization_ids=[own])
    assert await scene.reasons() == [("organization_conflict", str(own))]


async def test_a_conflict_that_the_coordinator_names(
    people: People, scene: Scene, session: AsyncSession
) -> None:
    partner = await people.organization(kind=OrganizationKind.UNIVERSITY)
    await put(scene, session, organization_id=partner.id)
    assert await scene.reasons() == []
    named = await scene.reasons(conflicting_organization_ids=[str(partner.id)])
    assert named == [("organization_conflict", str(partner.id))]


async def test_a_conflict_that_the_coordinator_names_is_by_name_too(
    people: People, scene: Scene, session: AsyncSession
) -> None:
    partner = await people.organization("某研究院", kind=OrganizationKind.UNIVERSITY)
    await put(scene, session, organization_name="某 研究院")
    named = await scene.reasons(conflicting_organization_ids=[str(partner.id)])
    assert named == [("organization_conflict", "某研究院")]


async def test_an_explicit_exclusion_keeps_its_reason(scene: Scene, session: AsyncSession) -> None:
    await put(scene, session)
    excluded = [{"expert_id": scene.expert_id, "reason": "企业要求回避"}]
    assert await scene.reasons(excluded=excluded) == [("excluded", "企业要求回避")]
    nobody = [{"expert_id": str(UUID(int=7)), "reason": "不存在"}]
    assert await scene.reasons(excluded=nobody) == []


async def test_no_capacity_at_all(scene: Scene, session: AsyncSession) -> None:
    await put(scene, session, yearly_capacity=0)
    assert await scene.reasons() == [("no_capacity", "0/0")]


async def test_invitations_use_up_the_year_and_recommendations_do_not(
    people: People, scene: Scene, session: AsyncSession
) -> None:
    """The index follows each, a kept one too; who names no number has the usual one."""
    await put(scene, session)
    other = await scenes.demand(session, await people.organization(), title="另一需求")
    run = await scenes.match(scene.staff, other.id)
    mine = next(m for m in run["matches"] if m["expert"]["id"] == scene.expert_id)
    assert await scenes.judge(scene.staff, mine["id"], "recommended") == 201
    assert await scene.reasons() == []
    expert, later = await session.get_one(Expert, UUID(scene.expert_id)), today() + timedelta(14)
    for number in range(3):
        await scenes.invitation(session, expert, timedelta(seconds=number))
        assert await scene.reasons() == [("resting", str(later - timedelta(1)))]
    if later.year == today().year:
        assert await scene.reasons(on=str(later)) == [("no_capacity", "3/3")]
    assert await scene.reasons(on=f"{today().year + 1}-02-01") == []


async def test_rest_after_a_refusal_is_longer_and_ends_by_the_day(
    scene: Scene, session: AsyncSession
) -> None:
    await put(scene, session, yearly_capacity=9)
    expert = await session.get_one(Expert, UUID(scene.expert_id))
    refused = {"state": InvitationState.REFUSED, "answered_at": now() - timedelta(days=20)}
    await scenes.invitation(session, expert, timedelta(days=30), **refused)
    last = today() + timedelta(days=39)
    for on in (None, str(last)):
        assert await scene.reasons(on=on) == [("resting", str(last))]
    assert await scene.reasons(on=str(last + timedelta(days=1))) == []


async def test_what_an_expert_says_of_being_asked(scene: Scene, session: AsyncSession) -> None:
    day = today() + timedelta(days=1)
    await put(scene, session, reduced_capacity=0, reduced_until_on=day)
    expert = await session.get_one(Expert, UUID(scene.expert_id))
    assert await scene.reasons() == [("no_capacity", f"0/0 {day}")]
    assert await scene.reasons(on=str(day + timedelta(days=1))) == []
    path = f"/experts/{scene.expert_id}"
    for fields, reason in (
        ({"do_not_contact_until_on": str(day)}, ("do_not_contact", str(day))),
        ({"is_do_not_contact": True}, ("do_not_contact", "")),
    ):
        await session.refresh(expert)
        headers = {"If-Match": f'"{expert.version}"'}
        staff = scene.staff
        answer = await staff.patch(path, json=fields, headers=headers)
        assert answer.status_code == 200, answer.text
        assert await scene.reasons() == [reason]


async def test_a_crowd_of_excluded_experts_hides_nobody(
    people: People, session: AsyncSession
) -> None:
    demand = await scenes.demand(session, await people.organization())
    for number in range(12):
        await scenes.expert(session, f"休{number}", DIRECTION, yearly_capacity=0)
    await scenes.expert(session, "唯一", "茶园害虫")
    run = await scenes.match(await people.coordinator(), demand.id, limit=3)
    assert names(run) == ["唯一"]
    assert [e["rank"] for e in run["exclusions"]] == [1, 2, 3]
    assert {e["reason"] for e in run["exclusions"]} == {"no_capacity"}
