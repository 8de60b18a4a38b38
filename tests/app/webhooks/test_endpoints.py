"""Webhooks over HTTP: one's own, where they may lead, secrets, and what was sent."""

from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.encryption.keys import MARK
from app.encryption.rotation import Rotation, reseal
from app.webhooks import operations
from app.webhooks.models import Webhook
from tests.people import People, new_key

BODY = {"url": "https://hook.example.com/in", "kinds": ["docking.*", "demand.published"]}


@pytest.fixture
async def owner(people: People) -> AsyncClient:
    return await people.enterprise()


async def made(client: AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post("/webhooks", json=BODY | changes)
    assert answer.status_code == 201, answer.text
    webhook: dict[str, Any] = answer.json()
    return webhook


async def test_nobody_without_signing_in(client: AsyncClient) -> None:
    assert (await client.get("/webhooks")).status_code == 401
    assert (await client.post("/webhooks", json=BODY)).status_code == 401


@pytest.mark.parametrize(
    ("wrong", "pointer", "code"),
    [
        ({"url": "http://hook.example.com/"}, "/url", "not_allowed"),
        ({"url": "https://127.0.0.1/"}, "/url", "not_allowed"),
        ({"url": "https://u:p@hook.example.com/"}, "/url", "not_allowed"),
        ({"kinds": []}, "/kinds", "too_short"),
        ({"kinds": ["account.updated"]}, "/kinds/0", "unknown_kind"),
        ({"secret": "mine"}, "/secret", "extra_forbidden"),
    ],
)
async def test_what_is_refused(
    owner: AsyncClient, wrong: dict[str, Any], pointer: str, code: str
) -> None:
    answer = await owner.post("/webhooks", json=BODY | wrong)
    assert answer.status_code == 422, answer.text
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)


async def test_ones_own_from_making_to_deleting(owner: AsyncClient, people: People) -> None:
    webhook = await made(owner)
    assert webhook["secret"].startswith("whsec_")
    path = f"/webhooks/{webhook['id']}"
    shown = (await owner.get(path)).json()
    assert "secret" not in shown
    assert shown == {name: value for name, value in webhook.items() if name != "secret"}
    stranger = await people.administrator()
    for method, asked in (
        ("GET", path),
        ("PATCH", path),
        ("DELETE", path),
        ("POST", f"{path}:test"),
        ("GET", f"{path}/deliveries"),
    ):
        body: dict[str, str] | None = {} if method in ("PATCH", "POST") else None
        assert (await stranger.request(method, asked, json=body)).status_code == 404, asked
    assert (await stranger.get("/webhooks")).json()["items"] == []
    changed = await owner.patch(path, json={"kinds": ["demand.*", "demand.*"]})
    assert (changed.json()["kinds"], changed.json()["url"]) == (["demand.*"], BODY["url"])
    refused = await owner.patch(path, json={"url": "https://10.0.0.1/"})
    assert refused.status_code == 422
    disabled = (await owner.post(f"{path}:disable")).json()
    assert (disabled["is_enabled"], disabled["disabled_cause"]) == (False, "by_hand")
    assert disabled["allowed_actions"][-1] == "enable"
    assert (await owner.post(f"{path}:test")).status_code == 409
    assert (await owner.post(f"{path}:enable")).json()["is_enabled"] is True
    assert [w["id"] for w in (await owner.get("/webhooks")).json()["items"]] == [webhook["id"]]
    assert (await owner.delete(path)).status_code == 204
    assert (await owner.get(path)).status_code == 404


async def test_secrets_are_sealed_and_replaced(
    app: FastAPI, owner: AsyncClient, session: AsyncSession
) -> None:
    webhook = await made(owner)
    stored = (await session.execute(text("SELECT secret, previous_secret FROM webhooks"))).one()
    assert webhook["secret"] not in stored.secret
    assert stored.previous_secret == ""
    rotated = (await owner.post(f"/webhooks/{webhook['id']}:rotate-secret")).json()
    assert rotated["secret"] != webhook["secret"]
    assert rotated["previous_secret_ends_at"] is not None
    await session.commit()
    [kept] = (await session.scalars(select(Webhook))).all()
    assert (kept.secret, kept.previous_secret) == (rotated["secret"], webhook["secret"])
    await session.execute(text("UPDATE webhooks SET secret = 'whsec_of_before'"))
    await session.commit()
    assert await reseal(app.state.sessions) == Rotation(resealed=1, left=0)
    await session.refresh(kept)
    assert kept.secret_sealed.startswith(MARK)
    assert (kept.secret, kept.previous_secret) == ("whsec_of_before", webhook["secret"])


async def test_a_test_waits_to_be_sent_and_is_replayed(
    owner: AsyncClient, people: People, session: AsyncSession
) -> None:
    webhook = await made(owner)
    sent = await owner.post(f"/webhooks/{webhook['id']}:test")
    assert sent.status_code == 201, sent.text
    delivery = sent.json()
    assert (delivery["kind"], delivery["state"]) == ("webhook.test", "waiting")
    jobs = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'deliver_webhooks'"
    assert await session.scalar(text(jobs)) == 1
    replay = f"/webhook-deliveries/{delivery['id']}:replay"
    assert (await (await people.administrator()).post(replay)).status_code == 404
    assert (await owner.post(replay)).json()["attempts"] == 0
    path = f"/webhooks/{webhook['id']}/deliveries"
    assert len((await owner.get(path)).json()["items"]) == 1
    assert (await owner.get(path, params={"state": "failed"})).json()["items"] == []
    await owner.post(f"/webhooks/{webhook['id']}:disable")
    assert (await owner.post(replay)).status_code == 409
    assert (await owner.get(path)).json()["items"][0]["allowed_actions"] == []
    await owner.delete(f"/webhooks/{webhook['id']}")
    assert await session.scalar(text("SELECT count(*) FROM webhook_deliveries")) == 0


async def test_systems_make_them_with_a_key_and_not_too_many(people: People) -> None:
    owner = await people.coordinator()
    key = await new_key(owner)
    owner.headers["Authorization"] = f"Bearer {key['key']}"
    for _ in range(operations.MAX_WEBHOOKS):
        await made(owner)
    assert (await owner.post("/webhooks", json=BODY)).status_code == 409
