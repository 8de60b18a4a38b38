"""kill -9, of every part in turn: nothing acknowledged is lost, nothing is half done."""

import contextlib
import fcntl
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.service import free_port, signed_in
from tests.acceptance.processes import (
    ADMINISTRATOR,
    PASSWORD,
    Running,
    names_in,
    postmaster,
    preview,
    start,
    until,
    wait_until_ready,
)

ROWS = 1_500  # enough to be caught in the middle
PATIENCE = 90


@dataclass(eq=False, kw_only=True)
class Acknowledged:
    """What clients were told is done, while they could still ask."""

    experts: list[str] = field(default_factory=list)
    runs: dict[str, int] = field(default_factory=dict)  # run id → how many matches it has


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("killed") / "var"


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def services(folder: Path, port: int) -> Iterator[list[Running]]:
    """The services of the folder, one after the other at one address; the last one runs."""
    started = [start(folder, port=port)]
    try:
        wait_until_ready(started[0])
        yield started
    finally:
        started[-1].stop()


@pytest.fixture(scope="module")
def http(services: list[Running]) -> Iterator[httpx.Client]:
    with signed_in(services[0].url, ADMINISTRATOR, PASSWORD) as administrator:
        yield administrator.http


def test_service_killed_under_load(
    services: list[Running], http: httpx.Client, folder: Path, port: int
) -> None:
    demand_id = published_demand(http)
    members = counted(http, "experts", state="in_pool")
    done = Acknowledged()
    with load(services[0].url, [writer(done), matcher(done, demand_id)]):
        import_id = started_import(http, "甲")
        until(lambda: done.experts and done.runs, seconds=PATIENCE, what="acknowledged work")
        services[0].process.kill()
    services[0].process.wait()

    services.append(start(folder, port=port))
    wait_until_ready(services[-1])

    for expert_id in done.experts:
        assert http.get(f"/api/v1/experts/{expert_id}").is_success
    runs = {run["id"] for run in listed(http, f"demands/{demand_id}/match-runs")}
    assert runs >= done.runs.keys()
    for run_id in runs:
        matches = len(listed(http, f"match-runs/{run_id}/matches"))
        assert matches == done.runs.get(run_id, 20)
    require_whole(http, import_id, "甲")
    assert counted(http, "experts", state="in_pool") == members + ROWS
    require_index(http, members + ROWS, "甲")


