"""Demands as the tests enter them: the complete form, and demands in any state."""

from typing import Any
from uuid import UUID

from httpx import AsyncClient
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.demands.models import CooperationMode, Demand, DemandState
from app.demands.operations import index_text
from app.organizations.models import Organization
from tests.people import YIWU

CREDIT_CODES = ("91330782MA2DEM013G", "91330782MA2DEMO13R")
COMPLETE: dict[str, Any] = {
    "title": "超细旦锦纶袜浅色黄变控制",
    "problem": "白色与浅色锦纶袜在定型和仓储后黄变，退货率高。",
    "key_indicators": "150℃ 热黄变 ΔE 小于 1.0",
    "expected_outcome": "提供稳定的前处理与定型工艺",
    "keywords": ["锦纶", "黄变", "定型"],
    "period_until_on": "2027-12-31",
    "budget": "50.5",
    "cooperation_mode": "commissioned",
    "technology_field": "new_materials",
    "industry_code": "18",
    "contact_name": "王织",
    "contact_phone": "0579-85550100",
}
OPEN_BID: dict[str, Any] = {
    "is_open_bid": True,
    "assessment_indicators": "连续三批 ΔE 小于 1.0",
    "time_limit_months": 24,
    "ownership_of_results": "双方共有",
}
REVIEW = ("begin-review", "pass-formal-review", "publish")
WITH_REASON = frozenset({"return", "refuse", "withdraw", "resolve", "close", "track", "reopen"})


async def give_code(session: AsyncSession, organization: Organization, code: str) -> None:
    await session.execute(
        update(Organization)
        .where(Organization.id == organization.id)
        .values(unified_social_credit_code=code)
    )
    await session.commit()


async def enter(client: AsyncClient, **fields: Any) -> dict[str, Any]:
    """A draft, complete unless the fields say otherwise, entered through HTTP."""
    answer = await client.post("/demands", json=COMPLETE | fields)
    assert answer.status_code == 201, answer.text
    demand: dict[str, Any] = answer.json()
    return demand


async def take_step(client: AsyncClient, demand_id: str | UUID, verb: str) -> tuple[int, Any]:
    """Status and body of one step of the life cycle."""
    body = {"reason": "请补充现有水平"} if verb in WITH_REASON else None
    answer = await client.post(f"/demands/{demand_id}:{verb}", json=body)
    return answer.status_code, answer.json()


async def publish(enterprise: AsyncClient, staff: AsyncClient, **fields: Any) -> str:
    """The id of a demand that went the whole way through HTTP."""
    demand_id: str = (await enter(enterprise, **fields))["id"]
    assert (await take_step(enterprise, demand_id, "submit"))[0] == 200
    for verb in REVIEW:
        status, body = await take_step(staff, demand_id, verb)
        assert status == 200, body
    return demand_id


async def store(
    session: AsyncSession,
    organization: Organization,
    *,
    state: DemandState = DemandState.PUBLISHED,
    **fields: Any,
) -> Demand:
    """A complete demand in any state, straight into the database."""
    known = COMPLETE | {"public_summary": "锦纶袜的黄变问题", "region_code": YIWU}
    values = known | {"cooperation_mode": CooperationMode.COMMISSIONED} | fields
    del values["period_until_on"]
    demand = Demand(**values, organization_id=organization.id, state=state)
    index_text(demand)
    session.add(demand)
    await session.commit()
    return demand
