"""The inbox over HTTP, and its stream: who is told, what is read, and what it says later."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Self
from uuid import UUID

import pytest
from fastapi import FastAPI, Request
from httpx import AsyncClient
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.clock import now
from app.demands.models import Demand, DemandState
from app.notices import streaming
from app.notices.models import Notice
from app.personal_data import retention
from app.scopes import Scope, within
from app.settings import Settings
from tests.app.dockings.scenes import Scene, docked, recommended, taken
from tests.app.matches.scenes import move
from tests.app.notices.scenes import inbox, kinds, tell
from tests.people import JINHUA, PASSWORD, YIWU, People


@pytest.fixture
async def scene(app: FastAPI, people: People, session: AsyncSession) -> Scene:
    await tell(app)
    return await recommended(people, session)


async def test_nobody_without_signing_in(client: AsyncClient) -> None:
    for method, path in (("GET", ""), ("GET", "/stream"), ("POST", ":read-all")):
        assert (await client.request(method, f"/notices{path}")).status_code == 401


async def test_those_whom_it_concerns_are_told_once(
    app: FastAPI, people: People, session: AsyncSession, scene: Scene
) -> None:
    colleague, above = await people.coordinator(YIWU), await people.coordinator(JINHUA)
    stranger = await people.enterprise()
    docking_id = await docked(scene)
    await tell(app)
    assert await kinds(scene.person) == ["expert.in_pool"]
    await taken(scene.staff, docking_id, "invite")
    await taken(scene.person, docking_id, "accept-invitation")
    await taken(scene.enterprise, docking_id, "accept-invitation")
    await tell(app)
    await tell(app)
    assert await kinds(scene.person) == ["expert.in_pool", "docking.invited", "docking.contacted"]
    of_enterprise = ["demand.published", "match.recommended", "docking.recommended"]
    of_enterprise += ["docking.invited", "docking.invitation_accepted"]
    assert await kinds(scene.enterprise) == of_enterprise
    for staff in (scene.staff, colleague):
        assert await kinds(staff) == ["docking.invitation_accepted", "docking.contacted"]
    assert await kinds(above) == await kinds(stranger) == []
    invited = (await inbox(scene.person))[1]
    assert scene.demand.title in invited["text"]
    assert invited["path"] == f"/api/v1/dockings/{docking_id}"
    english = await scene.person.get("/notices", headers={"Accept-Language": "en"})
    assert "An invitation to dock with" in english.text

    count = await session.scalar(select(func.count(Notice.id)))
    await session.execute(text("DELETE FROM followers WHERE name = 'notices'"))
    await session.commit()
    await tell(app)
    await session.execute(text("UPDATE followers SET epoch = 'before a restore'"))
    await session.commit()
    await tell(app)  # the last thousand once more
    assert await session.scalar(select(func.count(Notice.id))) == count

    await move(session, scene.demand, DemandState.WITHDRAWN)
    await session.execute(update(Demand).values(title="改过的题目"))
    await session.commit()
    assert "改过的题目" in (await inbox(scene.enterprise))[0]["text"]
    assert "改过的题目" in (await inbox(scene.person))[1]["text"], "of a docking one reads"
    await session.execute(text("UPDATE dockings SET invited_at = NULL"))
    await session.commit()
    assert "改过的题目" not in (await inbox(scene.person))[1]["text"]


async def test_what_is_read_is_read(app: FastAPI, people: People, scene: Scene) -> None:
    await docked(scene)
    await tell(app)
    first, *others = await inbox(scene.enterprise)
    path = f"/notices/{first['id']}:read"
    assert (await scene.person.post(path)).status_code == 404
    shown = (await scene.enterprise.post(path)).json()
    assert shown["read_at"] is not None
    assert (await scene.enterprise.post(path)).json() == shown
    unread = await scene.enterprise.get("/notices", params={"is_read": False, "count": "exact"})
    assert unread.json()["total"] == len(others)
    assert [notice["id"] for notice in await inbox(scene.enterprise, is_read=True)] == [first["id"]]
    assert (await scene.enterprise.post("/notices:read-all")).json() == {"count": len(others)}
    assert await inbox(scene.enterprise, is_read=False) == []


async def test_old_notices_go_and_those_of_whoever_is_erased(
    app: FastAPI, session: AsyncSession, settings: Settings, scene: Scene
) -> None:
    await docked(scene)
    await tell(app)
    [mine] = await inbox(scene.person)
    old = now() - timedelta(days=settings.retention_days_notices + 1)
    await scene.person.post(f"/notices/{mine['id']}:read")
    await session.execute(update(Notice).values(created_at=old))
    await session.execute(update(Notice).where(Notice.read_at.is_not(None)).values(read_at=old))
    await session.commit()
    await retention.let_go(within(app.state.sessions, Scope.SERVICE), settings)
    assert await inbox(scene.person) == []
    assert await inbox(scene.enterprise) != []
    answer = await scene.enterprise.post("/me:erase", json={"password": PASSWORD})
    assert answer.status_code == 204, answer.text
    await move(session, scene.demand, DemandState.WITHDRAWN)
    await tell(app)
    kinds_left = await session.scalars(select(Notice.kind))
    assert set(kinds_left) <= {"demand.withdrawn"}, "only the staff are told"


async def heard(client: AsyncClient, **headers: str) -> list[tuple[str, str]]:
    """Id and kind of every event of a stream, which here ends soon."""
    answer = await client.get("/notices/stream", headers=headers)
    assert answer.status_code == 200, answer.text
    blocks = [block.splitlines() for block in answer.text.split("\n\n") if block]
    found = []
    for block in blocks:
        fields = dict(line.split(": ", 1) for line in block)
        if "id" in fields:
            found.append((fields["id"], json.loads(fields.get("data", '{"kind": ""}'))["kind"]))
    return found


class TwoLooks:
    """A stream's moments of looking: the first at once, the second when the test says so."""

    def __init__(self) -> None:
        self.first_is_over, self.second_may_come = asyncio.Event(), asyncio.Event()
        self.second_is_over = False

    @classmethod
    def put_into(cls, monkeypatch: pytest.MonkeyPatch) -> Self:
        looks = cls()
        monkeypatch.setattr(streaming, "looks", looks)
        return looks

    async def __call__(self, request: Request, every_seconds: float) -> AsyncIterator[None]:
        yield
        self.first_is_over.set()
        await self.second_may_come.wait()
        yield
        self.second_is_over = True


