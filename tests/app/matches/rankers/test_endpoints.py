"""Rankers over HTTP: the library's own first, put in force by hand, named by every match."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import URL, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.changes.models import Change
from app.matches.models import RankerState, StoredRanker
from app.settings import Settings
from matching import default_calibration
from tests.app.matches import scenes
from tests.app.matches.scenes import another_process
from tests.people import YIWU, People

FEW = ["lexical", "topic", "passage"]  # hubness is not measured on a handful of demands
WEIGHTS = {"lexical": 0.0, "topic": 2.0, "passage": 1.0, "hubness": 0.0, "decay": 0.0}


async def learned(session: AsyncSession, number: int = 1, **fields: Any) -> StoredRanker:
    """A version as the job would have left it."""
    known = {
        "state": RankerState.CANDIDATE,
        "encoder": "lsa",
        "weights": WEIGHTS,
        "calibration": {"slope": 1.0, "intercept": 20.0},
        "learned_from": {"demands": 1, "suitable": 1, "unsuitable": 0, "features": FEW},
    }
    stored = StoredRanker(number=number, **known | fields)
    session.add(stored)
    await session.commit()
    return stored


async def promote(client: AsyncClient, ranker: StoredRanker | str) -> dict[str, Any]:
    ranker_id = ranker if isinstance(ranker, str) else ranker.id
    answer = await client.post(f"/rankers/{ranker_id}:promote")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_the_librarys_own_is_there_from_the_beginning(people: People) -> None:
    staff = await people.coordinator()
    [first] = (await staff.get("/rankers")).json()["items"]
    assert (first["number"], first["state"], first["allowed_actions"]) == (0, "in_force", [])
    expected = {"lexical": 4.0, "topic": 1.0, "passage": 1.0, "hubness": 0.4, "decay": 0.0}
    assert first["weights"] == expected
    assert first["calibration"] is first["metrics"] is first["learned_from"] is None
    assert (await staff.get(f"/rankers/{first['id']}")).json() == first


async def test_a_match_names_the_ranker_and_says_how_sure_it_is(
    people: People, session: AsyncSession
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff, calibration = await people.coordinator(), default_calibration("lsa", FEW)
    parameters = {"near_region": YIWU, "near_weight": 1}
    run = await scenes.match(staff, demand.id, **parameters)
    assert run["ranker_version"] == 0
    probabilities = []
    for match in run["matches"]:
        told = match["confidence"]
        near = sum(c["value"] for c in match["contributions"] if c["name"] == "near")
        expected = calibration.probability(match["score"] - near)
        assert abs(told["probability"] - expected) < 1e-9, "preferences say nothing of it"
        assert told["calibration"] == "default"
        probabilities.append(told["probability"])
    assert probabilities == sorted(probabilities, reverse=True)
    assert run["matches"][-1]["confidence"]["level"] == "weak"
    listed = (await staff.get(f"/match-runs/{run['id']}/matches")).json()["items"]
    assert listed == run["matches"]
    body = {"title": demand.title, "problem": demand.problem}
    preview = (await staff.post("/matches:preview", json=body)).json()
    assert preview["ranker_version"] == 0
    assert preview["matches"][0]["confidence"]["calibration"] == "default"


async def test_the_promoted_one_ranks_in_every_process_from_the_next_match_on(
    people: People, session: AsyncSession, settings: Settings, service_database: URL
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff, administrator = await people.coordinator(), await people.administrator()
    library = (await staff.get("/rankers")).json()["items"][0]
    ranker = await learned(session)
    async with another_process(settings, service_database) as other:
        account = await people.account(Role.COORDINATOR, region_code=YIWU)
        elsewhere = await People(other, session).client(account)
        assert (await scenes.match(elsewhere, demand.id))["ranker_version"] == 0
        body = await promote(administrator, ranker)
        assert (body["state"], body["allowed_actions"]) == ("in_force", ["release"])
        assert body["promoted_at"] is not None
        me = (await administrator.get("/me")).json()["id"]
        assert body["promoted_by_id"] == me
        for client in (staff, elsewhere):
            run = await scenes.match(client, demand.id)
            assert run["ranker_version"] == 1
            for match in run["matches"]:
                names = {c["name"]: c["value"] for c in match["contributions"]}
                assert names["lexical"] == 0
                assert (match["confidence"]["level"], match["confidence"]["calibration"]) == (
                    "strong",
                    "own",
                )
        back = await promote(administrator, library["id"])
        assert (back["number"], back["state"]) == (0, "in_force")
        assert (await scenes.match(elsewhere, demand.id))["ranker_version"] == 0
    states = {r["number"]: r["state"] for r in (await staff.get("/rankers")).json()["items"]}
    assert states == {0: "in_force", 1: "retired"}


@pytest.mark.parametrize("unlike", ["encoder", "features"])
async def test_the_librarys_own_ranks_what_the_one_in_force_has_not_learned_from(
    people: People, session: AsyncSession, unlike: str
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    learned_from = {"demands": 1, "suitable": 1, "unsuitable": 0, "features": [*FEW, "hubness"]}
    fields = {"encoder": "another"} if unlike == "encoder" else {"learned_from": learned_from}
    staff = await people.coordinator()
    before = await scenes.match(staff, demand.id)
    await promote(await people.administrator(), await learned(session, **fields))
    run = await scenes.match(staff, demand.id)
    assert run["ranker_version"] == 0
    assert {m["confidence"]["calibration"] for m in run["matches"]} == {"default"}
    assert [_reasons(m) for m in run["matches"]] == [_reasons(m) for m in before["matches"]]
    body = {"title": demand.title, "problem": demand.problem}
    preview = (await staff.post("/matches:preview", json=body)).json()
    assert preview["ranker_version"] == 0


def _reasons(match: dict[str, Any]) -> tuple[Any, ...]:
    return match["expert"]["id"], match["contributions"], match["confidence"]


async def test_only_administrators_promote_and_none_that_is_in_force(
    people: People, session: AsyncSession
) -> None:
    ranker = await learned(session)
    path = f"/rankers/{ranker.id}:promote"
    staff = await people.coordinator()
    assert (await staff.get(f"/rankers/{ranker.id}")).json()["allowed_actions"] == []
    for client in (staff, await people.evaluator(), await people.enterprise()):
        assert (await client.post(path)).status_code == 403
    administrator = await people.administrator()
    read = await administrator.get(f"/rankers/{ranker.id}")
    assert read.json()["allowed_actions"] == ["promote"]
    stale = await administrator.post(path, headers={"If-Match": '"7-0"'})
    assert stale.status_code == 412
    headers = {"If-Match": read.headers["etag"]}
    assert (await administrator.post(path, headers=headers)).status_code == 200
    again = await administrator.post(path)
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    kinds = await session.execute(
        select(Change.kind, Change.actor_id).where(Change.kind.startswith("ranker."))
    )
    told = {(row.kind, row.actor_id) for row in kinds}
    me = UUID((await administrator.get("/me")).json()["id"])
    assert told == {("ranker.retired", me), ("ranker.promoted", me)}


async def test_an_administrator_gives_the_decision_back_to_the_job(
    people: People, session: AsyncSession
) -> None:
    ranker, other = await learned(session), await learned(session, 2)
    administrator, staff = await people.administrator(), await people.coordinator()
    promoted = await promote(administrator, ranker)
    path = f"/rankers/{ranker.id}:release"
    assert (await staff.get(f"/rankers/{ranker.id}")).json()["allowed_actions"] == []
    for client in (staff, await people.evaluator(), await people.enterprise()):
        assert (await client.post(path)).status_code == 403
    assert (await administrator.post(f"/rankers/{uuid4()}:release")).status_code == 404
    of_other = await administrator.post(f"/rankers/{other.id}:release")
    assert (of_other.status_code, of_other.json()["code"]) == (409, "wrong_state")
    stale = await administrator.post(path, headers={"If-Match": '"7-0"'})
    assert stale.status_code == 412
    answer = await administrator.post(path)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["state"], body["promoted_by_id"], body["allowed_actions"]) == (
        "in_force",
        None,
        [],
    )
    assert body["promoted_at"] == promoted["promoted_at"]
    assert body["version"] == promoted["version"] + 1
    again = await administrator.post(path)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    asked = select(Change.actor_id).where(Change.kind == "ranker.released")
    me = UUID((await administrator.get("/me")).json()["id"])
    assert list(await session.scalars(asked)) == [me]


async def test_of_two_promotions_at_once_one_comes_after_the_other(
    people: People, session: AsyncSession
) -> None:
    rankers = [await learned(session, number) for number in (1, 2)]
    administrators = [await people.administrator() for _ in rankers]
    await asyncio.gather(
        *(promote(one, ranker) for one, ranker in zip(administrators, rankers, strict=True))
    )
    items = (await administrators[0].get("/rankers", params={"sort": "number"})).json()["items"]
    assert [one["number"] for one in items] == [0, 1, 2]
    assert sorted(one["state"] for one in items) == ["in_force", "retired", "retired"]


async def test_a_run_of_before_is_still_read(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    """And one of a process of the release before, which knows of no ranker."""
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    run = await scenes.match(staff, demand.id)
    await session.execute(text("UPDATE match_runs SET ranker_version = NULL"))
    await session.execute(text("UPDATE matches SET confidence = NULL"))
    await session.commit()
    assert (await staff.get(f"/match-runs/{run['id']}")).json()["ranker_version"] is None
    items = (await staff.get(f"/match-runs/{run['id']}/matches")).json()["items"]
    assert {item["confidence"] for item in items} == {None}
