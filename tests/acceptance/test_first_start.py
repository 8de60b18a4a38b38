"""From an empty folder to explained experts; a second start; and an end that leaves nothing."""

import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from scripts.service import signed_in
from tests.acceptance.processes import (
    COORDINATOR,
    PASSWORD,
    READY_SECONDS,
    STOP_SECONDS,
    Running,
    alive,
    postmaster,
    serving,
    start,
    until,
)

CPU_SECONDS = 15  # of a second start, three times what it takes: neighbours slow the wall clock


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("first") / "var"


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Running]:
    """Just `serve`, with the encoder that everybody gets, listening on every interface."""
    with serving(folder, ENCODER="local", HOST="0.0.0.0") as running:
        yield running


@pytest.fixture(scope="module")
def coordinator(service: Running) -> Iterator[httpx.Client]:
    with signed_in(service.url, COORDINATOR, PASSWORD) as signed:
        yield signed.http


def test_says_what_it_does_and_where_it_serves(service: Running, coordinator: httpx.Client) -> None:
    assert coordinator.get("/api/v1/me").is_success
    expected = (
        "数据库就绪 · database ready",
        "演示库已载入",
        service.url,
        f"{service.url}/docs",
        "Ctrl+C",
    )
    told = service.told()
    assert len(told) == len(expected), service.output
    for line, part in zip(told, expected, strict=True):
        assert part in line
    assert {line["level"] for line in service.logged()} == {"info"}, service.output


def test_the_demonstration_pool_is_there(coordinator: httpx.Client) -> None:
    experts = all_items(coordinator, "experts", state="in_pool")
    assert len(experts) >= 120
    assert len({discipline for e in experts for discipline in e["disciplines"]}) >= 15
    assert len(all_items(coordinator, "demands", state="published")) >= 30


def test_a_demonstration_demand_gets_explained_experts(coordinator: httpx.Client) -> None:
    demand = all_items(coordinator, "demands", state="published", limit=1)[0]
    began_at = time.monotonic()
    response = coordinator.post(f"/api/v1/demands/{demand['id']}:match")
    print(f"first match after the start: {time.monotonic() - began_at:.3f} s")
    assert response.status_code == httpx.codes.CREATED
    matches = response.json()["matches"]
    assert [m["rank"] for m in matches] == list(range(1, 21))
    for match in matches:
        total = sum(c["value"] for c in match["contributions"])
        assert total == pytest.approx(match["score"], abs=1e-6)
    best = matches[0]
    assert best["expert"]["name"]
    assert best["terms"]
    assert best["evidence"][0]["terms"]


def test_stopped_it_leaves_nothing(service: Running, folder: Path) -> None:
    left = [*psutil.Process(service.process.pid).children(), psutil.Process(postmaster(folder))]
    assert len(left) == 3  # the process that serves, the worker and PostgreSQL
    assert service.stop() == 0
    assert not alive(left)


@pytest.fixture(scope="module")
def again(service: Running, folder: Path) -> Iterator[Running]:
    """The second start; the first service has ended, whose worker encodes as long as it lives."""
    if service.process.poll() is None:
        service.stop()
    with serving(folder) as running:
        yield running


def test_it_starts_again_soon(again: Running) -> None:
    [serving_process] = again.serving()
    processes = [psutil.Process(again.process.pid), serving_process]
    took = time.time() - processes[0].create_time()
    used = sum(times.user + times.system for times in (p.cpu_times() for p in processes))
    print(f"second start: {took:.1f} s, {used:.1f} s of CPU")
    assert used < CPU_SECONDS
    assert "演示库" not in again.output


def test_a_second_service_of_the_folder_shares_its_database(again: Running, folder: Path) -> None:
    server = postmaster(folder)
    assert server
    with (
        signed_in(again.url, COORDINATOR, PASSWORD) as coordinator,
        serving(folder, "--no-worker") as second,
    ):
        token = coordinator.http.get("/api/v1/experts", params={"limit": 1})
        authorization = {"Authorization": token.request.headers["Authorization"]}
        found = httpx.get(f"{second.url}/api/v1/experts?limit=1", headers=authorization)
        assert found.json()["items"] == token.json()["items"]
        assert postmaster(folder) == server
        began_at = time.monotonic()
        assert second.stop(signal.SIGINT) == 0
        print(f"Ctrl+C took {time.monotonic() - began_at:.1f} s")
        told = second.told()
        assert len(told) == 6, second.output
        assert ["停止" in line for line in told[-2:]] == [True, True]  # what it does meanwhile
        assert len(second.logged()) == len(second.output.splitlines())  # and no traceback
        assert postmaster(folder) == server
        assert coordinator.http.get("/readyz").is_success


def test_killed_it_leaves_nothing(again: Running, folder: Path) -> None:
    left = [*again.serving(), again.worker(), psutil.Process(postmaster(folder))]
    again.process.kill()
    again.process.wait()
    until(
        lambda: not alive(left),
        seconds=STOP_SECONDS,
        what="end of all processes and of PostgreSQL after the service was killed",
    )


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        second = start(tmp_path / "var", port=port)
        assert second.process.wait(timeout=READY_SECONDS) == 1
    [line] = second.output.splitlines()
    assert str(port) in line
    assert not (tmp_path / "var" / "postgres").exists()  # nothing was begun


def test_a_database_of_ones_own_stays_empty_unless_asked(tmp_path: Path, database_url: str) -> None:
    with serving(tmp_path, "--no-worker", DATABASE_URL=database_url) as running:
        body = {"email": COORDINATOR, "password": PASSWORD}
        refused = httpx.post(f"{running.url}/api/v1/auth:sign-in", json=body)
        assert refused.status_code == httpx.codes.UNAUTHORIZED
        assert "演示库" not in running.output


def all_items(http: httpx.Client, kind: str, **parameters: str | int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        query = {"limit": 200, **parameters} | ({"cursor": cursor} if cursor else {})
        page = http.get(f"/api/v1/{kind}", params=query).raise_for_status().json()
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None or "limit" in parameters:
            return items
