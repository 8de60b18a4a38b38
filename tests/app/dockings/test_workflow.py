"""Every step, in every state, by every party, against the one table of transitions."""

from collections.abc import Awaitable, Callable

import pytest
from httpx import AsyncClient
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.dockings.models import Docking, DockingState
from app.dockings.workflow import CLOSED, TRANSITIONS
from app.experts.models import Invitation
from app.transitions import Party
from tests.app.dockings.scenes import Scene, docked, recommended, step
from tests.people import GUANGZHOU, People

STAFF_ONLY = frozenset({"invite", "take-back", "follow-up"})

Cast = Callable[[People, Scene], Awaitable[AsyncClient]]


async def _staff(people: People, scene: Scene) -> AsyncClient:
    return scene.staff


async def _enterprise(people: People, scene: Scene) -> AsyncClient:
    return scene.enterprise


async def _person(people: People, scene: Scene) -> AsyncClient:
    return scene.person


async def _other_enterprise(people: People, scene: Scene) -> AsyncClient:
    return await people.enterprise()


async def _other_staff(people: People, scene: Scene) -> AsyncClient:
    return await people.coordinator(GUANGZHOU)


async def _other_expert(people: People, scene: Scene) -> AsyncClient:
    return await people.expert()


CALLERS: dict[str, tuple[Party | None, Cast]] = {
    "staff": (Party.STAFF, _staff),
    "enterprise": (Party.ORGANIZATION, _enterprise),
    "expert": (Party.PERSON, _person),
    "another enterprise": (None, _other_enterprise),
    "staff of elsewhere": (None, _other_staff),
    "another expert": (None, _other_expert),
}


@pytest.mark.parametrize("name", CALLERS)
async def test_the_whole_square(people: People, session: AsyncSession, name: str) -> None:
    party, cast = CALLERS[name]
    scene = await recommended(people, session)
    docking_id, caller = await docked(scene), await cast(people, scene)
    refused: set[tuple[str, int]] = set()  # each step is refused once; what is offered says all
    for state in DockingState if party else [DockingState.INVITED]:  # others see no state
        await _place(session, state)
        shown = await caller.get(f"/dockings/{docking_id}")
        assert shown.status_code == (404 if party is None else 200)
        actions = shown.json().get("allowed_actions", [])
        for verb in TRANSITIONS:
            expected = _expected(party, state, verb, is_staff="staff" in name)
            assert (verb in actions) == (expected == 200), (state, verb, actions)
            if expected != 200 and (verb, expected) in refused:
                continue
            refused.add((verb, expected))
            await _place(session, state, is_answered=verb != "take-back")
            speaks = party is Party.STAFF and verb != "take-back"
            body = {"on_behalf_of": "expert", "note": "电话"} if speaks else {}
            status, answer = await step(caller, docking_id, verb, **body)
            assert status == expected, (state, verb, answer)
            stored = await session.scalar(select(Docking.state))
            target = TRANSITIONS[verb].target or state
            assert stored is (target if expected == 200 else state), (state, verb)


async def _place(session: AsyncSession, state: DockingState, *, is_answered: bool = True) -> None:
    """The docking in this state, both sides having accepted, and all but one follow-up made.

    But nobody rests after invitations of before.
    """
    await session.execute(delete(Invitation))
    answers = ("expert_accepted_at", "enterprise_accepted_at", "confidentiality_accepted_at")
    values = {"state": state, "follow_ups": 1, "invited_at": func.now()}
    values |= dict.fromkeys(answers, func.now() if is_answered else None)
    await session.execute(update(Docking).values(**values))
    await session.commit()


def _expected(party: Party | None, state: DockingState, verb: str, *, is_staff: bool) -> int:
    transition = TRANSITIONS[verb]
    if verb in STAFF_ONLY and not is_staff:
        return 403
    if party is None:
        return 404
    if party not in transition.parties:
        return 403
    return 200 if state in transition.sources else 409


def test_every_state_is_reached_and_left_but_the_last_ones() -> None:
    reached = {transition.target for transition in TRANSITIONS.values() if transition.target}
    left = {state for transition in TRANSITIONS.values() for state in transition.sources}
    assert reached | {DockingState.RECOMMENDED, DockingState.EXPIRED} == set(DockingState)
    assert left | CLOSED == set(DockingState)
