"""Runs: what is stored, that reasons add up, and who may ask."""

import json
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Base
from app.demands.models import DemandState
from app.demands.workflow import SOUGHT
from app.experts.models import Expert, ExpertState
from app.matches.models import Match, MatchRun
from tests.app.matches import scenes
from tests.app.matches.scenes import names
from tests.people import GUANGZHOU, JINHUA, YIWU, People

PARAMETERS: dict[str, Any] = {
    "limit": 3,
    "kinds": ["expert"],
    "regions": [JINHUA],
    "near_region": YIWU,
    "near_weight": 0.3,
    "graded_weight": 0.2,
}


async def test_a_run_is_kept_with_all_it_depended_on(people: People, session: AsyncSession) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    run = await scenes.match(staff, demand.id, **PARAMETERS)
    assert names(run)[0] == "染整"
    assert [m["rank"] for m in run["matches"]] == [1, 2, 3]
    assert len(run["index_version"]) == 16
    assert (run["trigger"], run["encoder"], run["pending"]) == ("by_hand", "lsa", 0)
    assert {n: run["parameters"][n] for n in PARAMETERS} == PARAMETERS
    stages = {"query", "retrieval", "aggregation", "fusion", "constraints", "explanation"}
    assert set(run["durations"]) == stages
    read = (await staff.get(f"/match-runs/{run['id']}")).json()
    only_now = {"matches", "is_dry_run", "difference"}
    assert read == {name: value for name, value in run.items() if name not in only_now}
    listed = (await staff.get(f"/match-runs/{run['id']}/matches")).json()["items"]
    assert listed == run["matches"]
    assert (await staff.get(f"/demands/{demand.id}/match-runs")).json()["items"] == [read]


async def test_contributions_add_up_to_the_score_even_after_json(
    people: People, session: AsyncSession
) -> None:
    await scenes.pool(session)
    await scenes.expert(session, "无证", "食用菌栽培", evidence=[])
    await scenes.expert(session, "无言", "", research_directions=[], evidence=[], title="")
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    run = await scenes.match(staff, demand.id, near_region=JINHUA, near_weight=1, graded_weight=1)
    assert len(run["matches"]) == 6
    read = (await staff.get(f"/match-runs/{run['id']}/matches")).json()["items"]
    for item in [*run["matches"], *json.loads(json.dumps(read))]:
        total = sum(c["value"] for c in item["contributions"])
        assert total == pytest.approx(item["score"], abs=1e-6)
        found = {c["name"] for c in item["contributions"]}
        assert {"baseline", "lexical", "near", "graded"} <= found
    best = run["matches"][0]
    assert best["score"] == max(item["score"] for item in run["matches"])
    assert "热黄变" in best["terms"]


async def test_each_piece_of_evidence_names_a_stored_item_with_its_grade(
    people: People, session: AsyncSession
) -> None:
    expert = (await scenes.pool(session))["染整"]
    demand = await scenes.demand(session, await people.organization())
    run = await scenes.match(await people.coordinator(), demand.id)
    best = run["matches"][0]
    items = [
        (str(item.id), (str(item.kind), item.title, str(item.grade))) for item in expert.evidence
    ]
    stored = dict(items)
    stored[str(expert.id)] = ("profile", "专家简介", "self_stated")
    shown = {e["document_id"]: (e["kind"], e["title"], e["grade"]) for e in best["evidence"]}
    assert shown
    assert shown.items() <= stored.items()
    assert "verified" in {grade for _, _, grade in shown.values()}
    tied = {c["document_id"] for c in best["contributions"]} - {None}
    assert tied <= set(stored)


async def test_uncovered_keywords_are_listed(people: People, session: AsyncSession) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(
        session, await people.organization(), keywords=["锦纶", "量子计算"]
    )
    run = await scenes.match(await people.coordinator(), demand.id)
    by_name = {m["expert"]["name"]: m["uncovered_keywords"] for m in run["matches"]}
    assert by_name["染整"] == ["量子计算"]
    assert by_name["电机"] == ["锦纶", "量子计算"]


async def test_only_demands_for_which_experts_are_sought_are_matched(
    people: People, session: AsyncSession
) -> None:
    await scenes.pool(session)
    organization = await people.organization()
    staff = await people.coordinator()
    for state in DemandState:
        demand = await scenes.demand(session, organization, state=state)
        answer = await staff.post(f"/demands/{demand.id}:match")
        expected = 201 if state in SOUGHT else 409
        assert answer.status_code == expected, state
    assert await session.scalar(select(func.count()).select_from(MatchRun)) == len(SOUGHT)


async def test_an_empty_pool_gives_an_empty_run(people: People, session: AsyncSession) -> None:
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    parameters = {"near_region": YIWU, "near_weight": 1, "graded_weight": 1}
    run = await scenes.match(staff, demand.id, **parameters)
    assert (run["matches"], run["exclusions"], run["encoder"]) == ([], [], "none")
    only = await scenes.expert(session, "唯一", "锦纶染色")
    assert names(await scenes.match(staff, demand.id, **parameters)) == ["唯一"]
    answer = await staff.post(f"/experts/{only.id}:suspend", json={"reason": "出国"})
    assert answer.status_code == 200
    run = await scenes.match(staff, demand.id, **parameters)
    assert (run["matches"], run["exclusions"]) == ([], [])
    assert (await staff.get(f"/match-runs/{run['id']}")).status_code == 200


