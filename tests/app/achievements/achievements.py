"""A complete achievement, and a way to bring one into any state."""

from typing import Any

from httpx import AsyncClient

from tests.people import YIWU

COMPLETE: dict[str, Any] = {
    "name": "抗酸型共挤封装胶膜",
    "registration_number": "9332026Y0042",
    "organization_name": "某光伏研究院",
    "people": ["许嘉树", "邱文涛"],
    "nature": "improvement",
    "level": "domestic_leading",
    "stage": "small_batch",
    "form": "new_material",
    "keywords": ["封装胶膜", "抗酸", "双玻组件"],
    "summary": "在胶膜的芯层引入水滑石抗酸剂梯度。",
    "technology_field": "new_energy_efficiency",
    "industry_code": "291",
    "disciplines": ["43050"],
    "region_code": YIWU,
    "intellectual_property": ["invention_patent", "trade_secret"],
    "transfer_modes": ["license", "cooperation"],
}
WAYS = {
    "registered": (),
    "reviewed": ("review",),
    "published": ("review", "publish"),
    "withdrawn": ("withdraw",),
}
WITH_REASON = ("return", "withdraw")


async def achievement(staff: AsyncClient, state: str = "registered", **values: Any) -> str:
    """The id of a new achievement in `state`."""
    answer = await staff.post("/achievements", json=COMPLETE | values)
    assert answer.status_code == 201, answer.text
    achievement_id: str = answer.json()["id"]
    for verb in WAYS[state]:
        assert (await take_step(staff, achievement_id, verb))[0] == 200
    return achievement_id


async def take_step(client: AsyncClient, achievement_id: str, verb: str) -> tuple[int, Any]:
    """Status and body of one step of the life cycle."""
    body = {"reason": "请补充检测报告"} if verb in WITH_REASON else None
    answer = await client.post(f"/achievements/{achievement_id}:{verb}", json=body)
    return answer.status_code, answer.json()
