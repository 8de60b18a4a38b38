"""A running service as its operators see it: log, metrics, and a database that hangs."""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from app.trust import trusted
from scripts.service import signed_in
from tests.acceptance.demonstration import Demonstration
from tests.acceptance.processes import (
    ADMINISTRATOR,
    PASSWORD,
    Running,
    environment,
    names_in,
    postmaster,
    preview,
    run,
    serving,
    until,
)
from tests.app.metrics.samples import of, samples

REQUEST_SECONDS = 3
PATIENCE = 90
SLACK = 10  # seconds; the machine may be busy


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, demonstration: Demonstration) -> Path:
    return demonstration.copy_to(tmp_path_factory.mktemp("upkeep") / "var")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Running]:
    with serving(folder, REQUEST_SECONDS=str(REQUEST_SECONDS)) as running:
        yield running


@pytest.fixture(scope="module")
def http(service: Running) -> Iterator[httpx.Client]:
    with signed_in(service.url, ADMINISTRATOR, PASSWORD) as administrator:
        yield administrator.http


def test_the_log_of_a_service_and_its_worker(service: Running, http: httpx.Client) -> None:
    answer = http.get("/api/v1/experts", params={"text": "宣怡宁"})
    request_id = answer.headers["x-request-id"]

    def request() -> dict[str, Any] | None:
        return next((ln for ln in service.logged() if ln.get("request_id") == request_id), None)

    line = until(request, seconds=SLACK, what="line of the request")
    assert (line["event"], line["route"], line["status"]) == ("request", "/api/v1/experts", 200)
    asked = http.post("/api/v1/match-indexes:refit")
    assert asked.is_success

    def job() -> dict[str, Any] | None:
        of_jobs = [line for line in service.logged() if line.get("event") == "job"]
        return next((line for line in of_jobs if line["task"] == "refit_indexes"), None)

    ended = until(job, seconds=PATIENCE, what="line of the job")
    assert ended["outcome"] == "succeeded"
    assert ended["request_id"] == asked.headers["x-request-id"]
    own = service.told()  # names the service's own address
    said = [json.dumps(ln, ensure_ascii=False) for ln in service.logged() if ln["event"] not in own]
    for personal in ("宣怡宁", "demo.invalid", "127.0.0.1"):
        assert all(personal not in line for line in said)


def test_one_scrape_shows_service_and_worker(service: Running, http: httpx.Client) -> None:
    assert names_in(preview(http, "锦纶染色"))
    found = samples(httpx.get(f"{service.url}/metrics").text)
    roles = {dict(labels).get("role") for _, labels in found} - {None}
    assert roles == {"service", "worker"}
    assert of(found, "process_resident_bytes", role="worker") > 10_000_000
    assert of(found, "jobs_ended_total", task="refit_indexes", outcome="succeeded") >= 1
    assert of(found, "match_stage_seconds_count") > 0
    assert of(found, "index_candidates", pool="experts") > 100
    assert abs(of(found, "index_current_timestamp_seconds", pool="experts") - time.time()) < SLACK


@contextlib.contextmanager
def frozen(folder: Path) -> Iterator[None]:
    """PostgreSQL, all of it, takes connections and answers nothing."""
    server = psutil.Process(postmaster(folder))
    server.suspend()  # before its children are counted: it starts no more
    processes = [server, *server.children(recursive=True)]
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def test_a_database_that_hangs(service: Running, http: httpx.Client, folder: Path) -> None:
    before = service.serving()
    with frozen(folder):
        for _ in range(3):
            began_at = time.monotonic()
            answer = httpx.get(f"{service.url}/readyz", timeout=SLACK, verify=trusted())
            assert answer.status_code == 503
            assert [e["pointer"] for e in answer.json()["errors"]] == ["database"]
            assert time.monotonic() - began_at < 2 + SLACK / 2
            assert httpx.get(f"{service.url}/livez", timeout=SLACK, verify=trusted()).is_success
        for path in ("experts", "demands", "jobs"):
            began_at = time.monotonic()
            answer = http.get(f"/api/v1/{path}")
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["retry-after"]) > 0
            assert time.monotonic() - began_at < REQUEST_SECONDS + SLACK
        found = samples(httpx.get(f"{service.url}/metrics", timeout=SLACK, verify=trusted()).text)
        assert of(found, "database_up") == 0

    def recovered() -> bool:
        return httpx.get(f"{service.url}/readyz", timeout=SLACK, verify=trusted()).is_success

    began_at = time.monotonic()
    until(recovered, seconds=PATIENCE, what="recovery")
    until(lambda: http.get("/api/v1/experts").is_success, seconds=PATIENCE, what="answer")
    print(f"back {time.monotonic() - began_at:.1f} s after the database went on")
    assert names_in(preview(http, "锦纶染色"))
    assert service.serving() == before


