"""Every verb, in every state, by every party, against the one table of transitions."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.changes.models import Change
from app.demands.models import Demand, DemandState
from app.demands.workflow import EDITABLE, PUBLIC, TRANSITIONS
from app.transitions import Party
from tests.app.demands.forms import (
    COMPLETE,
    CREDIT_CODES,
    REVIEW,
    WITH_REASON,
    enter,
    give_code,
    publish,
    store,
    take_step,
)
from tests.people import GUANGZHOU, JINHUA, YIWU, People

STAFF_ONLY = frozenset(
    {"begin-review", "pass-formal-review", "publish", "return", "refuse", "track"}
)

# To whom one hidden state is like another.
OF_STRANGERS = (DemandState.DRAFT, DemandState.PUBLISHED, DemandState.SIGNED, DemandState.CLOSED)

Cast = Callable[[People, Any], Awaitable[AsyncClient]]
# Who calls: in which capacity, and whether the account is staff's.
CALLERS: dict[str, tuple[Party | None, bool, Cast]] = {
    "member": (Party.ORGANIZATION, False, lambda people, own: people.enterprise(own)),
    "another enterprise": (None, False, lambda people, own: people.enterprise()),
    "staff": (Party.STAFF, True, lambda people, own: people.coordinator(YIWU)),
    "staff of elsewhere": (None, True, lambda people, own: people.coordinator(GUANGZHOU)),
    "expert who is a member": (
        Party.ORGANIZATION,
        False,
        lambda people, own: member_as(people, own, Role.EXPERT),
    ),
}


async def member_as(people: People, organization: Any, role: Role) -> AsyncClient:
    """A member of the organization in a role that is not the enterprise's."""
    account = await people.account(role, region_code=GUANGZHOU)
    await people.join(account, organization)
    return await people.client(account)


@pytest.mark.parametrize("name", CALLERS)
async def test_the_whole_square(people: People, session: AsyncSession, name: str) -> None:
    party, is_staff, cast = CALLERS[name]
    organization = await people.organization()
    await give_code(session, organization, CREDIT_CODES[0])
    caller = await cast(people, organization)
    demand_id = (await store(session, organization)).id
    await session.execute(update(Demand).values(period_until_on=func.current_date()))
    refused: set[tuple[str, int]] = set()  # each step is refused once; what is offered says all
    for state in DemandState if party else OF_STRANGERS:
        await place(session, state)
        shown = await caller.get(f"/demands/{demand_id}")
        actions = shown.json().get("allowed_actions")
        for verb in TRANSITIONS:
            expected = _expected(party, is_staff, state, verb)
            if actions is not None:
                assert (verb in actions) == (expected == 200), (state, verb, actions)
                is_editable = party is not None and state in EDITABLE
                assert ("update" in actions) == is_editable, (state, actions)
            if expected != 200 and (verb, expected) in refused:
                continue
            refused.add((verb, expected))
            status, body = await take_step(caller, demand_id, verb)
            assert status == expected, (state, verb, body)
            if expected == 200:
                now = (await caller.get(f"/demands/{demand_id}")).json()
                assert body["version"] == now["version"], (state, verb)
            await session.rollback()
            stored = await session.scalar(select(Demand.state))
            assert stored is (TRANSITIONS[verb].target if expected == 200 else state), (state, verb)
            if expected == 200:
                await place(session, state)


async def place(session: AsyncSession, state: DemandState) -> None:
    await session.execute(update(Demand).values(state=state))
    await session.commit()


def _expected(party: Party | None, is_staff: bool, state: DemandState, verb: str) -> int:
    transition = TRANSITIONS[verb]
    if verb in STAFF_ONLY and not is_staff:
        return 403
    if party is None:
        return 403 if is_staff and state in PUBLIC else 404
    if party not in transition.parties:
        return 403
    return 200 if state in transition.sources else 409


async def test_nobody_steps_without_signing_in(client: AsyncClient) -> None:
    for verb in TRANSITIONS:
        assert (await take_step(client, uuid4(), verb))[0] == 401


async def test_evaluators_and_experts_take_no_step(people: People, session: AsyncSession) -> None:
    organization = await people.organization()
    demand = await store(session, organization)
    readers = (await people.evaluator(), await member_as(people, organization, Role.EVALUATOR))
    for verb in TRANSITIONS:
        for evaluator in readers:
            assert (await take_step(evaluator, demand.id, verb))[0] == 403
        hidden = 403 if verb in STAFF_ONLY else 404
        assert (await take_step(await people.expert(), demand.id, verb))[0] == hidden


