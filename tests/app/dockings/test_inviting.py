"""Invitations: refused with every reason, counted once, and remembered in the expert's record."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import today
from app.dockings.following import end_with
from app.dockings.models import Docking, DockingState
from app.experts.models import Expert, ExpertState, Invitation, InvitationState
from app.matches.limits import get_limits
from app.matches.models import Match
from app.organizations.models import OrganizationKind
from matching import Limits
from tests.app.dockings.scenes import Scene, docked, recommended, step, taken
from tests.app.matches import scenes
from tests.locks import Locks
from tests.people import People

LATER = timedelta(days=20)


@pytest.fixture
async def scene(people: People, session: AsyncSession) -> Scene:
    return await recommended(people, session)


@pytest.fixture
async def docking_id(scene: Scene) -> str:
    return await docked(scene)


async def refused(scene: Scene, docking_id: str) -> list[tuple[str, str]]:
    """Code and text of each reason."""
    status, problem = await step(scene.staff, docking_id, "invite")
    assert (status, problem["code"]) == (409, "conflict"), problem
    return [(error["code"], error["detail"]) for error in problem["errors"]]


async def test_every_reason_against_an_invitation_is_told(
    session: AsyncSession, scene: Scene, docking_id: str
) -> None:
    day, enterprise = today().isoformat(), scene.demand.organization_id
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"yearly_capacity": 0}, ["no_capacity"]),
        ({"reduced_capacity": 0, "reduced_until_on": today()}, ["no_capacity"]),
        ({"is_do_not_contact": True, "do_not_contact_reason": "住院"}, ["do_not_contact"]),
        ({"do_not_contact_until_on": today()}, ["do_not_contact"]),
        ({"absences": [{"from_on": day, "until_on": day}]}, ["absent"]),
        ({"conflicting_organization_ids": [enterprise]}, ["organization_conflict"]),
        (
            {
                "declared_conflicts": [{"organization_id": str(enterprise), "kind": "family"}],
                "yearly_capacity": 0,
            },
            ["organization_conflict", "no_capacity"],
        ),
    ]
    for fields, codes in cases:
        plain = {name: getattr(scene.expert, name) for name in fields}
        await session.execute(update(Expert).values(**fields))
        await session.commit()
        told = await refused(scene, docking_id)
        assert [code for code, _ in told] == codes
        assert "住院" not in str(told)
        await session.execute(update(Expert).values(**plain))
        await session.commit()
    await session.execute(update(Expert).values(state=ExpertState.SUSPENDED))
    await session.commit()
    assert await refused(scene, docking_id) == []  # in no pool there is nothing to say of a day
    assert await session.scalar(select(func.count(Invitation.id))) == 0


async def test_an_invitation_counts_at_once_and_gives_rest(
    session: AsyncSession, scene: Scene, docking_id: str
) -> None:
    """Also one that expired; the end of rest needs no other day than its own."""
    await taken(scene.staff, docking_id, "invite")
    await session.execute(update(Docking).values(state=DockingState.EXPIRED))
    await session.commit()
    [(code, text)] = await refused(scene, docking_id)
    until = today() + timedelta(days=13)
    assert (code, str(until) in text) == ("resting", True)
    run = await scenes.match(scene.staff, scene.demand.id)
    assert [(e["reason"], e["detail"]) for e in run["exclusions"]] == [("resting", str(until))]
    run = await scenes.match(scene.staff, scene.demand.id, on=str(until + timedelta(days=1)))
    assert run["exclusions"] == []


async def test_a_new_invitation_is_accepted_anew(
    session: AsyncSession, scene: Scene, docking_id: str
) -> None:
    await taken(scene.staff, docking_id, "invite")
    await taken(scene.person, docking_id, "accept-invitation")
    await session.execute(update(Docking).values(state=DockingState.EXPIRED))
    await session.execute(update(Invitation).values(invited_at=Invitation.invited_at - LATER))
    await session.commit()
    again = await taken(scene.staff, docking_id, "invite")
    assert (again["state"], again["expert_accepted_at"], again["closed_at"]) == (
        "invited",
        None,
        None,
    )


async def test_whoever_is_docked_already_is_not_invited_again(
    session: AsyncSession, scene: Scene, docking_id: str
) -> None:
    await session.execute(update(Docking).values(state=DockingState.EXPIRED))
    await session.commit()
    other = await docked(scene)
    status, problem = await step(scene.staff, docking_id, "invite")
    assert (status, problem["code"]) == (409, "conflict")
    assert "正在对接" in problem["detail"]
    await taken(scene.staff, other, "decline")
    await taken(scene.staff, docking_id, "invite")


async def _answers(session: AsyncSession) -> list[InvitationState]:
    return list(await session.scalars(select(Invitation.state).order_by(Invitation.invited_at)))


@pytest.mark.parametrize(
    ("who", "state"), [("person", "refused"), ("enterprise", "withdrawn"), ("staff", "withdrawn")]
)
async def test_who_declines_says_whether_it_was_a_refusal(
    session: AsyncSession, scene: Scene, docking_id: str, who: str, state: str
) -> None:
    await taken(scene.staff, docking_id, "invite")
    await taken(getattr(scene, who), docking_id, "decline")
    assert await _answers(session) == [state]


async def test_a_refusal_gives_a_longer_rest_also_of_one_who_had_accepted(
    session: AsyncSession, scene: Scene, docking_id: str
) -> None:
    await taken(scene.staff, docking_id, "invite")
    await taken(scene.person, docking_id, "accept-invitation")
    assert await _answers(session) == [InvitationState.ACCEPTED]
    words = {"on_behalf_of": "expert", "note": "电话答复不便"}
    await taken(scene.staff, docking_id, "decline", **words)
    assert await _answers(session) == [InvitationState.REFUSED]
    day = (today() + timedelta(days=59)).isoformat()
    run = await scenes.match(scene.staff, scene.demand.id, on=day)
    assert [(e["reason"], e["detail"]) for e in run["exclusions"]] == [("resting", day)]


async def test_two_invitations_do_not_take_one_last_place(
    people: People,
    session: AsyncSession,
    scene: Scene,
    docking_id: str,
    app: FastAPI,
    locks: Locks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two coordinators at once, each in a session of their own, for two demands."""

    async def restless() -> Limits:
        return Limits()

    monkeypatch.setitem(app.dependency_overrides, get_limits, restless)
    await session.execute(update(Expert).values(yearly_capacity=1))
    await session.commit()
    enterprise = await people.organization(kind=OrganizationKind.ENTERPRISE)
    other = await scenes.demand(session, enterprise, title="锦纶染色")
    [match] = (await scenes.match(scene.staff, other.id))["matches"]
    assert await scenes.judge(scene.staff, match["id"], "recommended") == 201
    second = (await scene.staff.post("/dockings", json={"match_id": match["id"]})).json()["id"]
    clients = (scene.staff, await people.coordinator())
    await session.execute(select(Expert.id).with_for_update())  # so that both have begun
    asked = [
        asyncio.create_task(step(client, one, "invite"))
        for client, one in zip(clients, (docking_id, second), strict=True)
    ]
    await locks.wait(2)
    await session.commit()
    answers = await asyncio.gather(*asked)
    assert sorted(status for status, _ in answers) == [200, 409]
    [lost] = [problem for status, problem in answers if status == 409]
    assert [error["code"] for error in lost["errors"]] == ["no_capacity"]
    assert await session.scalar(select(func.count(Invitation.id))) == 1


