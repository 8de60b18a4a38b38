"""Candidates see why they rank, and a person looks when they ask."""

from typing import Any

from httpx import AsyncClient
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.demands.models import Demand, DemandState
from app.experts.models import Evidence, EvidenceKind, Grade
from app.matches.models import Judgment, Match
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
    assert shown["rank"] == stored["rank"]
    assert abs(shown["score"] - stored["score"]) <= 0.05
    told = {c["name"]: c["value"] for c in shown["contributions"]}
    assert set(told) == {c["name"] for c in stored["contributions"]}
    for name, value in told.items():
        exact = sum(c["value"] for c in stored["contributions"] if c["name"] == name)
        assert abs(value - exact) <= 0.05, name
    assert abs(sum(told.values()) - shown["score"]) <= 0.05 * (len(told) + 1)
    assert shown["evidence"][0]["terms"]
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


async def test_a_verdict_in_one_run_stands_in_all(people: People, session: AsyncSession) -> None:
    person, expert, first = await ranked(people, session)
    staff = await people.coordinator()
    second = await scenes.match(staff, first["demand_id"])
    ids = [own_match(run, expert)["id"] for run in (first, second)]
    other = await scenes.demand(session, await people.organization(), title="另一需求")
    await scenes.match(staff, other.id)
    for place, verdict, stands in (
        (0, "recommended", True),
        (1, "rejected", False),
        (1, "recommended", True),
        (0, "suitable", False),
    ):
        assert await scenes.judge(staff, ids[place], verdict, "已重新评估") == 201
        shown = (await person.get(f"/experts/{expert.id}/matches")).json()["items"]
        told = {(m["demand"]["id"], m["is_recommended"]) for m in shown}
        assert len(shown) == 3
        assert told == {(first["demand_id"], stands), (str(other.id), False)}


PROBES = ("液态金属", "石墨烯", "等离子", "超临界", "微胶囊", "光催化")


async def spy(people: People, session: AsyncSession) -> tuple[AsyncClient, Any]:
    """An expert each of whose items holds a word that is public and one that is guessed."""
    account = await people.account(Role.EXPERT)
    items = [
        Evidence(kind=EvidenceKind.PATENT, title=f"锦纶；{probe}", grade=Grade.VERIFIED)
        for probe in PROBES
    ]
    items += [Evidence(kind=EvidenceKind.PATENT, title=probe) for probe in PROBES]
    expert = await scenes.expert(session, "甲", "锦纶染色", account_id=account.id, evidence=items)
    return await people.client(account), expert


async def told(person: AsyncClient, expert: Any) -> list[dict[str, Any]]:
    """All that the expert reads of their matches, here and in both exports."""
    rows: list[dict[str, Any]] = (await person.get(f"/experts/{expert.id}/matches")).json()["items"]
    for path in ("/me/personal-data", f"/experts/{expert.id}/personal-data"):
        for section in (await person.get(path)).json()["sections"]:
            rows += section["rows"] if section["name"] in ("matches", "judgments") else []
    return rows


async def test_no_item_of_ones_own_finds_a_word_of_the_private_text(
    people: People, session: AsyncSession
) -> None:
    """An item for each guess: which of them has a share would say which guess is right."""
    person, expert = await spy(people, session)
    for name, words in scenes.DIRECTIONS.items():
        await scenes.expert(session, name, words)
    staff, seen = await people.coordinator(), []
    for guesses in (PROBES[:3], PROBES[3:]):
        demand = await scenes.demand(
            session,
            await people.organization(),
            **{"title": "锦纶袜", "public_summary": "锦纶袜", "keywords": ["锦纶"]},
            **{"problem": "，".join(guesses), "key_indicators": "", "expected_outcome": ""},
        )
        run = await scenes.match(staff, demand.id)
        stored = own_match(run, expert)
        shares = {c["document_id"]: c["value"] for c in stored["contributions"]}
        assert len(set(shares.values())) > 3, "there is something to hide"
        assert await scenes.judge(staff, stored["id"], "suitable") == 201
        rows = await told(person, expert)
        assert len(rows) == 5
        assert any(row.get("confidence") for row in rows)
        for row in rows:
            assert row["score"] == round(row["score"], 1)
            assert not row.get("features")
            assert set(row.get("confidence") or {"level"}) == {"level"}, "or it told the score"
            for one in row.get("contributions", []):
                assert one["document_id"] is None
                assert one["value"] == round(one["value"], 1)
            assert {item["score"] for item in row.get("evidence", [])} <= {0.0}
            assert not any(probe in str(row.get("terms")) for probe in PROBES)
        seen.append([(row["terms"], row["evidence"]) for row in rows if "terms" in row])
        await scenes.move(session, demand, DemandState.WITHDRAWN)
        for table in (Judgment, Match):
            await session.execute(delete(table))
        await session.commit()
    assert seen[0] == seen[1], "only the private text differs"
    assert all(evidence for _, evidence in seen[0])


async def test_an_item_without_a_public_word_is_no_evidence(
    people: People, session: AsyncSession
) -> None:
    person, expert = await spy(people, session)
    demand = await scenes.demand(
        session,
        await people.organization(),
        **{"title": "茶叶", "public_summary": "", "keywords": ["茶叶"]},
        problem="，".join(PROBES),
    )
    run = await scenes.match(await people.coordinator(), demand.id)
    assert own_match(run, expert)["evidence"], "the staff see what supports it"
    [shown] = (await person.get(f"/experts/{expert.id}/matches")).json()["items"]
    assert (shown["terms"], shown["evidence"]) == ([], [])


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