async def test_an_old_run_still_reads_well_after_its_expert_is_gone(
    people: People, session: AsyncSession
) -> None:
    pool = await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    run = await scenes.match(staff, demand.id)
    evidence = run["matches"][0]["evidence"]
    gone = pool["染整"]
    answer = await staff.post(f"/experts/{gone.id}:remove", json={"cause": "deceased"})
    assert answer.status_code == 200
    for item in gone.evidence:
        await session.execute(text("DELETE FROM evidence WHERE id = :id"), {"id": item.id})
    await session.commit()
    read = (await staff.get(f"/match-runs/{run['id']}/matches")).json()["items"]
    assert read[0]["expert"]["name"] == "染整"
    assert read[0]["evidence"] == evidence
    assert names(await scenes.match(staff, demand.id))[0] != "染整"


async def test_a_preview_stores_nothing_but_that_it_was_asked_for(
    people: People, session: AsyncSession
) -> None:
    await scenes.pool(session)
    staff = await people.coordinator()
    await staff.post("/matches:preview", json={"title": "茶"})  # the first fits the statistics
    before = await _rows(session)
    answer = await staff.post(
        "/matches:preview", json={"title": "茶园害虫", "keywords": ["茶园"], "limit": 2}
    )
    body = answer.json()
    assert answer.status_code == 200
    assert body["matches"][0]["expert"]["name"] == "茶叶"
    assert len(body["matches"]) == 2
    for item in body["matches"]:
        total = sum(c["value"] for c in item["contributions"])
        assert total == pytest.approx(item["score"], abs=1e-6)
    assert await _rows(session) == before


async def _rows(session: AsyncSession) -> dict[str, int]:
    """Number of rows of every table but the audit log's."""
    audit = ("audit_entries", "unsealed_entries")
    tables = [table for table in Base.metadata.sorted_tables if table.name not in audit]
    counts = {t.name: await session.scalar(select(func.count()).select_from(t)) for t in tables}
    await session.rollback()
    return {name: count or 0 for name, count in counts.items()}


async def test_bad_parameters_are_named(people: People, session: AsyncSession) -> None:
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    bad: list[tuple[dict[str, Any], str]] = [
        ({"limit": 0}, "/limit"),
        ({"limit": 101}, "/limit"),
        ({"on": "tomorrow"}, "/on"),
        ({"kinds": ["wizard"]}, "/kinds/0"),
        ({"regions": ["1"]}, "/regions/0"),
        ({"near_weight": 1.5}, "/near_weight"),
        ({"near_weight": "NaN"}, "/near_weight"),
        ({"excluded": [{"expert_id": str(uuid4())}]}, "/excluded/0/reason"),
        ({"weight": 1}, "/weight"),
    ]
    for parameters, pointer in bad:
        answer = await staff.post(f"/demands/{demand.id}:match", json=parameters)
        assert answer.status_code == 422, parameters
        assert [e["pointer"] for e in answer.json()["errors"]] == [pointer]
    assert (await staff.post(f"/demands/{uuid4()}:match")).status_code == 404


async def test_only_staff_of_the_demands_region_see_the_pool_through_it(
    people: People, session: AsyncSession, client: AsyncClient
) -> None:
    await scenes.pool(session)
    organization = await people.organization()
    demand = await scenes.demand(session, organization)
    run = await scenes.match(await people.coordinator(), demand.id)
    reads = [
        f"/demands/{demand.id}/match-runs",
        f"/match-runs/{run['id']}",
        f"/match-runs/{run['id']}/matches",
        f"/matches/{run['matches'][0]['id']}/judgments",
        f"/demands/{demand.id}/similar-demands",
    ]
    writes = [
        (f"/demands/{demand.id}:match", {}),
        (f"/matches/{run['matches'][0]['id']}:judge", {"verdict": "suitable"}),
    ]
    others = [
        (await people.enterprise(organization), {403}),
        (await people.expert(), {403}),
        (await people.evaluator(), {403}),
        (await people.coordinator(GUANGZHOU), {403, 404}),
        (client, {401}),
    ]
    for other, statuses in others:
        for path in reads:
            assert (await other.get(path)).status_code in statuses, path
        for path, body in writes:
            assert (await other.post(path, json=body)).status_code in statuses, path
    for person in (await people.enterprise(organization), await people.expert()):
        answer = await person.post("/matches:preview", json={"title": "茶"})
        assert answer.status_code == 403
        assert (await person.get("/match-indexes")).status_code == 403
    assert await session.scalar(select(func.count()).select_from(MatchRun)) == 1


async def test_matches_are_paged_and_filtered_by_verdict(
    people: People, session: AsyncSession
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    run = await scenes.match(staff, demand.id)
    assert await scenes.judge(staff, run["matches"][2]["id"], "suitable") == 201
    path = f"/match-runs/{run['id']}/matches"
    found = (await staff.get(path, params={"verdict": "suitable"})).json()["items"]
    assert [m["rank"] for m in found] == [3]
    first = (await staff.get(path, params={"limit": 3})).json()
    rest = (await staff.get(path, params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [m["rank"] for m in first["items"] + rest["items"]] == [1, 2, 3, 4]
    assert rest["next_cursor"] is None


async def test_a_suspended_expert_is_in_no_run(people: People, session: AsyncSession) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    await session.execute(update(Expert).values(state=ExpertState.SUSPENDED))
    await session.commit()
    run = await scenes.match(await people.coordinator(), demand.id)
    assert run["matches"] == []
    assert await session.scalar(select(func.count()).select_from(Match)) == 0
