"""Several processes of one service: one index in memory, one dies, all are replaced."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import httpx
import psutil
import pytest

from scripts.service import signed_in
from tests.acceptance.demonstration import Demonstration
from tests.acceptance.load import under_load
from tests.acceptance.processes import (
    COORDINATOR,
    PASSWORD,
    READY_SECONDS,
    STOP_SECONDS,
    Running,
    alive,
    environment,
    preview,
    run,
    serving,
    start,
    until,
)
from tests.app.metrics.samples import Samples, of, samples


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, demonstration: Demonstration) -> Path:
    return demonstration.copy_to(tmp_path_factory.mktemp("processes") / "var")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Running]:
    with serving(folder, PROCESSES="2") as running:
        until(lambda: len(ready(running)) == 2, seconds=READY_SECONDS, what="two processes")
        yield running


@pytest.fixture(scope="module")
def headers(service: Running) -> dict[str, str]:
    with signed_in(service.url, COORDINATOR, PASSWORD) as coordinator:
        assert preview(coordinator.http, "锦纶染色")["matches"]
        sent = coordinator.http.get("/api/v1/me").request.headers
    return {"Authorization": sent["Authorization"]}


def ready(service: Running) -> list[psutil.Process]:
    """The processes that accept connections."""
    return [p for p in service.serving() if p.net_connections("tcp") and maps_of(p)]


def maps_of(process: psutil.Process) -> set[str]:
    return {m.path for m in process.memory_maps() if m.path.endswith(".index")}


def reload(folder: Path, service: Running) -> int:
    port = service.url.rpartition(":")[2]
    return run(environment(folder, PORT=port), "reload").returncode


def test_all_processes_map_the_same_files(service: Running, folder: Path) -> None:
    pools = ("experts", "demands", "achievements")
    files = {str(p) for pool in pools for p in (folder / "indexes").glob(f"{pool}-*.index")}
    assert len(files) == 3

    def all_map_them() -> bool:
        return all(maps_of(process) == files for process in service.serving())

    until(all_map_them, seconds=READY_SECONDS, what="the same files in every process")


def test_any_process_shows_what_all_have_counted(service: Running, headers: dict[str, str]) -> None:
    """A connection for each request, so that both processes get some; no death takes any back."""

    def scraped() -> Samples:
        return samples(httpx.get(f"{service.url}/metrics", timeout=60).text)

    def answered() -> float:
        return of(scraped(), "requests_total", route="/api/v1/me")

    before = answered()
    for _ in range(20):
        assert httpx.get(f"{service.url}/api/v1/me", headers=headers, timeout=60).is_success
    until(lambda: answered() == before + 20, seconds=STOP_SECONDS, what="count of all requests")
    assert {answered() for _ in range(10)} == {before + 20}
    assert measured(scraped()) == {p.pid for p in service.serving()}
    dying = service.serving()[0]
    dying.kill()
    until(lambda: not alive([dying]), seconds=STOP_SECONDS, what="its end")
    until(lambda: len(ready(service)) == 2, seconds=READY_SECONDS, what="another process")
    assert answered() == before + 20
    assert measured(scraped()) == {p.pid for p in service.serving()}


def measured(found: Samples) -> set[int]:
    """The processes that serve and are measured."""
    rows = [dict(labels) for name, labels in found if name == "shuangku_process_resident_bytes"]
    return {int(row["pid"].split("-")[0]) for row in rows if row["role"] == "service"}


def test_a_process_that_dies_is_replaced(service: Running, headers: dict[str, str]) -> None:
    first, second = service.serving()
    first.kill()
    for _ in range(10):  # the other one goes on
        with httpx.Client(base_url=service.url, headers=headers, timeout=60) as http:
            assert http.get("/api/v1/me").is_success
    until(lambda: len(ready(service)) == 2, seconds=READY_SECONDS, what="another process")
    assert second in service.serving()
    assert "进程退出" in service.output


def test_a_reload_loses_no_request(service: Running, headers: dict[str, str], folder: Path) -> None:
    before, worker = service.serving(), service.worker()
    with under_load(service.url, headers) as account:
        account.wait_for(40)
        assert reload(folder, service) == 0
        account.wait_for(40)
        until(lambda: not alive(before), seconds=STOP_SECONDS, what="end of the old processes")
        account.wait_for(40)
        os.kill(service.process.pid, signal.SIGHUP)  # what the command does, by hand
        until(
            lambda: service.output.count("新进程已接替") == 2,
            seconds=READY_SECONDS,
            what="second reload",
        )
        account.wait_for(40)
    print(f"{len(account.ends)} requests during two reloads")
    assert not account.failed
    assert len(service.serving()) >= 2
    assert not set(before) & set(service.serving())
    assert service.worker() != worker


def test_a_reload_that_cannot_work_leaves_all_as_it_was(
    service: Running, headers: dict[str, str], folder: Path
) -> None:
    until(lambda: len(service.serving()) == 2, seconds=STOP_SECONDS, what="two processes")
    before = service.serving()
    (folder / ".env").write_text("THREADS=none\n")  # read where the service was started
    try:
        with under_load(service.url, headers) as account:
            assert reload(folder, service) == 1
            account.wait_for(20)
    finally:
        (folder / ".env").unlink()
    assert not account.failed
    assert service.serving() == before


def test_nobody_to_reload_is_one_clear_line(tmp_path: Path) -> None:
    done = run(environment(tmp_path, PORT="1"), "reload")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert str(tmp_path) in line
    assert "VAR_FOLDER" in line


def test_told_to_stop_it_finishes_what_has_begun(service: Running, headers: dict[str, str]) -> None:
    """A request half of which has come is answered, its connection closed, and no other opened."""
    left = [*service.serving(), service.worker()]
    body = json.dumps({"title": "锦纶染色", "problem": "热黄变"}).encode()
    address = httpx.URL(service.url)
    with contextlib.closing(HTTPConnection(str(address.host), address.port)) as connection:
        connection.putrequest("POST", "/api/v1/matches:preview")
        length = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        for name, value in (headers | length).items():
            connection.putheader(name, value)
        connection.endheaders(body[:10])
        time.sleep(1)  # it has begun: a process has read what has come
        service.process.terminate()
        until(lambda: "等请求结束" in service.output, seconds=STOP_SECONDS, what="a word of it")
        until(lambda: not accepts(service.url), seconds=STOP_SECONDS, what="end of accepting")
        connection.send(body[10:])
        response = connection.getresponse()
        assert (response.status, response.headers["connection"]) == (200, "close")
        assert json.loads(response.read())["matches"]
    assert service.process.wait(timeout=STOP_SECONDS) == 0
    assert not alive(left)
    assert "等后台任务结束" in service.output
    lines = service.logged()  # all that they all have written, but for a last word for people
    others = [line for line in service.output.splitlines() if not line.startswith("{")]
    assert all(line.startswith("✗ THREADS=none:") for line in others), others
    assert all({"event", "level", "logger", "timestamp"} <= line.keys() for line in lines)
    assert {"app.processes.serving", "app.interface.observation"} <= {
        line["logger"] for line in lines
    }


def accepts(url: str) -> bool:
    with contextlib.suppress(httpx.ConnectError):
        httpx.get(f"{url}/livez", timeout=60)
        return True
    return False


def test_killed_nobody_outlives_it_and_the_address_is_free_again(
    tmp_path: Path, demonstration: Demonstration
) -> None:
    folder = demonstration.copy_to(tmp_path / "var")
    with serving(folder, PROCESSES="2") as first:
        left = [*first.serving(), first.worker()]
        port = int(first.url.rpartition(":")[2])
        first.process.kill()
        first.process.wait()
        second = start(folder, port=port)
        try:
            said = "服务已启动"  # those of the first may answer for a moment
            until(lambda: said in second.output, seconds=READY_SECONDS, what=said)
            assert httpx.get(f"{second.url}/livez").is_success
        finally:
            assert second.stop() == 0
        until(lambda: not alive(left), seconds=STOP_SECONDS, what="end of all")
