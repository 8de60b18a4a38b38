"""Government questions over HTTP: raised, put to experts, reported on and adopted."""

import asyncio
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.experts.models import Expert
from app.interface.errors import Forbidden, WrongState
from app.organizations.models import OrganizationKind
from app.questions.models import Question
from app.questions.models import QuestionState as S
from app.questions.workflow import TRANSITIONS
from app.scopes import Scope, within
from app.transitions import Party, next_state
from tests.app.matches import scenes
from tests.app.notices.scenes import tell
from tests.locks import Locks
from tests.people import GUANGZHOU, JINHUA, YIWU, People

ASKED = {
    "topic": "袜业绿色染整路线选择",
    "text": "应优先推广哪些低碳染整工艺？",
    "due_on": "2027-03-31",
    "deliverable": "咨询报告",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A question of Yiwu that a department asks, and two experts, the first with an account."""

    question: dict[str, Any]
    one: Expert
    other: Expert
    staff: AsyncClient
    department: AsyncClient
    person: AsyncClient

    @property
    def path(self) -> str:
        return f"/questions/{self.question['id']}"

    async def step(self, client: AsyncClient, verb: str, **body: Any) -> tuple[int, Any]:
        answer = await client.post(f"{self.path}:{verb}", json=body or None)
        return answer.status_code, answer.json()


@pytest.fixture
async def scene(people: People, session: AsyncSession) -> Scene:
    account = await people.account(Role.EXPERT)
    department = await people.organization(kind=OrganizationKind.GOVERNMENT_DEPARTMENT)
    staff = await people.coordinator(YIWU)
    asked = ASKED | {"commissioning_organization_id": str(department.id)}
    answer = await staff.post("/questions", json=asked)
    assert answer.status_code == 201, answer.text
    assert answer.json()["commissioning_body"] == department.name
    return Scene(
        question=answer.json(),
        one=await scenes.expert(session, "林若溪", "锦纶染色", account_id=account.id),
        other=await scenes.expert(session, "周远", "染整", region_code=GUANGZHOU),
        staff=staff,
        department=await people.enterprise(department),
        person=await people.client(account),
    )


async def ids(client: AsyncClient, **query: str) -> list[str]:
    answer = await client.get("/questions", params=query)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


STEPS = {
    ("amend", S.RAISED): S.RAISED,
    ("amend", S.ACCEPTED): S.ACCEPTED,
    ("accept", S.RAISED): S.ACCEPTED,
    ("consult", S.ACCEPTED): S.ACCEPTED,
    ("submit-opinion", S.ACCEPTED): S.ACCEPTED,
    ("conclude-study", S.ACCEPTED): S.STUDIED,
    ("report", S.STUDIED): S.REPORTED,
    ("adopt", S.REPORTED): S.ADOPTED,
    **{("decline", s): S.DECLINED for s in (S.RAISED, S.ACCEPTED, S.STUDIED, S.REPORTED)},
}


@pytest.mark.parametrize("party", Party)
def test_the_whole_square(party: Party) -> None:
    for verb, state in product(TRANSITIONS, S):
        if party is not (Party.PERSON if verb == "submit-opinion" else Party.STAFF):
            with pytest.raises(Forbidden):
                next_state(TRANSITIONS, verb, state, {party})
        elif (verb, state) in STEPS:
            assert next_state(TRANSITIONS, verb, state, {party}) is STEPS[verb, state]
        else:
            with pytest.raises(WrongState):
                next_state(TRANSITIONS, verb, state, {party})


async def test_who_raises_a_question_and_for_whom(
    client: AsyncClient, people: People, scene: Scene
) -> None:
    named = ASKED | {"commissioning_body": "某市政府"}
    assert (await client.post("/questions", json=named)).status_code == 401
    assert (await scene.department.post("/questions", json=named)).status_code == 403
    enterprise = await people.organization()
    for body, status, pointer in (
        (ASKED, 422, "/commissioning_body"),
        (ASKED | {"commissioning_organization_id": str(enterprise.id)}, 422, None),
        (named | {"region_code": GUANGZHOU}, 403, None),
        (named | {"due_on": None}, 422, "/due_on"),
    ):
        answer = await scene.staff.post("/questions", json=body)
        assert answer.status_code == status, answer.text
        assert pointer in (None, *(e["pointer"] for e in answer.json().get("errors", [])))
    answer = await (await people.administrator()).post("/questions", json=named)
    assert answer.json()["errors"][0]["pointer"] == "/region_code"
    assert (await scene.staff.post("/questions", json=named)).json()["region_code"] == YIWU


async def test_from_the_question_to_its_adoption(
    people: People, session: AsyncSession, scene: Scene
) -> None:
    assert scene.question["allowed_actions"] == ["amend", "accept", "decline"]
    for outside in (await people.coordinator(GUANGZHOU), scene.person, await people.evaluator()):
        assert (await outside.get(scene.path)).status_code == 404
        assert await ids(outside) == []
        assert (await scene.step(outside, "submit-opinion", opinion="x"))[0] == 404
    assert await ids(await people.coordinator(JINHUA)) == [scene.question["id"]]
    experts = [str(scene.one.id), str(scene.other.id)]
    assert (await scene.step(scene.staff, "consult", expert_ids=experts))[0] == 409
    assert (await scene.step(scene.department, "accept"))[0] == 403
    assert (await scene.step(scene.staff, "accept"))[1]["state"] == "accepted"
    status, body = await scene.step(scene.staff, "amend", **ASKED | {"due_on": "2027-04-30"})
    assert (status, body["due_on"]) == (200, "2027-04-30")
    for query, is_found in (
        ({"due_on_lte": "2027-04-29"}, False),
        ({"due_on_gte": "2027-04-30", "is_open": "true", "sort": "due_on"}, True),
        ({"state": "raised"}, False),
        ({"region_code": JINHUA}, True),
    ):
        assert bool(await ids(scene.staff, **query)) == is_found, query

    scene.other.is_do_not_contact = True
    await session.commit()
    status, body = await scene.step(scene.staff, "consult", expert_ids=experts)
    faults = [(f["pointer"], f["code"]) for f in body["errors"]]
    assert (status, faults) == (409, [("/expert_ids/1", "do_not_contact")])
    scene.other.is_do_not_contact = False
    await session.commit()
    for _ in range(2):  # nobody is asked twice
        status, body = await scene.step(scene.staff, "consult", expert_ids=experts)
        assert (status, len(body["consultations"])) == (200, 2)
    assert (await scene.step(scene.staff, "conclude-study"))[0] == 409

    shown = (await scene.person.get(scene.path)).json()
    assert await ids(scene.person) == [scene.question["id"]]
    assert (shown["text"], shown["report"], len(shown["consultations"])) == (ASKED["text"], None, 1)
    assert shown["allowed_actions"] == ["submit-opinion"]
    assert (await scene.step(scene.staff, "submit-opinion", opinion="代写"))[0] == 403
    status, body = await scene.step(scene.person, "submit-opinion", opinion="先试点低温定型")
    assert (status, body["allowed_actions"]) == (200, [])
    assert body["consultations"][0]["opinion"] == "先试点低温定型"
    status, body = await scene.step(scene.person, "submit-opinion", opinion="改主意了")
    assert (status, body["code"]) == (409, "conflict")
    assert (await scene.department.get(scene.path)).json()["consultations"] == []

    assert (await scene.step(scene.staff, "conclude-study"))[1]["state"] == "studied"
    assert (await scene.step(scene.staff, "report", report="林若溪等建议试点"))[0] == 200
    assert (await scene.department.get(scene.path)).json()["report"] == "林若溪等建议试点"
    adoption = {"adoption": "写入三年行动方案", "adopted_on": "2126-01-01"}
    assert (await scene.step(scene.staff, "adopt", **adoption))[0] == 422
    status, body = await scene.step(scene.staff, "adopt", **adoption | {"adopted_on": "2026-11-01"})
    assert (status, body["state"], body["allowed_actions"]) == (200, "adopted", [])
    assert (await scene.step(scene.staff, "decline", reason="x"))[0] == 409


async def test_who_is_told_and_what_erasure_leaves(
    app: FastAPI, people: People, scene: Scene
) -> None:
    await tell(app)  # of what comes after this
    experts = [str(scene.one.id), str(scene.other.id)]
    assert (await scene.step(scene.staff, "accept"))[0] == 200
    assert (await scene.step(scene.staff, "consult", expert_ids=experts))[0] == 200
    await tell(app)
    for client, words in ((scene.person, "请您就"), (scene.department, "已受理")):
        [told] = (await client.get("/notices")).json()["items"]
        assert words in told["text"]
        assert ASKED["topic"] in told["text"]
        assert told["path"] == f"/api/v1{scene.path}"
    assert (await scene.step(scene.person, "submit-opinion", opinion="先试点"))[0] == 200
    assert (await scene.step(scene.staff, "conclude-study"))[0] == 200
    assert (await scene.step(scene.staff, "report", report="林若溪建议试点"))[0] == 200
    held = (await scene.person.get("/me/personal-data")).json()
    assert "先试点" in str(held)
    administrator = await people.administrator()
    for expert in experts:
        assert (await administrator.post(f"/experts/{expert}:erase")).status_code in (200, 204)
    shown = (await scene.staff.get(scene.path)).json()
    [left] = shown["consultations"]
    assert (left["opinion"], left["submitted_at"] is None) == ("", False)
    assert shown["report"] == "某专家建议试点"


async def test_no_opinion_comes_after_the_study_was_concluded(
    app: FastAPI, scene: Scene, locks: Locks
) -> None:
    assert (await scene.step(scene.staff, "accept"))[0] == 200
    asked = await scene.step(scene.staff, "consult", expert_ids=[str(scene.one.id)])
    assert asked[0] == 200
    async with within(app.state.sessions, Scope.SERVICE).begin() as concluding:
        question = await concluding.get_one(Question, scene.question["id"], with_for_update=True)
        question.state = S.STUDIED
        await concluding.flush()
        late = asyncio.create_task(scene.step(scene.person, "submit-opinion", opinion="先试点"))
        await locks.wait(1)
    status, body = await late
    assert (status, body["code"]) == (409, "wrong_state")
