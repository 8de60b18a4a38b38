"""Invitations together: tried, done and taken back, each by itself and by the rules of one."""

from contextlib import nullcontext
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import today
from app.dockings.batches.models import InvitationBatch
from app.dockings.batches.visits import VisitSize, require_size
from app.dockings.models import Docking
from app.experts.models import Expert, ExpertKind, Invitation
from app.interface.errors import Invalid
from tests.app.dockings.scenes import another, docked, recommended, step, steps, taken
from tests.app.matches import scenes
from tests.app.notices.scenes import kinds, tell
from tests.people import GUANGZHOU, PASSWORD, People

BATCHES = "/invitation-batches"


async def posted(client: AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post(BATCHES, json=body)
    status = 200 if body.get("dry_run") else 201
    assert (answer.status_code, "etag" in answer.headers) == (status, status == 201), answer.text
    found: dict[str, Any] = answer.json()
    return found


def outcomes(batch: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """State and reasons of each, in order."""
    return [(item["state"], [why["code"] for why in item["reasons"]]) for item in batch["items"]]


async def counted(session: AsyncSession) -> list[int]:
    tables = (InvitationBatch, Docking, Invitation)
    counts = [await session.scalar(select(func.count(table.id))) or 0 for table in tables]
    await session.commit()
    return counts


async def test_tried_done_and_undone(app: FastAPI, people: People, session: AsyncSession) -> None:
    await tell(app)
    ready = await recommended(people, session)
    busy, begun = [await another(people, session, ready) for _ in range(2)]
    day = today().isoformat()
    absences = [{"from_on": day, "until_on": day}]
    await session.execute(
        update(Expert).where(Expert.id == busy.expert.id).values(absences=absences)
    )
    await session.commit()
    docking_id = await docked(begun)
    await scenes.expert(session, "未荐", scenes.DIRECTIONS["染整"])
    run = await scenes.match(ready.staff, ready.demand.id)
    [unjudged] = [m["id"] for m in run["matches"] if m["expert"]["name"] == "未荐"]
    name = busy.expert.name
    match_ids = [ready.match_id, busy.match_id, begun.match_id, unjudged]
    body = {"demand_id": str(ready.demand.id), "match_ids": match_ids, "note": f"首批，含{name}"}

    far = await people.coordinator(GUANGZHOU)
    for client in (ready.enterprise, ready.person, far):
        assert (await client.post(BATCHES, json=body)).status_code == 403
    other = await scenes.demand(session, await people.organization(), title="锦纶染色")
    elsewhere = (await scenes.match(ready.staff, other.id))["matches"][0]["id"]
    for wrong, pointer in ((elsewhere, "/match_ids/1"), (ready.match_id, "/match_ids/1")):
        named = body | {"match_ids": [ready.match_id, wrong]}
        answer = await ready.staff.post(BATCHES, json=named)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)

    before = await counted(session)
    expected = [
        ("invited", []),
        ("not_invited", ["absent"]),
        ("invited", []),
        ("not_invited", ["conflict"]),
    ]
    tried = await posted(ready.staff, **body, dry_run=True)
    assert (outcomes(tried), tried["is_dry_run"]) == (expected, True)
    assert day in tried["items"][1]["reasons"][0]["detail"]
    assert [item["docking_id"] for item in tried["items"]] == [None, None, docking_id, None]
    assert await counted(session) == before
    assert (await ready.staff.get(f"{BATCHES}/{tried['id']}")).status_code == 404
    done = await posted(ready.staff, **body)
    assert (outcomes(done), done["is_dry_run"]) == (expected, False)
    assert [a - b for a, b in zip(await counted(session), before, strict=True)] == [1, 1, 2]
    assert [item["docking_id"] for item in done["items"]][1:] == [None, docking_id, None]
    assert done["allowed_actions"] == ["undo"]
    path = f"{BATCHES}/{done['id']}"
    assert (await ready.staff.get(path)).json() == done
    listed = await ready.staff.get(BATCHES, params={"demand_id": str(ready.demand.id)})
    assert listed.json()["items"] == [done]
    assert (
        (await far.get(path)).status_code
        == (await far.post(f"{path}:undo", json={})).status_code
        == 404
    )
    assert (await ready.enterprise.post(f"{path}:undo", json={})).status_code == 403
    assert (await posted(ready.staff, **body))["items"][0]["reasons"][0]["code"] == "wrong_state"

    accepted = done["items"][0]["docking_id"]
    await taken(ready.person, accepted, "accept-invitation")
    assert (await step(ready.staff, accepted, "take-back"))[0] == 409
    for _ in range(2):  # undone twice is undone once
        undone = (await ready.staff.post(f"{path}:undo", json={"note": "名单有误"})).json()
        assert outcomes(undone) == [
            ("invited", ["conflict"]),
            ("not_invited", ["absent"]),
            ("taken_back", []),
            ("not_invited", ["conflict"]),
        ]
    assert undone["undone_at"] is not None
    await tell(app)
    assert (await kinds(begun.person))[-2:] == ["docking.invited", "docking.invitation_taken_back"]
    assert (await steps(begun.person, docking_id))[-1]["note"] == "名单有误"
    shown = (await begun.person.get(f"/dockings/{docking_id}")).json()
    assert (shown["state"], "accept-invitation" in shown["allowed_actions"]) == (
        "recommended",
        False,
    )
    # It neither counts nor gives rest: the same expert is asked at once, and not by the batch.
    await taken(ready.staff, docking_id, "invite")
    again = (await ready.staff.post(f"{path}:undo", json={})).json()
    assert again["items"][2] == undone["items"][2]
    await taken(ready.staff, docking_id, "take-back")

    erased = await busy.person.post("/me:erase", json={"password": PASSWORD})
    assert erased.status_code == 204, erased.text
    left = (await ready.staff.get(path)).json()
    item = left["items"][1]
    told = [said["note"] for said in await steps(begun.person, docking_id)]
    assert (left["note"], left["note"] in told) == ("首批，含某专家", True)
    assert name not in str(told)
    assert (item["reasons"], (item["expert"] or {}).get("name")) in (([], None), ([], "已注销"))


async def test_a_visit_is_by_so_many_academicians_or_invites_nobody(
    app: FastAPI, people: People, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = await recommended(people, session)
    others = [await another(people, session, ready) for _ in range(2)]
    academicians = [ready.expert.id, others[0].expert.id]
    await session.execute(
        update(Expert).where(Expert.id.in_(academicians)).values(kind=ExpertKind.ACADEMICIAN)
    )
    await session.commit()
    match_ids = [scene.match_id for scene in (ready, *others)]
    body = {
        "demand_id": str(ready.demand.id),
        "match_ids": match_ids,
        "is_academicians_visit": True,
    }
    before = await counted(session)
    refused = await ready.staff.post(BATCHES, json=body)
    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/match_ids", "visit_size")
    assert error["detail"] == "院士专家行每次邀请 5 至 10 位院士，本批有 2 位"
    assert await counted(session) == before

    smaller = {"visit_academicians_least": 1, "visit_academicians_most": 2}
    settings = app.state.settings.model_copy(update=smaller)
    monkeypatch.setattr(app.state, "settings", settings)
    done = await posted(ready.staff, **body)
    assert (outcomes(done), done["is_academicians_visit"]) == ([("invited", [])] * 3, True)


@pytest.mark.parametrize(
    ("academicians", "is_enough"), [(4, False), (5, True), (10, True), (11, False)]
)
def test_the_bounds_of_a_visit_belong_to_it(academicians: int, is_enough: bool) -> None:
    kinds = [ExpertKind.ACADEMICIAN] * academicians + [ExpertKind.EXPERT] * 3
    expected = nullcontext() if is_enough else pytest.raises(Invalid)
    with expected:
        require_size([Expert(kind=kind) for kind in kinds], VisitSize(5, 10))
