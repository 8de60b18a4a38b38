"""`/metrics`: who may read it, what stands in it, and that one scrape shows all processes."""

import errno
import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from prometheus_client import values
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncSession

from app import metric_files, metrics
from app.jobs import defer
from app.main import create_app, services
from app.matches.index.following import _catch_up
from app.matches.models import Pool
from app.measurements import job_probe
from app.settings import MetricsAccess, Settings
from tests.app.matches import scenes
from tests.people import People

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
TOKEN = "a token of sixteen"


def samples(content: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(content)
        for sample in family.samples
    }


def of(found: Samples, name: str, **labels: str) -> float:
    """The sum of the samples of this name that have these labels."""
    return sum(
        value
        for (own, pairs), value in found.items()
        if own == f"shuangku_{name}" and set(labels.items()) <= set(pairs)
    )


@pytest.fixture(autouse=True)
def afresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(values, "ValueClass", values.MutexValue)
    monkeypatch.setenv(metrics.FOLDER_VARIABLE, "")
    measuring = metrics._Measuring()
    monkeypatch.setattr(metrics, "_measuring", measuring)
    yield
    measuring.forget_claim()


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


async def test_the_pool_its_use_and_its_waits(app: FastAPI, settings: Settings) -> None:
    async with app.state.sessions() as session:
        await session.connection()
        found = await scraped(app)
    assert of(found, "database_connections_in_use", pool="requests") == 1
    assert of(found, "database_connections_limit", pool="requests") == 20
    assert of(await scraped(app), "database_connections_in_use", pool="requests") == 0


def _count(folder: str, go_on: str) -> None:
    metrics.share(Path(folder))
    metrics.instruments().requests.labels("/x", "GET", 200).inc()
    metrics.instruments().candidates.labels("experts").set(os.getpid())
    Path(go_on, str(os.getpid())).touch()
    signal.pause()


@pytest.fixture
def others(tmp_path: Path) -> Iterator[list[multiprocessing.process.BaseProcess]]:
    """Two processes that have measured, and live."""
    folder, marks = tmp_path / "metrics", tmp_path / "marks"
    marks.mkdir()
    context = multiprocessing.get_context("spawn")
    started = [context.Process(target=_count, args=(str(folder), str(marks))) for _ in range(2)]
    for process in started:
        process.start()
    while len(list(marks.iterdir())) < 2:
        for process in started:
            process.join(0.05)
            assert process.is_alive()
    yield list(started)
    for process in started:
        process.kill()
        process.join()


def test_one_scrape_shows_all_processes(
    others: list[multiprocessing.process.BaseProcess], tmp_path: Path
) -> None:
    metrics.share(tmp_path / "metrics")
    metrics.instruments().requests.labels("/x", "GET", 200).inc()
    found = samples(metrics.exposition().decode())
    assert of(found, "requests_total", route="/x") == 3
    assert of(found, "index_candidates", pool="experts") == max(p.pid or 0 for p in others)

    # What a process counted stays counted when it has died; what it held does not.
    for process in others:
        process.kill()
        process.join()
    found = samples(metrics.exposition().decode())
    assert of(found, "requests_total", route="/x") == 3
    assert of(found, "index_candidates", pool="experts") == 0


def test_the_first_process_of_a_start_begins_at_zero(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    for kind in ("counter", "gauge_livemax", "histogram"):
        (folder / f"{kind}_999999999.db").touch()
    metrics.share(folder)
    assert not list(folder.glob("*_999999999.db"))


def _count_and_end(folder: str) -> None:
    metrics.share(Path(folder))
    metrics.instruments().requests.labels("/x", "GET", 200).inc()
    metrics.instruments().stage_seconds.labels("recall").observe(0.003)


def test_processes_that_end_again_and_again_leave_their_sums_and_little_else(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "metrics"
    metrics.share(folder)
    context = multiprocessing.get_context("spawn")
    for number in (2, 4):
        ending = [context.Process(target=_count_and_end, args=(str(folder),)) for _ in range(2)]
        for process in ending:
            process.start()
        for process in ending:
            process.join()
        assert [process.exitcode for process in ending] == [0, 0]
        found = samples(metrics.exposition().decode())
        assert of(found, "requests_total", route="/x") == number
        assert of(found, "match_stage_seconds_count", stage="recall") == number
        assert of(found, "match_stage_seconds_bucket", stage="recall", le="0.005") == number
        assert of(found, "match_stage_seconds_bucket", stage="recall", le="0.0025") == 0
    owners = {file.stem.split("_")[-1].split("-")[0] for file in folder.glob("*.db")}
    assert owners == {str(os.getpid()), metric_files.ENDED}
    assert len(list(folder.glob("*.lock"))) == 1


def test_a_full_disk_kills_no_process(tmp_path: Path) -> None:
    """A mapped file with holes would: the kernel has no other way to say that it has no block."""
    metrics.share(tmp_path / "metrics")
    files = list((tmp_path / "metrics").glob("*.db"))
    assert {file.name.rpartition("_")[0] for file in files} >= set(metric_files.SUMS)
    for file in files:
        assert file.stat().st_blocks * 512 >= metric_files.RESERVED_BYTES


def test_without_room_on_the_disk_a_process_measures_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", is_full)
    metrics.share(tmp_path / "metrics")
    metrics.instruments().requests.labels("/x", "GET", 200).inc()
    assert of(samples(metrics.exposition().decode()), "requests_total", route="/x") == 1
    assert not list((tmp_path / "metrics").glob("*.db")), "an empty file breaks whoever reads them"


async def test_metrics_answer_without_their_database(app: FastAPI, settings: Settings) -> None:
    away = URL.create("postgresql+psycopg", host="127.0.0.1", port=1)
    app.state.job_probe = job_probe(away)
    assert of(await scraped(app), "database_up") == 0
