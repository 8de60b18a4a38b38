"""The job that proposes: what it finds, what it leaves alone, what it says of its reasons."""

from typing import Any
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes.models import Change
from app.demands.models import DemandState
from app.problems.repository import find_concerned
from tests.app.matches.scenes import move
from tests.app.problems import scenes
from tests.people import GUANGZHOU, YIWU, People


async def told(session: AsyncSession) -> list[str]:
    """What happened to common problems, in its order."""
    kinds = await session.scalars(
        select(Change.kind).where(Change.kind.startswith("common_problem")).order_by(Change.id)
    )
    return [kind.partition(".")[2] for kind in kinds]


async def test_like_demands_of_two_enterprises_are_proposed_with_the_reason(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    await scenes.others(session, people)
    one = await scenes.demand(session, people, "黄变", technology_field="new_materials")
    two = await scenes.demand(session, people, "黄变二", region_code=GUANGZHOU)
    staff = await people.coordinator(YIWU)
    await scenes.propose(app, staff)
    problem = await scenes.only(staff)
    assert scenes.members(problem) == {one.id, two.id}
    assert (problem["state"], problem["organization_count"]) == ("proposed", 2)
    assert problem["likeness"] == "near_duplicate"
    assert problem["region_codes"] == [YIWU, GUANGZHOU]
    assert problem["technology_fields"] == ["new_materials"]
    assert problem["title"].startswith((one.title, two.title))
    assert problem["statement"].startswith("2 家企业提出 2 条相近的技术需求，都涉及“")
    assert problem["allowed_actions"] == ["update", "confirm", "dismiss"]
    for member in problem["members"]:
        other = two if member["demand_id"] == str(one.id) else one
        assert 0.3 <= member["similarity"] <= 1
        assert any("黄变" in term for term in member["terms"])
        assert f"与“{other.title}”最相近，都提到“" in member["reason"]
    in_english = await staff.get(
        f"/common-problems/{problem['id']}", headers={"Accept-Language": "en"}
    )
    assert "both speak of" in in_english.json()["members"][0]["reason"]
    [operation] = (await staff.get("/operations")).json()["items"]
    assert (operation["state"], operation["done_count"]) == ("done", 4)


async def test_demands_of_one_enterprise_are_no_common_problem(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    own = await people.organization("同一家 有限公司")
    again = await people.organization("同一家有限公司")  # entered twice
    for organization, subject in ((own, "黄变"), (own, "黄变二"), (again, "黄变")):
        await scenes.demand(session, people, subject, organization=organization)
    await scenes.others(session, people)
    await scenes.propose(app)
    assert await scenes.listed(await people.administrator()) == []


async def test_only_what_is_published_counts_and_only_its_public_part(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    await scenes.others(session, people)
    await scenes.demand(session, people, "黄变")
    await scenes.demand(session, people, "黄变二", state=DemandState.SUBMITTED)
    same: dict[str, Any] = {"problem": "量子点涂层剥离", "key_indicators": "量子点涂层剥离强度"}
    await scenes.demand(session, people, "氨氮", **same)
    await scenes.demand(session, people, "机器人", title="缆索机械手", keywords=[], **same)
    await scenes.propose(app)
    found = await scenes.listed(await people.administrator())
    assert not [p for p in found if "量子" in str(p) or "黄变" in str(p)]


async def test_the_same_again_changes_nothing(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    await scenes.others(session, people)
    for subject in ("黄变", "黄变二", "氨氮", "氨氮二"):
        await scenes.demand(session, people, subject)
    staff = await people.administrator()
    await scenes.propose(app)
    before = [await scenes.read(staff, p["id"]) for p in await scenes.listed(staff)]
    assert len(before) == 2
    await scenes.propose(app)
    assert [await scenes.read(staff, p["id"]) for p in await scenes.listed(staff)] == before
    assert await told(session) == ["proposed", "proposed"]


async def test_a_proposal_grows_and_tells_what_changed(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    await scenes.others(session, people)
    for subject in ("黄变", "黄变二"):
        await scenes.demand(session, people, subject)
    staff = await people.administrator()
    await scenes.propose(app)
    before = await scenes.only(staff)
    third = await scenes.demand(session, people, "黄变", region_code=GUANGZHOU)
    await scenes.propose(app)
    after = await scenes.only(staff)
    assert after["id"] == before["id"]
    assert after["version"] > before["version"]
    assert scenes.members(after) == scenes.members(before) | {third.id}
    assert after["statement"].startswith("3 家企业提出 3 条")
    change = (await session.scalars(select(Change).order_by(Change.id.desc()).limit(1))).one()
    assert (change.kind, change.data) == (
        "common_problem.updated",
        {"added": [str(third.id)], "removed": []},
    )


async def test_what_was_dismissed_comes_back_only_with_more(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    await scenes.others(session, people)
    for subject in ("黄变", "黄变二"):
        await scenes.demand(session, people, subject)
    staff = await people.coordinator()
    await scenes.propose(app)
    problem = await scenes.only(staff)
    assert (await scenes.step(staff, problem["id"], "dismiss"))[0] == 200
    await scenes.propose(app)
    dismissed = await scenes.only(staff)
    assert (dismissed["state"], dismissed["state_reason"]) == (
        "dismissed",
        "工况不同，并非同一难题",
    )
    await scenes.demand(session, people, "黄变二")
    await scenes.propose(app)
    again = await scenes.only(staff)
    assert (again["id"], again["state"], again["state_reason"]) == (problem["id"], "proposed", "")
    assert len(again["members"]) == 3
    assert await told(session) == ["proposed", "dismissed", "returned"]


async def test_a_proposal_lapses_with_its_demands_and_comes_back_with_them(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    await scenes.others(session, people)
    gone = await scenes.demand(session, people, "黄变")
    await scenes.demand(session, people, "黄变二")
    staff = await people.coordinator()
    await scenes.propose(app)
    await move(session, gone, DemandState.WITHDRAWN)
    shown = await scenes.only(staff)
    hidden = next(m for m in shown["members"] if m["demand_id"] == str(gone.id))
    assert (hidden["title"], hidden["public_summary"], hidden["terms"]) == (None, None, [])
    assert gone.title not in str(shown["members"])
    problem_id = shown["id"]
    status, refused = await scenes.step(staff, problem_id, "confirm")
    assert (status, refused["code"]) == (409, "conflict")
    await scenes.propose(app)
    lapsed = await scenes.only(staff)
    assert (lapsed["state"], lapsed["allowed_actions"]) == ("lapsed", [])
    assert "不足两家企业" in lapsed["state_reason"]
    assert "not of two enterprises" in lapsed["state_reason"]
    assert (lapsed["title"], lapsed["statement"], lapsed["terms"]) == (
        "已失效的共性难题 · Lapsed common problem",
        "",
        [],
    )
    assert await scenes.listed(staff, text="黄变") == []
    await move(session, gone, DemandState.PUBLISHED)
    await scenes.propose(app)
    back = await scenes.only(staff)
    assert (back["id"], back["state"], back["title"]) == (problem_id, "proposed", shown["title"])


async def test_beside_a_confirmed_problem_stands_what_it_lacks(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    await scenes.others(session, people)
    for subject in ("黄变", "黄变二"):
        await scenes.demand(session, people, subject)
    staff = await people.coordinator()
    await scenes.propose(app)
    confirmed = await scenes.only(staff)
    await scenes.step(staff, confirmed["id"], "confirm")
    await scenes.propose(app)
    assert len(await scenes.listed(staff)) == 1
    await scenes.demand(session, people, "黄变")
    await scenes.propose(app)
    beside = await scenes.only(staff, state="proposed")
    assert beside["extends_id"] == confirmed["id"]
    assert len(beside["members"]) == 3
    assert len((await scenes.read(staff, confirmed["id"]))["members"]) == 2


async def test_what_a_coordinator_wrote_and_chose_outlasts_the_night(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    await scenes.others(session, people)
    kept = [await scenes.demand(session, people, s) for s in ("黄变", "黄变二", "黄变")]
    added = await scenes.demand(session, people, "氨氮")
    staff = await people.coordinator()
    await scenes.propose(app)
    problem = await scenes.only(staff)
    chosen = [str(d.id) for d in (*kept[:2], added)]
    answer = await staff.patch(
        f"/common-problems/{problem['id']}", json={"title": "锦纶黄变", "demand_ids": chosen}
    )
    assert answer.status_code == 200, answer.text
    await scenes.propose(app)
    edited = await scenes.only(staff)
    assert (edited["title"], edited["likeness"]) == ("锦纶黄变", "similar")
    assert scenes.members(edited) == {kept[0].id, kept[1].id, added.id}
    fourth = await scenes.demand(session, people, "黄变二")
    await scenes.propose(app)
    grown = await scenes.only(staff)
    assert (grown["title"], grown["likeness"]) == ("锦纶黄变", "similar")
    assert scenes.members(grown) == {kept[0].id, kept[1].id, added.id, fourth.id}


async def test_reasons_count_no_demand_that_was_taken_out(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    """They are gone with it, and come back as if it had never been there."""
    await scenes.others(session, people)
    kept = [await scenes.demand(session, people, subject) for subject in ("黄变", "黄变二")]
    staff = await people.coordinator()
    await scenes.propose(app)
    alone = await scenes.only(staff)
    third = await scenes.demand(session, people, "黄变")
    await scenes.propose(app)
    path = f"/common-problems/{alone['id']}"
    answer = await staff.patch(path, json={"demand_ids": [str(d.id) for d in kept]})
    assert answer.status_code == 200, answer.text
    edited = answer.json()
    assert (edited["terms"], edited["likeness"]) == ([], "similar")
    assert [m["similarity"] for m in edited["members"]] == [None, None]
    assert {m["reason"] for m in edited["members"]} == {"成员有变，待重新比对"}
    await scenes.propose(app)
    again = await scenes.only(staff)
    assert (again["terms"], again["likeness"]) == (alone["terms"], alone["likeness"])
    assert [m["reason"] for m in again["members"]] == [m["reason"] for m in alone["members"]]
    assert third.id not in scenes.members(again)
    await scenes.propose(app)
    assert await scenes.only(staff) == again
    assert await told(session) == ["proposed", "updated", "updated", "updated"]


async def test_a_lapsed_one_keeps_what_a_person_wrote(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    await scenes.others(session, people)
    gone = await scenes.demand(session, people, "黄变")
    await scenes.demand(session, people, "黄变二")
    staff = await people.coordinator()
    await scenes.propose(app)
    path = f"/common-problems/{(await scenes.only(staff))['id']}"
    assert (await staff.patch(path, json={"title": "自拟标题"})).status_code == 200
    await move(session, gone, DemandState.WITHDRAWN)
    await scenes.propose(app)
    lapsed = await scenes.only(staff)
    assert (lapsed["state"], lapsed["title"], lapsed["terms"]) == ("lapsed", "自拟标题", [])


async def test_what_was_decided_on_is_read_only_where_its_demands_are_alike_now(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    """There will be ever more of it, while the demands that are open stay as many."""
    await scenes.others(session, people)
    subjects = ("黄变", "黄变二", "氨氮", "氨氮二")
    ids = [(await scenes.demand(session, people, subject)).id for subject in subjects]
    staff = await people.coordinator()
    await scenes.propose(app)

    async def concerned(*demands: UUID) -> set[str]:
        found = {str(problem.id) for problem in await find_concerned(session, demands)}
        await session.rollback()
        return found

    first, second = [(await scenes.only(staff, demand_id=str(ids[at])))["id"] for at in (0, 2)]
    assert await concerned() == {first, second}
    assert (await scenes.step(staff, first, "dismiss"))[0] == 200
    assert await concerned(ids[3]) == {second}
    assert await concerned(ids[1]) == {first, second}