async def test_the_staff_above_the_county_is_its_staff(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization(region_code=YIWU)
    for staff in (await people.coordinator(JINHUA), await people.administrator()):
        demand = await store(session, organization, state=DemandState.SUBMITTED)
        assert (await take_step(staff, demand.id, "begin-review"))[0] == 200


async def test_a_reason_is_needed_and_read_by_the_other_side(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    enterprise, staff = await people.enterprise(organization), await people.coordinator()
    for verb in WITH_REASON:
        [state, *_] = sorted(TRANSITIONS[verb].sources - {DemandState.DRAFT})
        demand = await store(session, organization, state=state)
        actor = staff
        for body in (None, {}, {"reason": "  "}, {"reason": "x" * 501}):
            answer = await actor.post(f"/demands/{demand.id}:{verb}", json=body)
            assert answer.status_code == 422, answer.text
        assert (await take_step(actor, demand.id, verb))[0] == 200
        for reader in (enterprise, staff):
            shown = (await reader.get(f"/demands/{demand.id}")).json()
            assert shown["state_reason"] == "请补充现有水平"


async def test_what_staff_published_by_mistake_they_withdraw(
    people: People, session: AsyncSession
) -> None:
    """An enterprise that was imported has no account; one that has reads who decided what."""
    organization = await people.organization()
    demand = await store(session, organization, state=DemandState.PUBLISHED)
    staff = await people.coordinator()
    assert (await take_step(staff, demand.id, "withdraw"))[1]["state"] == "withdrawn"
    shown = (await (await people.enterprise(organization)).get(f"/demands/{demand.id}")).json()
    assert (shown["state"], shown["state_reason"]) == ("withdrawn", "请补充现有水平")
    assert (await (await people.evaluator()).get(f"/demands/{demand.id}")).status_code == 404


async def test_a_submitted_demand_is_locked_and_a_returned_one_opens(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    await give_code(session, organization, CREDIT_CODES[0])
    enterprise, staff = await people.enterprise(organization), await people.coordinator()
    demand_id = (await enter(enterprise))["id"]
    assert (await take_step(enterprise, demand_id, "submit"))[1]["submitted_at"] is not None
    for client in (enterprise, staff):
        answer = await client.patch(f"/demands/{demand_id}", json={"title": "另一个"})
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    await take_step(staff, demand_id, "begin-review")
    assert (await take_step(staff, demand_id, "return"))[1]["state"] == "returned"
    answer = await enterprise.patch(f"/demands/{demand_id}", json={"title": "浅色锦纶袜黄变"})
    assert (answer.status_code, answer.json()["title"]) == (200, "浅色锦纶袜黄变")
    assert (await enterprise.get(f"/demands/{demand_id}")).json()["title"] == "浅色锦纶袜黄变"
    status, body = await take_step(enterprise, demand_id, "submit")
    assert (status, body["state"], body["state_reason"]) == (200, "submitted", "")


async def test_every_step_is_told_to_the_followers(people: People, session: AsyncSession) -> None:
    organization = await people.organization()
    await give_code(session, organization, CREDIT_CODES[0])
    enterprise, staff = await people.enterprise(organization), await people.coordinator()
    demand_id = await publish(enterprise, staff)
    await take_step(enterprise, demand_id, "withdraw")
    kinds = await session.scalars(
        select(Change.kind).where(Change.kind.startswith("demand.")).order_by(Change.id)
    )
    states = ["created", "submitted", "formal_review", "department_review", "published"]
    assert kinds.all() == [f"demand.{state}" for state in [*states, "withdrawn"]]


async def test_what_is_published_without_a_summary_shows_its_title(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    await give_code(session, organization, CREDIT_CODES[0])
    demand_id = await publish(await people.enterprise(organization), await people.coordinator())
    shown = (await (await people.evaluator()).get(f"/demands/{demand_id}")).json()
    assert shown["public_summary"] == shown["title"] == COMPLETE["title"]
    assert shown["published_at"] is not None


async def test_of_several_coordinators_at_once_one_wins_cleanly(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    await give_code(session, organization, CREDIT_CODES[0])
    staff = [await people.coordinator() for _ in range(4)]
    for verb in (*REVIEW, "return", "refuse"):
        demand = await store(session, organization, state=min(TRANSITIONS[verb].sources))
        await session.execute(update(Demand).values(period_until_on=func.current_date()))
        await session.commit()
        answers = await asyncio.gather(*(take_step(one, demand.id, verb) for one in staff))
        assert sorted(status for status, _ in answers) == [200, 409, 409, 409], verb
        assert {body["code"] for status, body in answers if status == 409} == {"wrong_state"}
        told = await session.scalars(select(Change.kind).where(Change.subject_id == demand.id))
        assert told.all() == [f"demand.{TRANSITIONS[verb].target}"]


async def test_a_withdrawal_and_a_publication_at_once_leave_one_true_state(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    await give_code(session, organization, CREDIT_CODES[0])
    demand = await store(session, organization, state=DemandState.DEPARTMENT_REVIEW)
    await session.execute(update(Demand).values(period_until_on=func.current_date()))
    await session.commit()
    enterprise, staff = await people.enterprise(organization), await people.coordinator()
    answers = await asyncio.gather(
        take_step(enterprise, demand.id, "withdraw"), take_step(staff, demand.id, "publish")
    )
    assert answers[0][0] == 200, "the enterprise may withdraw in either state"
    assert answers[1][0] in (200, 409)
    assert await session.scalar(select(Demand.state)) is DemandState.WITHDRAWN


async def test_secrets_are_refused_and_no_path_publishes_them(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    await give_code(session, organization, CREDIT_CODES[0])
    enterprise, staff = await people.enterprise(organization), await people.coordinator()
    secret = await enter(enterprise)
    await session.execute(update(Demand).values(is_confidential=True))  # one of before
    await session.commit()
    assert (await enterprise.get(f"/demands/{secret['id']}")).json()["missing"] == [
        "is_confidential"
    ]
    for client in (enterprise, staff):
        status, body = await take_step(client, secret["id"], "submit")
        assert (status, [e["code"] for e in body["errors"]]) == (422, ["confidential"])
    await session.execute(update(Demand).values(state=DemandState.DEPARTMENT_REVIEW))
    await session.commit()
    status, body = await take_step(staff, secret["id"], "publish")
    assert (status, body["errors"][0]["pointer"]) == (422, "/is_confidential")
    with pytest.raises(IntegrityError):
        await session.execute(update(Demand).values(state=DemandState.PUBLISHED))
    await session.rollback()
