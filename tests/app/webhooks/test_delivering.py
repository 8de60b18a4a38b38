"""From a change to a receiver of this machine: once, signed, in scope, and again until it is in."""

import asyncio
import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.outgoing.addresses import Allowed
from app.personal_data import retention
from app.scopes import Scope, within
from app.settings import Settings
from app.webhooks import delivering, following, repository
from app.webhooks.delivering import Sender
from app.webhooks.endpoints import get_allowed
from app.webhooks.workflow import WAITS
from tests.app.dockings.scenes import Scene, docked, recommended, taken
from tests.app.notices.scenes import kinds as told
from tests.app.notices.scenes import tell
from tests.locks import Locks
from tests.people import PASSWORD, People
from tests.receiver import HOST, Received, Receiver, receiver

DAYS = timedelta(days=5)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture(autouse=True)
def _afresh(endpoint: Receiver) -> None:
    endpoint.received.clear()
    endpoint.answers.clear()


@pytest.fixture(autouse=True)
def _allowed(application: FastAPI) -> Iterator[None]:
    """Webhooks may lead to this machine."""

    async def here() -> Allowed:
        return Allowed.of([HOST])

    application.dependency_overrides[get_allowed] = here
    yield
    del application.dependency_overrides[get_allowed]


@pytest.fixture
async def scene(app: FastAPI, people: People, session: AsyncSession) -> Scene:
    """Of what comes from now on something is sent."""
    await follow(app)
    return await recommended(people, session)


@pytest.fixture
async def owner(people: People) -> AsyncClient:
    return await people.enterprise()


@pytest.fixture
async def other(people: People) -> AsyncClient:
    return await people.expert()


async def follow(app: FastAPI) -> None:
    async with app.state.sessions.begin() as session:
        await following.follow(session, now())


def sender(app: FastAPI, later: timedelta = timedelta(0), **changes: Any) -> Sender:
    """As a worker has it, at a later moment."""
    given: dict[str, Any] = {"seconds": 5.0, "failing_for": DAYS}
    return Sender(
        sessions=app.state.sessions,
        allowed=Allowed.of([HOST]),
        clock=lambda: now() + later,
        **given | changes,
    )


async def made(client: AsyncClient, url: str, *kinds: str) -> dict[str, Any]:
    body = {"url": url, "kinds": kinds or ["docking.*"]}
    answer = await client.post("/webhooks", json=body)
    assert answer.status_code == 201, answer.text
    webhook: dict[str, Any] = answer.json()
    return webhook


async def deliveries(client: AsyncClient, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await client.get(f"/webhooks/{webhook['id']}/deliveries?sort=created_at")
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def require_signed(received: Received, *secrets: str) -> None:
    """By another implementation than the service's."""
    head = f"{received.headers['webhook-id']}.{received.headers['webhook-timestamp']}."
    expected = []
    for secret in secrets:
        code = HMAC(base64.b64decode(secret.removeprefix("whsec_")), SHA256())
        code.update(head.encode() + received.body)
        expected.append(f"v1,{base64.b64encode(code.finalize()).decode()}")
    assert received.headers["webhook-signature"].split() == expected


def events(endpoint: Receiver) -> list[tuple[str, str]]:
    return [(r.path, json.loads(r.body)["type"]) for r in endpoint.received]


async def test_everybody_is_sent_what_they_may_know(
    app: FastAPI, people: People, endpoint: Receiver, scene: Scene
) -> None:
    of_enterprise = await made(scene.enterprise, endpoint.url("/fine"), "docking.*", "expert.*")
    await made(scene.person, endpoint.url("/fine?person"))
    await made(await people.enterprise(), endpoint.url("/fine?stranger"), "docking.*", "demand.*")
    docking_id = await docked(scene)
    await follow(app)
    await taken(scene.staff, docking_id, "invite")
    await follow(app)
    await follow(app)
    await sender(app).deliver()
    await sender(app).deliver()
    assert sorted(events(endpoint)) == [
        ("/fine", "docking.invited"),
        ("/fine", "docking.recommended"),
        ("/fine?person", "docking.invited"),
    ]
    first = endpoint.received[0]
    require_signed(next(r for r in endpoint.received if r.path == "/fine"), of_enterprise["secret"])
    assert json.loads(first.body)["data"] == {
        "id": docking_id,
        "state": "invited",
        "demand_id": str(scene.demand.id),
        "expert_id": str(scene.expert.id),
    }
    found = await deliveries(scene.enterprise, of_enterprise)
    assert {(d["state"], d["attempts"], d["status_code"]) for d in found} == {("delivered", 1, 200)}
    assert {f"msg_{d['id']}" for d in found} < {r.headers["webhook-id"] for r in endpoint.received}


async def test_after_a_restore_nothing_is_sent_twice(
    app: FastAPI, session: AsyncSession, endpoint: Receiver, scene: Scene
) -> None:
    await made(scene.enterprise, endpoint.url("/fine"))
    await docked(scene)
    await follow(app)
    await sender(app).deliver()
    await session.execute(text("UPDATE followers SET epoch = 'before a restore'"))
    await session.commit()
    await follow(app)
    await sender(app).deliver()
    assert events(endpoint) == [("/fine", "docking.recommended")]


async def test_who_may_not_know_of_it_any_more_is_sent_nothing(
    app: FastAPI, session: AsyncSession, endpoint: Receiver, scene: Scene
) -> None:
    webhook = await made(scene.enterprise, endpoint.url("/fine"))
    await docked(scene)
    await follow(app)
    await session.execute(text("UPDATE memberships SET state = 'revoked'"))
    await session.commit()
    await sender(app).deliver()
    [delivery] = await deliveries(scene.enterprise, webhook)
    assert (delivery["state"], events(endpoint)) == ("withheld", [])


async def test_what_fails_is_sent_again_under_the_same_id(
    app: FastAPI, endpoint: Receiver, owner: AsyncClient
) -> None:
    webhook = await made(owner, endpoint.url("/fine"))
    await owner.post(f"/webhooks/{webhook['id']}:test")
    endpoint.answers[:] = ["500", "redirect", "cut"]
    later = timedelta(0)
    for wait in WAITS[:3]:
        await sender(app, later).deliver()
        await sender(app, later).deliver()  # it is not due
        later += wait + timedelta(seconds=1)
    rotated = (await owner.post(f"/webhooks/{webhook['id']}:rotate-secret")).json()
    await sender(app, later).deliver()
    assert len({r.headers["webhook-id"] for r in endpoint.received}) == 1
    assert len(endpoint.received) == 4
    require_signed(endpoint.received[0], webhook["secret"])
    require_signed(endpoint.received[3], rotated["secret"], webhook["secret"])
    assert json.loads(endpoint.received[3].body)["data"] == {"id": webhook["id"]}
    [delivery] = await deliveries(owner, webhook)
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 4)
    await owner.post(f"/webhook-deliveries/{delivery['id']}:replay")
    await sender(app, later + timedelta(days=2)).deliver()
    require_signed(endpoint.received[4], rotated["secret"])  # the one before has ended
    assert endpoint.received[4].headers["webhook-id"] == endpoint.received[0].headers["webhook-id"]