async def test_a_listener_hears_what_comes_and_goes_on_from_there(
    app: FastAPI, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tell(app)
    looks = TwoLooks.put_into(monkeypatch)
    listening = asyncio.create_task(heard(scene.enterprise))
    await looks.first_is_over.wait()
    await docked(scene)
    await tell(app)
    looks.second_may_come.set()
    begun, told = await listening
    assert (begun[1], told[1]) == ("", "docking.recommended")
    again = await heard(scene.enterprise, **{"Last-Event-ID": begun[0]})
    assert again[1:] == [told]
    assert (await heard(scene.enterprise, **{"Last-Event-ID": str(2**62)}))[1:] == []
    refused = await scene.enterprise.get("/notices/stream", headers={"Last-Event-ID": "x"})
    assert refused.status_code == 422


async def test_a_stream_ends_when_its_account_is_shut(
    app: FastAPI, session: AsyncSession, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = TwoLooks.put_into(monkeypatch)
    listening = asyncio.create_task(heard(scene.enterprise))
    await looks.first_is_over.wait()
    assert not listening.done()
    await session.execute(text("UPDATE accounts SET is_active = false"))
    await session.commit()
    looks.second_may_come.set()
    await listening
    assert not looks.second_is_over, "the second look ended the stream"
    assert not app.state.listening


async def test_a_change_of_nothing_there_is_told_to_nobody(
    app: FastAPI, session: AsyncSession, scene: Scene
) -> None:
    await changes.append(session, "docking.invited", UUID(int=7))
    await session.commit()
    await tell(app)
    assert "docking.invited" not in await kinds(scene.enterprise)
