"""Whoever is erased leaves no words beside a docking, and nobody adds any; what exports tell."""

import asyncio
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import today
from app.dockings import repository
from app.dockings.log.models import EntryKind, LogEntry
from app.dockings.models import Docking, Side
from app.scopes import Scope, within
from tests.app.dockings.scenes import Scene, contacted, docked, recommended, taken
from tests.app.dockings.test_parts import PDF, TODAY, sent
from tests.locks import Locks
from tests.people import People


async def test_what_is_written_meanwhile_goes_and_nothing_comes_after(
    app: FastAPI, people: People, session: AsyncSession, locks: Locks
) -> None:
    scene = await recommended(people, session)
    docking_id = await contacted(scene)
    fields = {"kind": "development", "title": "开发合同", "amount": "50", "parties": ["甲", "乙"]}
    _, agreement = await sent(scene.enterprise, f"/dockings/{docking_id}/agreements", fields)
    service = {"kind": "other", "served_on": TODAY, "hours": "1"}
    _, served = await sent(scene.person, f"/dockings/{docking_id}/service-records", service)
    await taken(scene.enterprise, docking_id, "fail")  # nothing of a closed one is ended
    async with within(app.state.sessions, Scope.SERVICE).begin() as writing:
        docking = await repository.find(writing, UUID(docking_id), is_for_update=True)
        writing.add(entry_of(docking))
        await writing.flush()
        erasing = asyncio.create_task(scene.person.post(f"/experts/{scene.expert.id}:erase"))
        await locks.wait(1)
    assert (await erasing).status_code == 204
    assert (await session.scalars(select(LogEntry.text))).all() == [""]
    await nobody_adds_words(scene, docking_id, agreement["id"], served["id"])
    confirmed = await sent(scene.enterprise, f"/service-records/{served['id']}:confirm", {})
    assert confirmed[0] == 200  # hours still count


async def test_an_export_tells_no_more_than_the_invitation(
    people: People, session: AsyncSession
) -> None:
    scene = await recommended(people, session)
    docking_id = await docked(scene)
    terms = {"kind": "development", "title": "另有保密条款的合同"}
    await sent(scene.enterprise, f"/dockings/{docking_id}/agreements", terms)
    export = (await scene.person.get("/me/personal-data")).text
    assert (docking_id in export, terms["title"] in export) == (True, False)
    await taken(scene.staff, docking_id, "invite")
    assert terms["title"] in (await scene.person.get("/me/personal-data")).text


def entry_of(docking: Docking | None) -> LogEntry:
    assert docking is not None
    said = {"kind": EntryKind.CONTACT, "happened_on": today(), "text": "骆教授说"}
    return LogEntry(docking_id=docking.id, side=Side.STAFF, participants=["骆教授"], **said)


async def nobody_adds_words(
    scene: Scene, docking_id: str, agreement_id: str, service_id: str
) -> None:
    one, reason = f"/dockings/{docking_id}", {"reason": "骆教授"}
    service = {"kind": "other", "served_on": TODAY, "hours": "1", "summary": "骆教授"}
    entry = {"kind": "contact", "happened_on": TODAY, "text": "骆教授说"}
    for client, path, body in (
        (scene.staff, f"{one}/log", entry),
        (scene.staff, f"{one}/service-records", service),
        (scene.staff, f"{one}/agreements", {"kind": "service", "title": "骆教授"}),
        (scene.enterprise, f"{one}:rate", {"score": 1, "text": "骆教授"}),
        (scene.staff, f"/service-records/{service_id}:amend", service),
        (scene.enterprise, f"/service-records/{service_id}:dispute", reason),
    ):
        assert (await sent(client, path, body))[0] == 409, path
    file = {"file": ("骆教授.pdf", PDF)}
    assert (await scene.enterprise.post(f"{one}/attachments", files=file)).status_code == 409
    renamed = await scene.enterprise.patch(f"/agreements/{agreement_id}", json={"title": "骆教授"})
    assert renamed.status_code == 409