async def test_a_receiver_that_is_gone_or_only_fails_is_left_and_its_owner_told(
    app: FastAPI, endpoint: Receiver, owner: AsyncClient, other: AsyncClient
) -> None:
    await tell(app)
    gone = await made(owner, endpoint.url("/410"))
    failing = await made(other, endpoint.url("/500"))
    for client, webhook in ((owner, gone), (other, failing)):
        await client.post(f"/webhooks/{webhook['id']}:test")
    await sender(app).deliver()
    shown = (await owner.get(f"/webhooks/{gone['id']}")).json()
    assert (shown["is_enabled"], shown["disabled_cause"]) == (False, "gone")
    path = f"/webhooks/{failing['id']}"
    assert (await other.get(path)).json()["is_enabled"] is True
    await sender(app, DAYS + timedelta(seconds=1)).deliver()
    shown = (await other.get(path)).json()
    assert (shown["is_enabled"], shown["disabled_cause"]) == (False, "failing")
    await sender(app, DAYS * 2).deliver()
    assert len(endpoint.received) == 3
    await tell(app)
    assert await told(owner) == await told(other) == ["webhook.disabled"]
    await other.post(f"{path}:enable")
    await sender(app, DAYS * 2).deliver()
    assert len(endpoint.received) == 4, "what waited goes on"


async def test_a_slow_receiver_holds_back_nobody_else(
    app: FastAPI, endpoint: Receiver, owner: AsyncClient, other: AsyncClient
) -> None:
    slow = await made(owner, endpoint.url("/hang"))
    for _ in range(2):
        await owner.post(f"/webhooks/{slow['id']}:test")
    delivering_all = asyncio.create_task(sender(app, seconds=1.5).deliver())
    async with asyncio.timeout(30):
        while not endpoint.received:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    quick = await made(other, endpoint.url("/fine"))
    await other.post(f"/webhooks/{quick['id']}:test")
    await delivering_all
    assert [r.path for r in endpoint.received] == ["/hang", "/fine", "/hang"]
    found = await deliveries(owner, slow)
    assert {(d["state"], d["error"]) for d in found} == {("waiting", "timeout")}


async def test_whoever_fails_lets_the_others_go_first(
    app: FastAPI, session: AsyncSession, owner: AsyncClient
) -> None:
    failing, fine = [await made(owner, f"http://{HOST}/{n}") for n in (1, 2)]
    for webhook in (failing, fine):
        await owner.post(f"/webhooks/{webhook['id']}:test")
    since = "UPDATE webhooks SET failing_since_at = now() WHERE id = :id"
    await session.execute(text(since), {"id": failing["id"]})
    await session.commit()
    due = [await repository.due(session, now(), but=[], limit=limit) for limit in (1, 2)]
    assert [[str(one) for one in found] for found in due] == [
        [fine["id"]],
        [fine["id"], failing["id"]],
    ]


