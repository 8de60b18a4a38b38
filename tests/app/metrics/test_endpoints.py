"""`/metrics`: who may read it, and what stands in it."""

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncSession

from app import jobs
from app.jobs import defer, job_probe
from app.main import create_app, services
from app.matches.index.following import _catch_up
from app.matches.models import Pool
from app.settings import MetricsAccess, Settings
from tests.app.matches import scenes
from tests.app.metrics.samples import Samples, of, samples
from tests.people import People

TOKEN = "a token of sixteen"


async def scrape(app: FastAPI, address: str = "127.0.0.1", **headers: str) -> tuple[int, str]:
    transport = ASGITransport(app=app, client=(address, 1))
    async with AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/metrics", headers=headers)
    return answer.status_code, answer.text


async def scraped(app: FastAPI) -> Samples:
    status, content = await scrape(app)
    assert status == 200, content
    return samples(content)


async def test_this_machine_reads_them_by_default(app: FastAPI) -> None:
    for address in ("127.0.0.1", "::1", "127.8.8.8"):
        assert (await scrape(app, address))[0] == 200
    for address in ("192.0.2.1", "10.0.0.1", "::ffff:192.0.2.1", "testclient"):
        assert (await scrape(app, address))[0] == 403
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
        assert (await scrape(app, "127.0.0.1", **{header: "127.0.0.1"}))[0] == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("LocalHost:8000", 200),
        ("evil.test:8000", 403),
        ("127.0.0.1.evil.test", 403),
        ("localhost@evil.test", 403),
        ("evil.test#localhost", 403),
        ("[::1", 403),
        ("", 403),
    ],
)
async def test_pages_in_a_browser_on_this_machine_do_not(
    app: FastAPI, host: str, status: int
) -> None:
    """Their name may lead to this machine, but it is not this machine's."""
    assert (await scrape(app, Host=host))[0] == status


@pytest.mark.parametrize(
    ("access", "authorization", "status"),
    [
        (MetricsAccess.OFF, "", 404),
        (MetricsAccess.TOKEN, "", 401),
        (MetricsAccess.TOKEN, "Bearer another token", 401),
        (MetricsAccess.TOKEN, f"Basic {TOKEN}", 401),
        (MetricsAccess.TOKEN, f"Bearer {TOKEN}", 200),
    ],
)
async def test_a_setting_says_who_reads_them(
    settings: Settings,
    service_database: URL,
    access: MetricsAccess,
    authorization: str,
    status: int,
) -> None:
    changed = {"metrics": access, "metrics_token": TOKEN}
    app = create_app(Settings(_env_file=None, **settings.model_dump() | changed))
    async with services(app, service_database):
        for address in ("127.0.0.1", "192.0.2.1"):
            answer = await scrape(app, address, Authorization=authorization, Host="pool.test")
            assert answer[0] == status


async def test_a_queue_that_takes_too_long_is_no_dead_database(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "WAITING", "SELECT pg_sleep(30)")
    found = await scraped(app)
    assert found["shuangku_database_up", ()] == 1
    assert not any(name == "shuangku_jobs" for name, _ in found)


async def test_requests_by_route_and_never_by_path(
    app: FastAPI, client: AsyncClient, people: People
) -> None:
    administrator = await people.administrator()
    for number in range(3):
        await administrator.get(f"/experts/00000000-0000-7000-8000-00000000000{number}")
        await client.get(f"/nowhere/{number}")
        await client.request(f"VERB{number}", "/experts")
    found = await scraped(app)
    one = {"route": "/api/v1/experts/{expert_id}", "method": "GET"}
    assert of(found, "requests_total", status="404", **one) == 3
    assert of(found, "request_seconds_count", **one) == 3
    assert of(found, "requests_total", route="unmatched", method="GET") == 3
    assert of(found, "requests_total", method="OTHER") == 3
    assert not any("nowhere" in str(key) or "VERB" in str(key) for key in found)


async def test_match_stages_and_the_index(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    await scenes.match(await people.coordinator(), demand.id)
    await _catch_up(app.state.matcher)
    found = await scraped(app)
    stages = {dict(labels)["stage"] for name, labels in found if name.endswith("stage_seconds_sum")}
    assert len(stages) >= 3
    assert of(found, "index_candidates", pool=Pool.EXPERTS) == 4
    assert of(found, "index_candidates", pool=Pool.ACHIEVEMENTS) == 0
    now = of(found, "index_current_timestamp_seconds", pool=Pool.EXPERTS)
    fitted = of(found, "index_fitted_timestamp_seconds", pool=Pool.EXPERTS)
    assert now - 60 < fitted <= now + 1


async def test_jobs_by_task_and_state_and_how_long_the_oldest_waits(
    app: FastAPI, session: AsyncSession
) -> None:
    for _ in range(3):
        await defer(session, "refit_indexes")
    await session.commit()
    await session.execute(
        text("UPDATE procrastinate_events SET at = at - interval '1 hour' WHERE job_id = 1")
    )
    await session.execute(text("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = 3"))
    await defer(session, "encode_texts")
    await session.execute(
        text("UPDATE procrastinate_jobs SET task_name = 'no longer there' WHERE id = 4")
    )
    await session.commit()
    found = await scraped(app)
    assert of(found, "jobs", task="refit_indexes", state="queued") == 2
    assert of(found, "jobs", task="refit_indexes", state="failed") == 1
    assert of(found, "jobs", task="unknown", state="queued") == 1
    waits = of(found, "jobs_oldest_waiting_seconds", task="refit_indexes")
    assert 3600 <= waits < 3700
    assert of(found, "database_up") == 1


@pytest.mark.own_database  # whose connections were just opened
async def test_the_pool_its_use_and_its_waits(app: FastAPI, settings: Settings) -> None:
    async with app.state.sessions() as session:
        await session.connection()
        found = await scraped(app)
    assert of(found, "database_connections_in_use", pool="requests") == 1
    assert of(found, "database_connections_limit", pool="requests") == 20
    assert of(await scraped(app), "database_connections_in_use", pool="requests") == 0


async def test_metrics_answer_without_their_database(app: FastAPI, settings: Settings) -> None:
    away = URL.create("postgresql+psycopg", host="127.0.0.1", port=1)
    app.state.job_probe = job_probe(away)
    assert of(await scraped(app), "database_up") == 0