def test_backup_beside_the_running_service_restored_elsewhere(
    service: Running, http: httpx.Client, folder: Path, tmp_path: Path
) -> None:
    """By the commands alone: the embedded server of one folder, to that of another."""
    own = environment(folder)
    done = run(own, "backup", str(tmp_path), "--with-keys")
    assert done.returncode == 0, done.stderr
    [dump] = tmp_path.glob("*.dump")
    assert done.stdout.strip() == str(dump)
    refused = run(own, "restore", str(dump))
    assert refused.returncode == 1
    assert "stop the service first" in refused.stderr
    found = names_in(preview(http, "锦纶染色"))

    elsewhere = tmp_path / "var"
    elsewhere.mkdir()
    keyless = environment(elsewhere, SECRET_KEY="", ENCRYPTION_KEYS="")
    keys = dump.with_suffix(".keys")
    with set_aside(keys):
        refused = run(keyless, "restore", str(dump), "--with-keys")
        assert refused.returncode == 1
        assert str(keys) in refused.stderr
        assert list(elsewhere.iterdir()) == []
    done = run(keyless, "restore", str(dump))
    assert done.returncode == 1
    assert "✓" not in done.stderr
    assert f"they are in {keys}: run shuangku restore {dump} --replace --with-keys" in done.stderr
    index = elsewhere / "indexes" / "experts-of-before.index"
    index.parent.mkdir()
    index.touch()
    done = run(keyless, "restore", str(dump), "--with-keys", "--replace")
    assert not index.exists(), "each process would have warned of it"
    assert done.returncode == 0, done.stderr
    assert "keys: secret_key, encryption_keys" in done.stderr
    assert done.stderr.splitlines()[-1] == "✓ 已恢复 · restored"
    with (
        serving(elsewhere, SECRET_KEY="", ENCRYPTION_KEYS="") as restored,
        signed_in(restored.url, ADMINISTRATOR, PASSWORD) as administrator,
    ):
        assert names_in(preview(administrator.http, "锦纶染色")) == found
        refused = run(environment(elsewhere), "restore", str(dump), "--replace")
        assert refused.returncode == 1


@contextlib.contextmanager
def set_aside(file: Path) -> Iterator[None]:
    aside = file.rename(file.with_suffix(".aside"))
    yield
    aside.rename(file)


def test_the_doctor_beside_the_service_and_without_its_worker(
    service: Running, folder: Path, tmp_path: Path
) -> None:
    port = service.url.rpartition(":")[2]
    service.worker()

    def sound() -> bool:
        return run(environment(folder, PORT=port), "doctor").returncode == 0

    until(sound, seconds=PATIENCE, what="sound service")
    done = run(environment(folder, PORT=port), "doctor", "--json")
    found = {finding["check"]: finding for finding in json.loads(done.stdout)}
    assert found["port"]["state"] == "good"
    assert "runs" in found["port"]["what"]["en"]
    assert found["worker"]["state"] == "good"

    few = ("prlimit", "--nofile=200:200")
    done = run(environment(tmp_path), "doctor", prefix=few)
    assert done.returncode == 1
    assert "✗ 最多只能打开 200 个文件 · only 200 files may be open" in done.stdout
    assert "  → ulimit -n" in done.stdout