async def test_of_an_account_that_is_shut_meanwhile_nothing_goes_out_and_nothing_is_kept(
    app: FastAPI, session: AsyncSession, endpoint: Receiver, owner: AsyncClient, locks: Locks
) -> None:
    webhook = await made(owner, endpoint.url("/fine"))
    await owner.post(f"/webhooks/{webhook['id']}:test")
    await session.execute(text("UPDATE accounts SET is_active = false"))
    another = {name: webhook[name] for name in ("url", "kinds")}
    late = asyncio.create_task(owner.post("/webhooks", json=another))
    await locks.wait(1)
    await session.commit()
    assert (await late).status_code == 401
    assert await session.scalar(text("SELECT count(*) FROM webhooks")) == 1
    await session.commit()
    await sender(app).deliver()
    assert endpoint.received == []


async def test_a_worker_that_is_killed_meanwhile_leaves_it_waiting(
    app: FastAPI, endpoint: Receiver, owner: AsyncClient
) -> None:
    webhook = await made(owner, endpoint.url("/fine"))
    await owner.post(f"/webhooks/{webhook['id']}:test")
    endpoint.answers[:] = ["hang"]
    killed = asyncio.create_task(sender(app).deliver())
    async with asyncio.timeout(30):
        while not endpoint.received:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    killed.cancel()
    with pytest.raises(asyncio.CancelledError):
        await killed
    [delivery] = await deliveries(owner, webhook)
    assert (delivery["state"], delivery["attempts"]) == ("waiting", 0)
    await sender(app).deliver()
    assert len({r.headers["webhook-id"] for r in endpoint.received}) == 1
    [delivery] = await deliveries(owner, webhook)
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 1)


async def test_a_secret_that_does_not_open_keeps_back_nobody_else(
    app: FastAPI, session: AsyncSession, endpoint: Receiver, owner: AsyncClient
) -> None:
    first, second = [await made(owner, endpoint.url(f"/fine?{n}")) for n in (1, 2)]
    copy = "UPDATE webhooks SET secret = o.secret FROM webhooks AS o WHERE o.id = :other"
    copy += " AND webhooks.id = :id"
    await session.execute(text(copy), {"id": first["id"], "other": second["id"]})
    await session.commit()
    for webhook in (first, second):
        await owner.post(f"/webhooks/{webhook['id']}:test")
    await sender(app).deliver()
    assert [r.path for r in endpoint.received] == ["/fine?2"]
    [delivery] = await deliveries(owner, first)
    assert (delivery["state"], delivery["error"]) == ("waiting", "secret")


async def test_what_is_not_allowed_any_more_is_not_gone_to(
    app: FastAPI, endpoint: Receiver, owner: AsyncClient
) -> None:
    webhook = await made(owner, endpoint.url("/fine"))
    await owner.post(f"/webhooks/{webhook['id']}:test")
    strict = Sender(
        sessions=app.state.sessions, allowed=Allowed(), seconds=1, failing_for=DAYS, clock=now
    )
    await strict.deliver()
    [delivery] = await deliveries(owner, webhook)
    assert (delivery["error"], endpoint.received) == ("address", [])


async def test_a_worker_notices_what_is_due(
    app: FastAPI, session: AsyncSession, endpoint: Receiver, owner: AsyncClient
) -> None:
    async def woken(moment: datetime) -> int:
        await delivering.wake(app.state.sessions, lambda: moment)
        jobs = "DELETE FROM procrastinate_jobs WHERE task_name = 'deliver_webhooks' RETURNING id"
        found = (await session.scalars(text(jobs))).all()
        await session.commit()
        return len(found)

    webhook = await made(owner, endpoint.url("/500"))
    assert await woken(now()) == 0
    await owner.post(f"/webhooks/{webhook['id']}:test")
    assert await woken(now()) == 1
    await sender(app).deliver()
    assert await woken(now()) == 0
    assert await woken(now() + WAITS[0]) == 1


async def test_old_deliveries_go_and_those_of_whoever_is_erased(
    app: FastAPI, session: AsyncSession, settings: Settings, endpoint: Receiver, owner: AsyncClient
) -> None:
    webhook = await made(owner, endpoint.url("/fine"))
    await owner.post(f"/webhooks/{webhook['id']}:test")
    old = {"at": now() - timedelta(days=settings.retention_days_deliveries + 1)}
    await session.execute(text("UPDATE webhook_deliveries SET created_at = :at"), old)
    await session.commit()
    await retention.let_go(within(app.state.sessions, Scope.SERVICE), settings)
    assert await deliveries(owner, webhook) == []
    answer = await owner.post("/me:erase", json={"password": PASSWORD})
    assert answer.status_code == 204, answer.text
    assert await session.scalar(text("SELECT count(*) FROM webhooks")) == 0
