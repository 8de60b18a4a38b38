"""What follows on a confirmation: signatures for the whole cost, joint work, and its result."""

from collections import Counter
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.demands.models import Demand
from app.experts.models import Expert
from app.interface.errors import Forbidden, WrongState
from app.problems.models import ProblemState as S
from app.problems.workflow import TRANSITIONS
from app.transitions import Party, next_state
from tests.app.matches import scenes as matches
from tests.app.problems import scenes
from tests.people import GUANGZHOU, YIWU, People

MERGED = {"title": "浅色锦纶袜黄变联合攻关", "statement": "黄变指数降到 2 以下"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A confirmed problem of three enterprises, the last of Guangzhou, and who has a part in it."""

    problem_id: str
    demands: list[Demand]
    owners: list[str]
    staff: AsyncClient
    first: AsyncClient
    second: AsyncClient
    third: AsyncClient

    async def step(self, client: AsyncClient, verb: str, **body: Any) -> tuple[int, Any]:
        path = f"/common-problems/{self.problem_id}:{verb}"
        answer = await client.post(path, json=body or None)
        return answer.status_code, answer.json()

    async def read(self, client: AsyncClient) -> dict[str, Any]:
        return await scenes.read(client, self.problem_id)

    def owner(self, place: int) -> str:
        return self.owners[place]

    async def signed(self) -> None:
        """By the first two, whose it is from then on."""
        for client, share in ((self.first, "60"), (self.second, "40")):
            assert (await self.step(client, "co-sign", share=share))[0] == 200
        lead = self.owner(0)
        status, body = await self.step(self.staff, "conclude-signing", lead_organization_id=lead)
        assert (status, body["state"]) == (200, "co_signed")

    async def published(self) -> None:
        await self.signed()
        assert (await self.step(self.staff, "merge", **MERGED))[0] == 200
        assert (await self.step(self.staff, "publish"))[0] == 200


@pytest.fixture
async def scene(app: FastAPI, people: People, session: AsyncSession) -> Scene:
    await scenes.others(session, people)
    demands = [
        await scenes.demand(session, people, "黄变"),
        await scenes.demand(session, people, "黄变二"),
        await scenes.demand(session, people, "黄变", region_code=GUANGZHOU),
    ]
    staff = await people.coordinator(YIWU)
    await scenes.propose(app)
    problem = await scenes.only(staff)
    assert scenes.members(problem) == {demand.id for demand in demands}
    assert (await scenes.step(staff, problem["id"], "confirm"))[0] == 200
    first, second, third = [await people.enterprise(d.organization) for d in demands]
    return Scene(
        problem_id=problem["id"],
        demands=demands,
        owners=[str(demand.organization_id) for demand in demands],
        staff=staff,
        first=first,
        second=second,
        third=third,
    )


STEPS = {
    ("confirm", S.PROPOSED): S.CONFIRMED,
    ("dismiss", S.PROPOSED): S.DISMISSED,
    ("dismiss", S.CONFIRMED): S.DISMISSED,
    ("reopen", S.DISMISSED): S.PROPOSED,
    ("co-sign", S.CONFIRMED): S.CONFIRMED,
    ("decline", S.CONFIRMED): S.CONFIRMED,
    ("conclude-signing", S.CONFIRMED): S.CO_SIGNED,
    ("merge", S.CO_SIGNED): S.MERGED,
    ("publish", S.MERGED): S.PUBLISHED,
    ("form-team", S.PUBLISHED): S.PUBLISHED,
    ("form-team", S.JOINT_WORK): S.JOINT_WORK,
    ("begin-work", S.PUBLISHED): S.JOINT_WORK,
    ("accept", S.JOINT_WORK): S.ACCEPTED,
    **{("end", s): S.ENDED for s in (S.CO_SIGNED, S.MERGED, S.PUBLISHED, S.JOINT_WORK)},
}
OF_ENTERPRISES = {"co-sign", "decline", "accept"}
OF_THE_JOB = {"lapse", "return"}


@pytest.mark.parametrize("party", Party)
def test_the_whole_square(party: Party) -> None:
    for verb, state in product(TRANSITIONS.keys() - OF_THE_JOB, S):
        may = party is Party.STAFF or (party is Party.ORGANIZATION and verb in OF_ENTERPRISES)
        if not may:
            with pytest.raises(Forbidden):
                next_state(TRANSITIONS, verb, state, {party})
        elif (verb, state) in STEPS:
            assert next_state(TRANSITIONS, verb, state, {party}) is STEPS[verb, state]
        else:
            with pytest.raises(WrongState):
                next_state(TRANSITIONS, verb, state, {party})


async def test_signatures_are_each_enterprises_own_and_make_up_the_whole_cost(
    client: AsyncClient, people: People, session: AsyncSession, scene: Scene
) -> None:
    assert (await scene.step(client, "co-sign", share="50"))[0] == 401
    assert (await scene.step(await people.enterprise(), "co-sign", share="50"))[0] == 404
    assert (await scene.step(await people.evaluator(), "co-sign", share="50"))[0] == 403
    for share in ("0", "100.01", "33.333"):
        assert (await scene.step(scene.first, "co-sign", share=share))[0] == 422
    other = scene.owner(1)
    status, body = await scene.step(scene.first, "co-sign", share="50", organization_id=other)
    assert (status, body["errors"][0]["code"]) == (422, "not_in_problem")

    status, body = await scene.step(scene.first, "co-sign", share="60", note="已盖章")
    assert status == 200
    assert [(a["organization_id"], a["answer"], a["share"]) for a in body["answers"]] == [
        (scene.owner(0), "signed", "60")
    ]
    shown = await scene.read(scene.second)
    assert (shown["co_signer_count"], len(shown["answers"])) == (1, 1)
    assert (shown["answers"][0]["organization_id"], shown["answers"][0]["answer"]) == (other, None)
    assert scene.demands[0].organization.name not in str(shown)
    assert Counter(a["answer"] for a in (await scene.read(scene.staff))["answers"]) == {
        "signed": 1,
        None: 2,
    }

    lead = {"lead_organization_id": scene.owner(0)}
    assert (await scene.step(scene.first, "conclude-signing", **lead))[0] == 403
    status, body = await scene.step(scene.staff, "conclude-signing", **lead)
    assert (status, body["code"], "两家" in body["detail"]) == (409, "conflict", True)
    alone = (
        "UPDATE problem_signatures SET share = 100 WHERE problem_id = :id",
        "UPDATE common_problems SET state = 'co_signed', lead_organization_id = co_signer_ids[1]"
        " WHERE id = :id",
    )
    await session.execute(text(alone[0]), {"id": scene.problem_id})
    with pytest.raises(IntegrityError, match="two have signed"):
        await session.execute(text(alone[1]), {"id": scene.problem_id})
    await session.rollback()
    status, body = await scene.step(scene.staff, "co-sign", share="30", organization_id=other)
    assert (status, body["errors"][0]["pointer"]) == (422, "/note")
    noted = {"organization_id": other, "note": "电话确认"}
    status, body = await scene.step(scene.staff, "co-sign", share="30", **noted)
    told = {a["organization_id"]: a for a in body["answers"]}[other]
    assert (status, told["is_noted_by_staff"], told["note"]) == (200, True, "电话确认")
    status, body = await scene.step(scene.staff, "conclude-signing", **lead)
    assert (status, "90%" in body["detail"]) == (409, True)

    assert (await scene.step(scene.third, "decline", note="已自行解决"))[0] == 200
    shown = await scene.read(scene.first)
    assert {(a["organization_id"], a["share"]) for a in shown["answers"]} == {
        (scene.owner(0), "60"),
        (other, "30"),
    }
    assert len((await scene.read(scene.staff))["answers"]) == 3
    seen = (await scene.staff.get(f"/common-problems/{scene.problem_id}")).headers["etag"]
    assert (await scene.step(scene.second, "co-sign", share="40"))[0] == 200
    path, stale = f"/common-problems/{scene.problem_id}:conclude-signing", {"If-Match": seen}
    assert (await scene.staff.post(path, json=lead, headers=stale)).status_code == 412
    refused = await scene.step(scene.staff, "conclude-signing", lead_organization_id=scene.owner(2))
    assert refused[1]["errors"][0]["code"] == "not_signed"
    with pytest.raises(IntegrityError, match="100 in all"):
        await session.execute(
            text("UPDATE common_problems SET state = 'co_signed' WHERE id = :id"),
            {"id": scene.problem_id},
        )
    await session.rollback()

    far = await people.coordinator(GUANGZHOU)
    assert (await scene.read(far))["region_codes"] == [YIWU, GUANGZHOU]
    status, body = await scene.step(scene.staff, "conclude-signing", **lead)
    assert (status, body["state"], body["organization_count"]) == (200, "co_signed", 2)
    assert (len(body["members"]), body["region_codes"]) == (2, [YIWU])
    assert (await far.get(f"/common-problems/{scene.problem_id}")).status_code == 404
    assert [a["is_lead"] for a in body["answers"] if a["organization_id"] == scene.owner(0)] == [
        True
    ]
    assert (await scene.step(scene.second, "co-sign", share="10"))[0] == 403
    assert (await scene.third.get(f"/common-problems/{scene.problem_id}")).status_code == 404


async def test_staff_never_note_over_what_an_enterprise_said_itself(scene: Scene) -> None:
    noted = {"organization_id": scene.owner(0), "note": "电话确认"}

    async def answer_of_first() -> tuple[Any, ...]:
        answers = (await scene.read(scene.staff))["answers"]
        [told] = [a for a in answers if a["organization_id"] == scene.owner(0)]
        return told["answer"], told["share"], told["note"], told["is_noted_by_staff"]

    for share in ("40", "45"):  # over their own note
        assert (await scene.step(scene.staff, "co-sign", share=share, **noted))[0] == 200
    assert await answer_of_first() == ("signed", "45", "电话确认", True)
    for verb, said in (("co-sign", {"share": "50"}), ("decline", {"note": "已自行解决"})):
        assert (await scene.step(scene.first, verb, **said))[0] == 200
        own = await answer_of_first()
        assert own[-1] is False
        for by_staff in ("decline", "co-sign"):
            body = noted | ({"share": "40"} if by_staff == "co-sign" else {})
            status, refused = await scene.step(scene.staff, by_staff, **body)
            assert (status, refused["errors"][0]["code"]) == (409, "answered_itself")
            assert "自行答复" in refused["detail"]
        assert await answer_of_first() == own
    assert (await scene.step(scene.first, "co-sign", share="60"))[0] == 200


async def test_from_the_signatures_to_the_result(
    people: People, session: AsyncSession, scene: Scene
) -> None:
    await scene.signed()
    assert (await scene.step(scene.staff, "publish"))[0] == 409
    status, body = await scene.step(scene.staff, "merge", **MERGED)
    assert (status, body["state"], body["title"]) == (200, "merged", MERGED["title"])
    stranger = await people.enterprise()
    assert await scenes.listed(stranger) == []
    assert (await scene.step(scene.staff, "publish"))[1]["state"] == "published"

    account = await people.account(Role.EXPERT)
    chief = await matches.expert(session, "林若溪", "锦纶染色", account_id=account.id)
    member = await matches.expert(session, "周远", "染整", region_code=GUANGZHOU)
    person = await people.client(account)
    for reader in (stranger, person, await people.coordinator("330100"), scene.third):
        [listed] = await scenes.listed(reader)
        shown = await scene.read(reader)
        assert (listed["title"], shown["statement"]) == (MERGED["title"], MERGED["statement"])
        assert (shown["members"], shown["allowed_actions"], shown["experts"]) == ([], [], [])
        assert all(a["organization_id"] == scene.owner(2) for a in shown["answers"])

    assert (await scene.step(scene.staff, "begin-work"))[1]["errors"][0]["code"] == "no_chief"
    team = [{"expert_id": str(member.id)}, {"expert_id": str(chief.id), "is_chief": True}]
    assert (await scene.step(scene.first, "form-team", experts=team))[0] == 403
    status, body = await scene.step(scene.staff, "form-team", experts=[team[1], team[1]])
    assert (status, [f["code"] for f in body["errors"]]) == (422, ["named_twice", "no_chief"])
    await _set(session, member, is_do_not_contact=True)
    status, body = await scene.step(scene.staff, "form-team", experts=team)
    faults = [(f["pointer"], f["code"]) for f in body["errors"]]
    assert (status, faults) == (409, [("/experts/0", "do_not_contact")])
    await _set(session, member, is_do_not_contact=False)
    acting = await people.join(account, scene.demands[1].organization)
    status, body = await scene.step(scene.staff, "form-team", experts=team)
    faults = [(f["pointer"], f["code"]) for f in body["errors"]]
    assert (status, faults) == (409, [("/experts/1", "organization_conflict")])
    await session.execute(text("DELETE FROM memberships WHERE id = :id"), {"id": acting})
    await session.commit()
    for _ in range(2):  # replaced as a whole
        status, body = await scene.step(scene.staff, "form-team", experts=team)
        assert (status, [e["expert"]["name"] for e in body["experts"]]) == (
            200,
            ["林若溪", "周远"],
        )
    for reader in (person, scene.second):
        assert len((await scene.read(reader))["experts"]) == 2
    assert (await scene.read(stranger))["experts"] == []

    assert (await scene.step(scene.staff, "begin-work"))[1]["state"] == "joint_work"
    assert (await scene.step(scene.second, "accept", reason="合格"))[0] == 403
    assert (await scene.read(scene.first))["allowed_actions"] == ["accept"]
    status, body = await scene.step(scene.first, "accept", reason="林若溪等验收合格")
    assert (status, body["state"], body["state_reason"]) == (200, "accepted", "林若溪等验收合格")
    assert body["confirmed_at"] is not None
    assert (await scene.step(scene.staff, "end", reason="x"))[0] == 409
    assert (await person.post(f"/experts/{chief.id}:erase")).status_code == 204
    shown = await scene.read(scene.staff)
    assert (shown["state_reason"], len(shown["experts"])) == ("某专家等验收合格", 1)


async def _set(session: AsyncSession, expert: Expert, **values: Any) -> None:
    for name, value in values.items():
        setattr(expert, name, value)
    await session.commit()


async def test_no_night_and_no_withdrawal_undoes_what_was_signed_for(
    app: FastAPI, people: People, scene: Scene
) -> None:
    await scene.signed()
    await scenes.propose(app)  # gives reasons without the demand that was taken out
    before = await scene.read(scene.staff)
    await scenes.propose(app)
    assert await scene.read(scene.staff) == before
    assert len(await scenes.listed(scene.staff)) == 1, "what was declined is not proposed again"
    await scenes.withdraw(app, people, scene.demands[0])
    after = await scene.read(scene.staff)
    assert (after["state"], after["demand_count"]) == ("co_signed", 1)
    assert (after["title"], after["answers"]) == (scene.demands[1].title, before["answers"])
    await scenes.withdraw(app, people, scene.demands[1])
    await scenes.propose(app)
    after = await scene.read(scene.first)
    assert (after["state"], after["members"], after["statement"]) == ("co_signed", [], "")
    assert after["title"].startswith("需求均不再公开的共性难题")
    outside = await people.coordinator("330100")
    assert (await outside.get(f"/common-problems/{scene.problem_id}")).status_code == 404
    status, body = await scene.step(scene.staff, "end", reason="企业已自行解决")
    assert (status, body["state"]) == (200, "ended")
    assert (await scene.read(scene.second))["state_reason"] == "企业已自行解决"
    await scenes.propose(app)
    assert (await scene.read(scene.staff))["state"] == "ended"


async def test_a_signature_goes_with_the_last_demand_of_its_enterprise(
    app: FastAPI, people: People, scene: Scene
) -> None:
    for client, share in ((scene.first, "60"), (scene.second, "40")):
        assert (await scene.step(client, "co-sign", share=share))[0] == 200
    await scenes.withdraw(app, people, scene.demands[0])
    after = await scene.read(scene.staff)
    assert (after["state"], after["co_signer_count"], len(after["answers"])) == ("confirmed", 1, 2)
    assert (await scenes.step(scene.staff, scene.problem_id, "dismiss"))[0] == 200
    for verb in ("reopen", "confirm"):
        assert (await scenes.step(scene.staff, scene.problem_id, verb))[0] == 200
    after = await scene.read(scene.staff)
    assert {a["answer"] for a in after["answers"]} == {None}
