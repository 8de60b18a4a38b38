"""Experts as the tests enter them."""

from typing import Any

from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.experts.models import Expert, ExpertKind, ExpertState
from app.experts.operations import index_text
from tests.people import YIWU

COMPLETE: dict[str, Any] = {
    "name": "曾小贤",
    "title": "教授",
    "organization_name": "浙江大学",
    "disciplines": ["540"],
    "technology_fields": ["new_materials"],
    "research_directions": ["锦纶染整"],
    "region_code": YIWU,
}


async def enter(client: AsyncClient, **fields: Any) -> dict[str, Any]:
    """A draft, complete unless the fields say otherwise, entered through HTTP."""
    answer = await client.post("/experts", json=COMPLETE | fields)
    assert answer.status_code == 201, answer.text
    expert: dict[str, Any] = answer.json()
    return expert


async def store(
    session: AsyncSession,
    *,
    state: ExpertState = ExpertState.IN_POOL,
    kind: ExpertKind = ExpertKind.EXPERT,
    **fields: Any,
) -> Expert:
    """An expert in any state, straight into the database."""
    known = COMPLETE | {"specialities": [], "introduction": "", "evidence": []}
    expert = Expert(**known | fields, state=state, kind=kind)
    index_text(expert)
    session.add(expert)
    await session.commit()
    return expert


def path_of(expert: Expert) -> str:
    return f"/experts/{expert.id}"