async def test_an_erased_experts_invitation_is_answered(
    session: AsyncSession, scene: Scene, docking_id: str
) -> None:
    await taken(scene.staff, docking_id, "invite")
    erased = await scene.person.post("/me:erase", json={"password": "correct-horse-42"})
    assert erased.status_code in (200, 204), erased.text
    assert await _answers(session) == [InvitationState.REFUSED]


async def test_a_demand_that_is_closed_meanwhile_ends_its_invitation(
    app: FastAPI, session: AsyncSession, scene: Scene, docking_id: str, locks: Locks
) -> None:
    demand_id = scene.demand.id
    await taken(scene.staff, docking_id, "invite")
    await session.execute(update(Docking).values(state=DockingState.EXPIRED))
    await session.execute(update(Invitation).values(invited_at=Invitation.invited_at - LATER))
    await session.commit()
    await session.execute(text("LOCK docking_steps IN SHARE MODE"))  # the invitation's last part
    inviting = asyncio.create_task(step(scene.staff, docking_id, "invite"))
    await locks.wait(1)
    path, reason = f"/demands/{demand_id}:close", {"reason": "另行解决"}
    closing = asyncio.create_task(scene.enterprise.post(path, json=reason))
    await locks.wait(2)
    await session.rollback()
    assert ((await inviting)[0], (await closing).status_code) == (200, 200)
    await end_with(app.state.sessions, demand_id)
    shown = (await scene.staff.get(f"/dockings/{docking_id}")).json()
    assert (shown["state"], shown["setback"]) == ("declined", "demand_withdrawn")


async def test_whoever_opens_a_docking_waits_for_an_erasure_before_all_else(
    session: AsyncSession, scene: Scene, locks: Locks
) -> None:
    held = select(Expert.id).where(Expert.id == scene.expert.id).with_for_update()
    await session.execute(held)
    body = {"match_id": scene.match_id}
    opening = asyncio.create_task(scene.staff.post("/dockings", json=body))
    await locks.wait(1)
    await session.execute(update(Match).values(terms=[], evidence=[]))  # else a deadlock
    await session.commit()
    assert (await opening).status_code == 201
