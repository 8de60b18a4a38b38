"""Every verb, in every state, by every party, against the one table of transitions."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.changes.models import Change
from app.experts.models import Expert, ExpertState
from app.experts.workflow import EDITABLE, TRANSITIONS
from app.transitions import Party
from tests.app.experts.profiles import COMPLETE, enter, path_of, store
from tests.people import YIWU, People

BODIES: dict[str, Any] = {
    "return": {"reason": "请补充"},
    "suspend": {"reason": "出国"},
    "remove": {"cause": "retired"},
}
# The endpoints of these verbs are for staff alone, whatever the table says.
STAFF_ONLY = frozenset({"admit", "reinstate", "remove"})


@pytest.mark.parametrize("party", [Party.PERSON, Party.ORGANIZATION, Party.STAFF, None])
async def test_the_whole_square(people: People, session: AsyncSession, party: Party | None) -> None:
    organization = await people.organization()
    owner = await people.account(Role.EXPERT)
    caller = {
        Party.PERSON: await people.client(owner),
        Party.ORGANIZATION: await people.enterprise(organization),
        Party.STAFF: await people.coordinator(YIWU),
        None: await people.enterprise(),
    }[party]
    expert = await store(session, account_id=owner.id, organization_id=organization.id)
    for state in ExpertState:
        await put(session, state)
        if party is not None:
            offered = set((await caller.get(path_of(expert))).json()["allowed_actions"])
            verbs = {verb for verb in TRANSITIONS if _expected(party, state, verb)[0] == 200}
            edits = {"update"} if state in EDITABLE else set()
            assert offered == verbs | edits
        for verb in TRANSITIONS:
            await put(session, state)
            answer = await caller.post(f"{path_of(expert)}:{verb}", json=BODIES.get(verb))
            expected, target = _expected(party, state, verb)
            assert answer.status_code == expected, (state, verb, answer.text)
            if expected == 200:  # or the next change with this tag would be refused
                tag = (await caller.get(path_of(expert))).headers["ETag"]
                assert answer.headers["ETag"] == tag, (state, verb)
            stored = await session.scalar(select(Expert.state))
            assert stored is target, (state, verb)


async def put(session: AsyncSession, state: ExpertState) -> None:
    await session.execute(update(Expert).values(state=state))
    await session.commit()


def _expected(party: Party | None, state: ExpertState, verb: str) -> tuple[int, ExpertState | None]:
    transition = TRANSITIONS[verb]
    if party is None:
        return (403 if verb in STAFF_ONLY else 404), state
    if party not in transition.parties:
        return 403, state
    if state not in transition.sources:
        return 409, state
    return 200, transition.target


async def test_wrong_state_says_what_would_be_right(people: People) -> None:
    staff = await people.coordinator()
    expert = await enter(staff)
    answer = await staff.post(f"/experts/{expert['id']}:admit")
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    assert "recommended" in answer.json()["detail"]
    assert "draft" in answer.json()["detail"]


async def test_submit_lists_every_missing_field(people: People) -> None:
    staff = await people.administrator()
    expert = (await staff.post("/experts", json={"name": "某人", "kind": "academician"})).json()
    missing = {
        "organization_name",
        "title",
        "disciplines",
        "research_directions",
        "region_code",
        "academy_division",
        "elected_year",
    }
    assert set(expert["missing"]) == missing
    answer = await staff.post(f"/experts/{expert['id']}:submit")
    assert answer.status_code == 422
    assert {error["pointer"] for error in answer.json()["errors"]} == {f"/{m}" for m in missing}
    assert {error["code"] for error in answer.json()["errors"]} == {"missing"}
    filled = COMPLETE | {"academy_division": "化学部", "elected_year": 2019}
    changed = (await staff.patch(f"/experts/{expert['id']}", json=filled)).json()
    assert changed["missing"] == []
    assert (await staff.post(f"/experts/{expert['id']}:submit")).json()["state"] == "submitted"


async def test_whoever_was_admitted_stays_complete(people: People, session: AsyncSession) -> None:
    owner = await people.account(Role.EXPERT)
    expert = await store(session, account_id=owner.id)
    own, staff = await people.client(owner), await people.coordinator(YIWU)
    emptied: tuple[tuple[str, Any], ...] = (
        ("title", ""),
        ("disciplines", []),
        ("research_directions", []),
        ("title", "\u200b"),
    )
    for state in (ExpertState.IN_POOL, ExpertState.SUSPENDED):
        await put(session, state)
        for name, nothing in emptied:
            for client in (own, staff):
                answer = await client.patch(path_of(expert), json={name: nothing})
                found = [(e["pointer"], e["code"]) for e in answer.json().get("errors", [])]
                assert (answer.status_code, found) == (422, [(f"/{name}", "missing")])
        kind = await staff.patch(path_of(expert), json={"kind": "academician"})
        assert kind.status_code == 422, "an academician is of a division"
        await put(session, ExpertState.DRAFT)
        assert (await own.patch(path_of(expert), json={"title": ""})).json()["missing"] == ["title"]
        await own.patch(path_of(expert), json={"title": "教授"})


async def test_whom_a_file_admitted_incomplete_is_completed_bit_by_bit(
    people: People, session: AsyncSession
) -> None:
    """Only what is there may not go; a suspended one comes back complete."""
    expert = await store(session, title="", disciplines=[])
    staff = await people.coordinator(YIWU)
    path = path_of(expert)
    assert (await staff.patch(path, json={"introduction": "新"})).status_code == 200
    assert (await staff.patch(path, json={"disciplines": ["540"]})).status_code == 200
    assert (await staff.patch(path, json={"disciplines": []})).status_code == 422
    await act(staff, path, "suspend")
    refused = await staff.post(f"{path}:reinstate")
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/title"]
    assert (await staff.patch(path, json={"title": "教授"})).status_code == 200
    await act(staff, path, "reinstate")


async def test_experts_abroad_need_no_region(people: People) -> None:
    staff = await people.administrator()
    abroad = await enter(staff, region_code=None, country="DE", kind="overseas_talent")
    assert abroad["missing"] == []
    assert (await enter(staff, region_code=None, country="CN"))["missing"] == ["region_code"]


async def test_reasons_are_kept_and_needed(people: People, session: AsyncSession) -> None:
    staff = await people.coordinator()
    path = f"/experts/{(await enter(staff))['id']}"
    await staff.post(f"{path}:submit")
    for body in (None, {}, {"reason": ""}, {"reason": "  "}, {"reason": "字" * 501}):
        assert (await staff.post(f"{path}:return", json=body)).status_code == 422
    returned = (await staff.post(f"{path}:return", json={"reason": "请补充"})).json()
    assert (returned["state"], returned["state_reason"]) == ("draft", "请补充")
    assert (await staff.post(f"{path}:submit")).json()["state_reason"] == ""
    assert (await staff.post(f"{path}:remove", json={"cause": "boredom"})).status_code == 422
    removed = (
        await staff.post(f"{path}:remove", json={"cause": "merged", "reason": "重复"})
    ).json()
    assert (removed["removal_cause"], removed["state_reason"]) == ("merged", "重复")
    kinds = await session.scalars(select(Change.kind).order_by(Change.id))
    assert list(kinds) == [
        "expert.created",
        "expert.submitted",
        "expert.draft",
        "expert.submitted",
        "expert.removed",
    ]


async def test_under_review_nothing_changes(people: People) -> None:
    staff = await people.coordinator()
    path = f"/experts/{(await enter(staff))['id']}"
    await staff.post(f"{path}:submit")
    for method, part, body in (
        ("PATCH", "", {"title": "院长"}),
        ("POST", "/evidence", {"kind": "patent", "title": "砖"}),
    ):
        answer = await staff.request(method, path + part, json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")


async def test_what_the_review_confirmed_only_staff_change(
    people: People, session: AsyncSession
) -> None:
    """Nobody becomes an academician by themself."""
    owner = await people.account(Role.EXPERT)
    expert = await store(session, account_id=owner.id)
    own, staff = await people.client(owner), await people.coordinator(YIWU)
    for name, value in (
        ("academy_division", "化学部"),
        ("elected_year", 2019),
        ("kind", "academician"),
        ("name", "另一人"),
        ("region_code", None),
    ):
        answer = await own.patch(path_of(expert), json={name: value})
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "locked"), name
        assert (await staff.patch(path_of(expert), json={name: value})).status_code == 200
    same = (await own.get(path_of(expert))).json()
    body = {"name": same["name"], "kind": same["kind"], "title": "研究员"}
    assert (await own.patch(path_of(expert), json=body)).json()["title"] == "研究员"


async def act(client: AsyncClient, path: str, *verbs: str) -> None:
    for verb in verbs:
        answer = await client.post(f"{path}:{verb}", json=BODIES.get(verb))
        assert answer.status_code == 200, answer.text


async def test_the_way_by_three_parties(people: People) -> None:
    organization = await people.organization()
    own = await people.expert()
    unit, staff = await people.enterprise(organization), await people.coordinator(YIWU)
    path = f"/experts/{(await enter(own, organization_id=str(organization.id)))['id']}"
    await act(own, path, "submit")
    await act(unit, path, "begin-review", "recommend")
    await act(staff, path, "admit")
    await act(own, path, "suspend")
    await act(staff, path, "reinstate", "remove")
    assert (await own.get(path)).json()["state"] == "removed"
    assert (await own.get(path)).json()["allowed_actions"] == []


async def test_nobody_recommends_themself(people: People, session: AsyncSession) -> None:
    """Not even who acts for the organization they name; a colleague does."""
    owner, organization = await people.account(Role.EXPERT), await people.organization()
    await people.join(owner, organization)
    expert = await store(
        session,
        state=ExpertState.DRAFT,
        account_id=owner.id,
        organization_id=organization.id,
    )
    own, colleague = await people.client(owner), await people.enterprise(organization)
    assert (await own.post(f"{path_of(expert)}:submit")).status_code == 200
    assert (await own.get(path_of(expert))).json()["allowed_actions"] == []
    for verb in ("begin-review", "recommend"):
        assert (await own.post(f"{path_of(expert)}:{verb}")).status_code == 403
        assert (await colleague.post(f"{path_of(expert)}:{verb}")).status_code == 200
