"""The conflict check: every reason of each expert at once, of what one may read, nothing kept."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from httpx import AsyncClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.changes.models import Change
from app.clock import today
from app.experts.models import Expert, ExpertState, InvitationState
from tests.app.matches import scenes
from tests.people import GUANGZHOU, YIWU, People

Told = dict[str, list[tuple[str, str | None, str]]]


async def checked(client: AsyncClient, people: list[Expert], **party: object) -> Told:
    """By name what stands against each expert who is told of."""
    body: dict[str, object] = {"expert_ids": [str(expert.id) for expert in people]}
    body |= {name: str(value) for name, value in party.items()}
    answer = await client.post("/conflicts:check", json=body)
    assert answer.status_code == 200, answer.text
    names = {str(expert.id): expert.name for expert in people}
    items: list[dict[str, Any]] = answer.json()
    assert all(item["is_clear"] == (item["objections"] == []) for item in items)
    return {
        names[item["expert_id"]]: [
            (one["reason"], one["relation"], one["detail"]) for one in item["objections"]
        ]
        for item in items
    }


async def test_every_reason_is_told_with_what_binds(people: People, session: AsyncSession) -> None:
    """And as a match has it: whom the check finds clear is ranked, the others are kept out."""
    enterprise, account = await people.organization("义乌甲公司"), await people.account(Role.EXPERT)
    demand = await scenes.demand(session, enterprise)
    own, day = str(enterprise.id), today().isoformat()

    async def expert(name: str, **fields: Any) -> Expert:
        return await scenes.expert(session, name, "锦纶染色", **fields)

    family = [{"organization_id": own, "kind": "family"}]
    asked = [
        await expert("清"),
        await expert("职", organization_name="义乌 甲公司"),
        await expert("亲", declared_conflicts=family, yearly_capacity=0),
        await expert("旧", conflicting_organization_ids=[enterprise.id]),
        await expert("代", account_id=account.id),
        await expert("休", absences=[{"from_on": day, "until_on": day}], is_do_not_contact=True),
        await expert("累"),
        await expert("停", state=ExpertState.SUSPENDED),
    ]
    await scenes.expert(session, "茶叶", "茶园害虫")
    await people.join(account, enterprise)
    refusal = {"state": InvitationState.REFUSED, "answered_at": None}
    await scenes.invitation(session, asked[6], timedelta(days=1), **refusal)
    rested = str(today() + timedelta(days=12))
    conflict = "organization_conflict"
    expected: Told = {
        "清": [],
        "职": [(conflict, "employer", "义乌甲公司")],
        "亲": [(conflict, "family", own), ("no_capacity", None, "0/0")],
        "旧": [(conflict, "other", own)],
        "代": [(conflict, "acts_for", own)],
        "休": [("do_not_contact", None, ""), ("absent", None, f"{day}/{day}")],
        "累": [("resting", None, rested)],
        "停": [("not_in_pool", None, "suspended")],
    }
    staff = await people.coordinator()
    before = await session.scalar(select(func.count(Change.id)))
    for party in ({"demand_id": demand.id}, {"organization_id": enterprise.id}):
        assert await checked(staff, asked, **party) == expected
    assert await session.scalar(select(func.count(Change.id))) == before
    run = await scenes.match(staff, demand.id)
    assert scenes.names(run) == ["清", "茶叶"]
    first = {name: told[0][0] for name, told in expected.items() if told and name != "停"}
    by_id = {str(expert.id): expert.name for expert in asked}
    assert {by_id[e["expert_id"]]: e["reason"] for e in run["exclusions"]} == first


async def test_nothing_is_told_of_what_one_may_not_read(
    people: People, session: AsyncSession
) -> None:
    """Nor who acts for an organization of another region."""
    account = await people.account(Role.EXPERT)
    far = await people.organization(region_code=GUANGZHOU)
    demand = await scenes.demand(session, far, region_code=GUANGZHOU)
    acting = await scenes.expert(session, "代", "锦纶染色", account_id=account.id)
    hidden = await scenes.expert(
        session, "隐", "锦纶染色", region_code=GUANGZHOU, state=ExpertState.DRAFT
    )
    await people.join(account, far)
    near, there = await people.coordinator(), await people.coordinator(GUANGZHOU)
    assert await checked(near, [acting, hidden], organization_id=far.id) == {"代": []}
    told = await checked(there, [acting, hidden], organization_id=far.id)
    assert told["代"] == [("organization_conflict", "acts_for", str(far.id))]
    assert told["隐"] == [("not_in_pool", None, "draft")]
    shared = await scenes.demand(session, far, region_code=GUANGZHOU, shared_region_codes=[YIWU])
    assert await checked(near, [acting], demand_id=shared.id) == {"代": []}
    assert (await checked(there, [acting], demand_id=shared.id))["代"] == told["代"]
    body = {"expert_ids": [str(acting.id)], "demand_id": str(demand.id)}
    for client, status in (
        (near, 403),  # who reads its summary alone
        (await people.enterprise(far), 403),
        (await people.evaluator(), 403),
    ):
        assert (await client.post("/conflicts:check", json=body)).status_code == status
    nowhere = str(UUID(int=7))
    for wrong, status in (
        (body | {"demand_id": nowhere}, 404),
        ({"expert_ids": [nowhere], "organization_id": nowhere}, 422),
        (body | {"organization_id": str(far.id)}, 422),
        ({"expert_ids": [nowhere]}, 422),
        (body | {"expert_ids": [nowhere] * 101}, 422),
        (body | {"expert_ids": []}, 422),
    ):
        assert (await there.post("/conflicts:check", json=wrong)).status_code == status
