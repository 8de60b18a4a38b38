"""What staff may make of a proposal: its words, and the demands that they carry themselves."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.demands.models import Demand, DemandState
from app.problems import operations
from app.problems.models import ProblemMember
from tests.app.matches.scenes import move
from tests.app.problems import scenes
from tests.people import GUANGZHOU, People


async def test_editing(
    people: People,
    session: AsyncSession,
    demands: list[Demand],
    problem: dict[str, Any],
    staff: AsyncClient,
) -> None:
    path = f"/common-problems/{problem['id']}"
    third = await scenes.demand(session, people, "氨氮")
    wanted = [str(d.id) for d in (*demands, third)]
    tag = (await staff.get(path)).headers["etag"]
    body = {"title": "锦纶黄变共性难题", "demand_ids": wanted}
    answer = await staff.patch(path, json=body, headers={"If-Match": tag})
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["title"], shown["organization_count"]) == ("锦纶黄变共性难题", 3)
    assert shown["statement"].startswith("3 家企业提出 3 条"), "nobody has written that"
    [added] = [m for m in shown["members"] if m["demand_id"] == str(third.id)]
    assert (added["origin"], added["similarity"]) == ("added", None)
    assert added["reason"] == "由协调员加入"
    assert (await staff.patch(path, json=body, headers={"If-Match": tag})).status_code == 412
    assert await scenes.listed(staff, text="共性难题")


async def test_a_title_alone_may_be_written_whatever_became_of_the_demands(
    session: AsyncSession, demands: list[Demand], problem: dict[str, Any], staff: AsyncClient
) -> None:
    await move(session, demands[1], DemandState.WITHDRAWN)
    path = f"/common-problems/{problem['id']}"
    answer = await staff.patch(path, json={"title": "锦纶黄变共性难题"})
    assert answer.status_code == 200, answer.text
    assert scenes.members(answer.json()) == {demand.id for demand in demands}
    assert answer.json()["updated_at"] > problem["updated_at"]
    assert await scenes.listed(staff, text="共性难题")


async def test_what_an_edit_may_not_leave_behind(
    people: People,
    session: AsyncSession,
    demands: list[Demand],
    problem: dict[str, Any],
    staff: AsyncClient,
) -> None:
    path, own = f"/common-problems/{problem['id']}", demands[0].organization
    second = await scenes.demand(session, people, "氨氮", organization=own)
    draft = await scenes.demand(session, people, "氨氮", state=DemandState.DRAFT)
    first, other = (str(d.id) for d in demands)
    country = await people.administrator()
    refused = [
        (country, [first, str(second.id)], "not_shared"),
        (staff, [first, other, str(draft.id)], "not_published"),
        (staff, [first], "too_short"),
    ]
    for client, wanted, code in refused:
        answer = await client.patch(path, json={"demand_ids": wanted})
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["code"] == code
    assert await scenes.read(staff, problem["id"]) == problem
    third = str((await scenes.demand(session, people, "黄变", region_code=GUANGZHOU)).id)
    answer = await country.patch(path, json={"demand_ids": [first, other, third]})
    assert answer.status_code == 200, answer.text
    answer = await staff.patch(path, json={"demand_ids": [other, third]})
    assert (answer.status_code, answer.json()["detail"]) == (403, "不能移出自己的管辖地区")


async def test_staff_place_the_demands_of_their_region_and_no_others(
    people: People,
    session: AsyncSession,
    demands: list[Demand],
    problem: dict[str, Any],
    staff: AsyncClient,
) -> None:
    """Neither is another region's demand pushed out for good, nor are its enterprises told."""
    path, (own, other) = f"/common-problems/{problem['id']}", (str(d.id) for d in demands)
    second = str((await scenes.demand(session, people, "氨氮")).id)
    far = str((await scenes.demand(session, people, "氨氮二", region_code="110105")).id)
    for wanted in ([own, second], [own, other, far], [own, second, far]):
        answer = await staff.patch(path, json={"demand_ids": wanted})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), wanted
        assert "管辖地区" in answer.json()["detail"]
    assert await scenes.read(staff, problem["id"]) == problem
    assert (await staff.patch(path, json={"demand_ids": [own, second, other]})).status_code == 200
    theirs = await people.coordinator(GUANGZHOU)
    answer = await theirs.patch(path, json={"demand_ids": [own, other]})
    assert answer.status_code == 403
    country = await people.administrator()
    assert (await country.patch(path, json={"demand_ids": [own, second]})).status_code == 200
    answer = await staff.patch(path, json={"demand_ids": [own, second, other]})
    assert answer.status_code == 403, "what was taken out is brought back by its own staff"


async def test_whose_others_demands_are_is_not_found_out_by_trying(
    people: People, session: AsyncSession, problem: dict[str, Any], staff: AsyncClient
) -> None:
    """A published demand does not name its enterprise to other regions; nor does a refusal."""
    path, far = f"/common-problems/{problem['id']}", await people.organization()
    one, two, three = [
        str(
            (await scenes.demand(session, people, "氨氮", organization=o, region_code=GUANGZHOU)).id
        )
        for o in (far, far, None)
    ]
    same, different = [
        await staff.patch(path, json={"demand_ids": wanted})
        for wanted in ([one, two], [one, three])
    ]
    assert (same.status_code, different.status_code) == (403, 403)
    assert same.json()["detail"] == different.json()["detail"]


async def test_what_is_withdrawn_stands_in_the_way_of_no_edit(
    people: People,
    session: AsyncSession,
    demands: list[Demand],
    problem: dict[str, Any],
    staff: AsyncClient,
) -> None:
    """It is nobody's to take out by hand: that would be for good, should it be published again."""
    path, own = f"/common-problems/{problem['id']}", str(demands[0].id)
    second = str((await scenes.demand(session, people, "氨氮")).id)
    await move(session, demands[1], DemandState.WITHDRAWN)
    answer = await staff.patch(path, json={"demand_ids": [own, second]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["demand_count"] == 2
    excluded = select(ProblemMember).where(ProblemMember.is_excluded)
    assert (await session.scalars(excluded)).all() == []


async def test_what_is_put_in_by_hand_has_an_end(
    people: People,
    session: AsyncSession,
    demands: list[Demand],
    problem: dict[str, Any],
    staff: AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is taken out again counts, too, since it is kept; but it may always come back."""
    monkeypatch.setattr(operations, "MOST_MEMBERS", 3)
    path, pair = f"/common-problems/{problem['id']}", [str(d.id) for d in demands]
    third, fourth = [str((await scenes.demand(session, people, "氨氮")).id) for _ in range(2)]
    for wanted in ([*pair, third], pair):
        assert (await staff.patch(path, json={"demand_ids": wanted})).status_code == 200
    answer = await staff.patch(path, json={"demand_ids": [*pair, fourth]})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/demand_ids", "too_long")
    assert "含已移出的" in error["detail"]
    assert (await staff.patch(path, json={"demand_ids": [*pair, third]})).status_code == 200
