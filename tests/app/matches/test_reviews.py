"""Candidates see why they rank, and a person looks when they ask."""

from typing import Any

from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.demands.models import Demand, DemandState
from tests.app.matches import scenes
from tests.people import GUANGZHOU, People

REASON = {"reason": "我有三项相关专利未计入"}
ANSWER = {"answer": "已核对，补录后重新匹配"}


async def ranked(people: People, session: AsyncSession) -> tuple[AsyncClient, Any, dict[str, Any]]:
    """An expert's client, their profile, and a run in which they stand."""
    account = await people.account(Role.EXPERT)
    expert = await scenes.expert(session, "染整", "锦纶染色；热黄变控制", account_id=account.id)
    await scenes.expert(session, "茶叶", "茶园害虫绿色防控")
    demand = await scenes.demand(session, await people.organization())
    run = await scenes.match(await people.coordinator(), demand.id)
    return await people.client(account), expert, run


def own_match(run: dict[str, Any], expert: Any) -> dict[str, Any]:
    return next(m for m in run["matches"] if m["expert"]["id"] == str(expert.id))


async def test_an_expert_sees_where_they_stand_and_why(
    people: People, session: AsyncSession
) -> None:
    person, expert, run = await ranked(people, session)
    [shown] = (await person.get(f"/experts/{expert.id}/matches")).json()["items"]
    stored = own_match(run, expert)
    assert shown["id"] == stored["id"]
    for name in ("rank", "score", "contributions"):
        assert shown[name] == stored[name], name
    assert abs(sum(c["value"] for c in shown["contributions"]) - shown["score"]) < 1e-6
    assert "problem" not in shown["demand"]


async def test_an_expert_is_told_in_the_public_words_of_a_demand(
    people: People, session: AsyncSession
) -> None:
    """What an enterprise keeps to itself stands in no reason, neither here nor in an export."""
    account = await people.account(Role.EXPERT)
    expert = await scenes.expert(
        session, "甲", "锦纶染色；液态金属散热；plasma dyeing", account_id=account.id
    )
    demand = await scenes.demand(
        session,
        await people.organization(),
        title="锦纶袜",
        public_summary="dyeing of socks",
        keywords=["锦纶"],
        problem="液态金属泄漏，plasma dyeing 设备",
        key_indicators="",
    )
    run = await scenes.match(await people.coordinator(), demand.id)
    known = str(own_match(run, expert)["terms"])
    assert all(word in known for word in ("锦纶", "液态金属", "plasma", "dyeing")), known
    person = await people.client(account)
    [shown] = (await person.get(f"/experts/{expert.id}/matches")).json()["items"]
    assert {"锦纶", "dyeing"} <= set(shown["terms"])
    for path in (f"/experts/{expert.id}/matches", "/me/personal-data"):
        answer = (await person.get(path)).json()
        rows = answer.get("items") or next(
            section["rows"] for section in answer["sections"] if section["name"] == "matches"
        )
        told = str([[row["terms"], row["evidence"]] for row in rows])
        assert "锦纶" in told
        assert "液态" not in told
        assert "plasma" not in told


async def test_only_the_expert_sees_it(people: People, session: AsyncSession) -> None:
    _, expert, run = await ranked(people, session)
    for other, of_expert, of_match in (
        (await people.coordinator(), 403, 403),
        (await people.evaluator(), 403, 404),
        (await people.expert(), 404, 404),
        (await people.enterprise(), 404, 404),
    ):
        assert (await other.get(f"/experts/{expert.id}/matches")).status_code == of_expert
        path = f"/matches/{own_match(run, expert)['id']}:request-review"
        assert (await other.post(path, json=REASON)).status_code == of_match


async def test_a_withdrawn_demand_is_shown_no_more(people: People, session: AsyncSession) -> None:
    person, expert, _ = await ranked(people, session)
    [shown] = (await person.get(f"/experts/{expert.id}/matches")).json()["items"]
    demand = await session.get_one(Demand, shown["demand"]["id"])
    await scenes.move(session, demand, DemandState.WITHDRAWN)
    assert (await person.get(f"/experts/{expert.id}/matches")).json()["items"] == []


async def test_a_person_answers(people: People, session: AsyncSession) -> None:
    person, expert, run = await ranked(people, session)
    path = f"/matches/{own_match(run, expert)['id']}:request-review"
    asked = await person.post(path, json=REASON)
    assert asked.status_code == 201, asked.text
    assert (await person.post(path, json=REASON)).status_code == 409
    review = f"/match-reviews/{asked.json()['id']}"
    staff, elsewhere = await people.coordinator(), await people.coordinator(GUANGZHOU)
    waiting = (await staff.get("/queue")).json()
    assert waiting["counts"]["answer_match_review"] == 1
    assert (await elsewhere.get("/queue")).json()["counts"].get("answer_match_review") is None
    assert (await elsewhere.post(f"{review}:answer", json=ANSWER)).status_code == 404
    assert (await person.post(f"{review}:answer", json=ANSWER)).status_code == 403
    answered = (await staff.post(f"{review}:answer", json=ANSWER)).json()
    assert (answered["state"], answered["answer"]) == ("answered", ANSWER["answer"])
    assert (await staff.post(f"{review}:answer", json=ANSWER)).status_code == 409
    assert (await person.get(review)).json()["answer"] == ANSWER["answer"]
    assert (await person.post(path, json=REASON)).status_code == 201


async def test_a_review_is_offered_where_it_may_be_asked_for(
    people: People, session: AsyncSession
) -> None:
    person, expert, run = await ranked(people, session)
    path = f"/matches/{own_match(run, expert)['id']}:request-review"

    async def offered() -> list[str]:
        [shown] = (await person.get(f"/experts/{expert.id}/matches")).json()["items"]
        actions: list[str] = shown["allowed_actions"]
        return actions

    assert await offered() == ["request-review"]
    review_id = (await person.post(path, json=REASON)).json()["id"]
    assert await offered() == []
    staff = await people.coordinator()
    await staff.post(f"/match-reviews/{review_id}:answer", json=ANSWER)
    assert await offered() == ["request-review"]
    demand = await session.get_one(Demand, run["demand_id"])
    await scenes.move(session, demand, DemandState.WITHDRAWN)
    assert (await person.post(path, json=REASON)).status_code == 409


async def test_list_agrees_with_reading_one_by_one(people: People, session: AsyncSession) -> None:
    person, expert, run = await ranked(people, session)
    path = f"/matches/{own_match(run, expert)['id']}:request-review"
    review_id = (await person.post(path, json=REASON)).json()["id"]
    readers = {
        "person": (person, True),
        "staff": (await people.coordinator(), True),
        "administrator": (await people.administrator(), True),
        "elsewhere": (await people.coordinator(GUANGZHOU), False),
        "other expert": (await people.expert(), False),
        "enterprise": (await people.enterprise(), False),
        "evaluator": (await people.evaluator(), False),
    }
    for name, (reader, sees) in readers.items():
        listed = (await reader.get("/match-reviews", params={"count": "exact"})).json()
        assert listed["total"] == len(listed["items"]) == int(sees), name
        status = (await reader.get(f"/match-reviews/{review_id}")).status_code
        assert status == (200 if sees else 404), name