def test_worker_killed_in_the_middle_of_a_job(services: list[Running], http: httpx.Client) -> None:
    members = counted(http, "experts", state="in_pool")
    worker = services[-1].worker()
    import_id = started_import(http, "乙")
    worker.kill()
    began_at = time.monotonic()
    require_whole(http, import_id, "乙")
    print(f"done {time.monotonic() - began_at:.1f} s after its first worker was killed")
    assert services[-1].worker().pid != worker.pid
    require_index(http, members + ROWS, "乙")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_database_away_and_back(
    services: list[Running], http: httpx.Client, folder: Path, number: signal.Signals
) -> None:
    """SIGINT is PostgreSQL's fast shutdown. While start.lock is held, nobody can start it."""
    before = services[-1].process.pid, services[-1].worker().pid
    with (folder / "postgres" / "start.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.kill(postmaster(folder), number)
        until(lambda: not answers(http), seconds=PATIENCE, what="503")
        for response in while_away(http):
            assert response.status_code == httpx.codes.SERVICE_UNAVAILABLE, response.text
            assert response.headers["content-type"] == "application/problem+json"
            assert int(response.headers["retry-after"]) > 0
            assert response.json()["code"] == "unavailable"
        assert httpx.get(f"{services[-1].url}/livez").is_success
    began_at = time.monotonic()
    until(lambda: answers(http), seconds=PATIENCE, what="recovery")
    print(f"back {time.monotonic() - began_at:.1f} s after {number.name}")

    assert names_in(preview(http, "锦纶染色"))
    require_whole(http, started_import(http, number.name, rows=20), number.name, rows=20)
    assert before == (services[-1].process.pid, services[-1].worker().pid)


def answers(http: httpx.Client) -> bool:
    return http.get("/readyz").is_success


def while_away(http: httpx.Client) -> Iterator[httpx.Response]:
    """Requests of every sort: read, write, match, hand in a file."""
    yield http.get("/readyz")
    yield http.get("/api/v1/experts")
    yield http.post("/api/v1/experts", json={"name": "不在"})
    yield http.post("/api/v1/matches:preview", json={"title": "锦纶染色"})
    yield posted_import(http, "不在", rows=1)


@contextlib.contextmanager
def load(url: str, loops: list[Callable[[httpx.Client], None]]) -> Iterator[None]:
    """Each loop in a thread with a client of its own, until the service is gone."""

    def repeat(loop: Callable[[httpx.Client], None]) -> None:
        with (
            contextlib.suppress(httpx.TransportError),
            signed_in(url, ADMINISTRATOR, PASSWORD) as administrator,
        ):
            while True:
                loop(administrator.http)

    threads = [threading.Thread(target=repeat, args=[loop]) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join(timeout=PATIENCE)
    assert not any(thread.is_alive() for thread in threads)


def writer(done: Acknowledged) -> Callable[[httpx.Client], None]:
    def write(http: httpx.Client) -> None:
        response = http.post("/api/v1/experts", json={"name": f"草稿{len(done.experts)}"})
        done.experts.append(response.raise_for_status().json()["id"])

    return write


def matcher(done: Acknowledged, demand_id: str) -> Callable[[httpx.Client], None]:
    def match(http: httpx.Client) -> None:
        response = http.post(f"/api/v1/demands/{demand_id}:match", json={"limit": 20})
        run = response.raise_for_status().json()
        done.runs[run["id"]] = len(run["matches"])

    return match


def posted_import(http: httpx.Client, name: str, *, rows: int) -> httpx.Response:
    content = "\n".join(json.dumps(row, ensure_ascii=False) for row in profiles(name, rows))
    return http.post(
        "/api/v1/imports",
        data={"kind": "experts", "admit": "true"},
        files={"file": ("experts.jsonl", content.encode())},
    )


def profiles(name: str, rows: int) -> Iterator[dict[str, Any]]:
    for number in range(rows):
        yield {
            "external_id": f"{name}-{number}",
            "name": f"{name}批{number}",
            "organization": "演示大学",
            "title": "教授",
            "disciplines": ["430"],
            "region_code": "330782",
            "research_directions": [f"{name}批次的超细旦锦纶染色与黄变控制 {number}"],
            "patents": [f"{name}批次第 {number} 号染色方法"],
        }


def started_import(http: httpx.Client, name: str, *, rows: int = ROWS) -> str:
    """An all-or-nothing import whose first rows are written, but not the last."""
    import_id = str(posted_import(http, name, rows=rows).raise_for_status().json()["id"])

    def is_in_the_middle() -> bool:
        found = http.get(f"/api/v1/imports/{import_id}").json()
        return bool(found["read_count"])

    until(is_in_the_middle, seconds=PATIENCE, what="row of the import", pause=0.01)
    return import_id


def require_whole(http: httpx.Client, import_id: str, name: str, *, rows: int = ROWS) -> None:
    """The import comes to its end, with every row once."""

    def finished() -> dict[str, Any] | None:
        found: dict[str, Any] = http.get(f"/api/v1/imports/{import_id}").json()
        return found if found["state"] in ("done", "failed") else None

    found = until(finished, seconds=PATIENCE, what="end of the import")
    assert (found["state"], found["created_count"]) == ("done", rows)
    external_ids = [e["external_id"] for e in listed(http, "experts", text=f"{name}批")]
    assert sorted(external_ids) == sorted(f"{name}-{number}" for number in range(rows))


def require_index(http: httpx.Client, members: int, name: str) -> None:
    """The live index holds the whole pool, and finds who came last."""
    [pool] = [i for i in http.get("/api/v1/match-indexes").json() if i["pool"] == "experts"]
    assert pool["candidates"] == members
    found = names_in(preview(http, f"{name}批次的超细旦锦纶染色与黄变控制 {ROWS - 1}"))
    assert any(expert.startswith(f"{name}批") for expert in found)


def published_demand(http: httpx.Client) -> str:
    found = http.get("/api/v1/demands", params={"state": "published", "limit": 1}).json()
    return str(found["items"][0]["id"])


def counted(http: httpx.Client, kind: str, **parameters: str) -> int:
    return len(listed(http, kind, **parameters))


def listed(http: httpx.Client, path: str, **parameters: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        query = {"limit": "200"} | parameters | ({"cursor": cursor} if cursor else {})
        page = http.get(f"/api/v1/{path}", params=query).raise_for_status().json()
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items
