"""Long work in a real worker: cancelled, and killed as often as it may be begun."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from app.jobs import ATTEMPTS
from app.postgres import embedded
from scripts.service import signed_in
from tests.acceptance.demonstration import Demonstration
from tests.acceptance.processes import (
    ADMINISTRATOR,
    PASSWORD,
    Running,
    serving,
    until,
)

ROWS = 1_500  # enough to be caught in the middle
PATIENCE = 120


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, demonstration: Demonstration) -> Path:
    return demonstration.copy_to(tmp_path_factory.mktemp("operations") / "var")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Running]:
    with serving(folder) as running:
        yield running


@pytest.fixture(scope="module")
def http(service: Running) -> Iterator[httpx.Client]:
    with signed_in(service.url, ADMINISTRATOR, PASSWORD) as administrator:
        yield administrator.http


def begun(http: httpx.Client, name: str, mode: str) -> dict[str, Any]:
    """The operation of an import whose first rows are read, but not the last."""
    rows = (
        {"external_id": f"{name}-{n}", "name": f"{name}批{n}", "patents": [f"方法 {n}"] * 5}
        for n in range(ROWS)
    )
    content = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    answer = http.post(
        "/api/v1/imports",
        data={"kind": "experts", "mode": mode},
        files={"file": ("experts.jsonl", content.encode())},
    )
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    path = answer.headers["location"]
    until(lambda: got(http, path)["done_count"], seconds=PATIENCE, what="row", pause=0.01)
    return got(http, path)


def got(http: httpx.Client, path: str) -> dict[str, Any]:
    return dict(http.get(path).raise_for_status().json())


def ended(http: httpx.Client, operation: dict[str, Any]) -> dict[str, Any]:
    """The operation at its end, as its stream of events tells it."""
    path = f"/api/v1/operations/{operation['id']}/events"
    with http.stream("GET", path, timeout=PATIENCE) as stream:
        lines = [line for line in stream.iter_lines() if line.startswith("data: ")]
    last: dict[str, Any] = json.loads(lines[-1].removeprefix("data: "))
    assert last == got(http, f"/api/v1/operations/{operation['id']}")
    return last


def written(http: httpx.Client, name: str) -> int:
    query: dict[str, str | int] = {"text": f"{name}批", "count": "exact", "limit": 1}
    return int(http.get("/api/v1/experts", params=query).raise_for_status().json()["total"])


@pytest.mark.parametrize(("name", "mode"), [("甲", "all_or_nothing"), ("乙", "partial")])
def test_a_running_import_stops_at_its_next_safe_point(
    http: httpx.Client, name: str, mode: str
) -> None:
    operation = begun(http, name, mode)
    told = http.post(f"/api/v1/operations/{operation['id']}:cancel")
    assert told.status_code == httpx.codes.OK, told.text
    assert ended(http, operation)["state"] == "cancelled"
    import_ = got(http, operation["result_path"])
    assert import_["read_count"] < ROWS
    kept = import_["read_count"] if mode == "partial" else 0
    assert (import_["state"], import_["created_count"]) == ("cancelled", kept)
    assert written(http, name) == kept


def test_an_import_whose_worker_dies_at_the_last_attempt_has_failed(
    service: Running, http: httpx.Client, folder: Path
) -> None:
    operation = begun(http, "丙", "all_or_nothing")
    worker = service.worker()
    with (
        embedded.start(folder / "postgres") as server,
        psycopg.connect(server.conninfo) as connection,
    ):
        connection.execute(
            "UPDATE procrastinate_jobs SET attempts = %s"
            " WHERE id = (SELECT job_id FROM operations WHERE id = %s)",
            [ATTEMPTS - 1, operation["id"]],
        )
    worker.kill()
    found = ended(http, operation)
    assert (found["state"], found["problem"]["code"]) == ("failed", "work_failed")
    import_ = got(http, operation["result_path"])
    assert (import_["state"], import_["created_count"]) == ("failed", 0)
    assert [entry["code"] for entry in import_["report"]] == ["work_failed"]
    assert written(http, "丙") == 0
    assert service.worker().pid != worker.pid
    assert begun(http, "丁", "partial")["state"] in ("running", "done"), "others go on"
