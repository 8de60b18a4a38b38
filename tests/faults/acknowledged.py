"""Clients that do not give up, and what they were told is done."""

import contextlib
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sized
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from app.trust import trusted
from tests.acceptance.processes import names_in, preview, until
from tests.faults.house import PATIENCE, listed

RETRY_SECONDS = 0.2
PAUSE_SECONDS = 0.03  # after an answer: what is to be survived needs the processor, too
CANDIDATES = 10


@dataclass(eq=False, kw_only=True)
class Acknowledged:
    """What clients were told is done, in one round; `batch` stands in every name."""

    batch: str
    demand_id: str
    plain: dict[str, str] = field(default_factory=dict)  # name of an expert → id
    keyed: dict[str, str] = field(default_factory=dict)  # the same, with an Idempotency-Key
    runs: dict[str, int] = field(default_factory=dict)  # match run → how many matches it has
    surprises: list[str] = field(default_factory=list)  # answers that are no promise to retry

    @property
    def count(self) -> int:
        return len(self.plain) + len(self.keyed) + len(self.runs)

    def wait_for(self, more: int) -> None:
        """Let each kind of client have so many more answers."""
        kinds: tuple[Sized, ...] = (self.plain, self.keyed, self.runs)
        enough = [len(kind) + more for kind in kinds]
        until(
            lambda: all(len(kind) >= n for kind, n in zip(kinds, enough, strict=True)),
            seconds=PATIENCE,
            what=f"{more} more answers ({self.surprises})",
        )


@contextlib.contextmanager
def insisting(http: httpx.Client, done: Acknowledged) -> Iterator[None]:
    """Write and match, as the client's caller, until the block ends.

    What gets no answer, or 503, is sent again.
    """
    is_over = threading.Event()

    def repeat(work: Callable[[httpx.Client, Acknowledged, int], None]) -> None:
        with httpx.Client(
            base_url=http.base_url, auth=http.auth, timeout=PATIENCE, verify=trusted()
        ) as own:
            for number in itertools.count():
                work(own, done, number)
                if is_over.wait(PAUSE_SECONDS):
                    return

    works = (_write, _write_once, _match)
    threads = [threading.Thread(target=repeat, args=[work], daemon=True) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join(timeout=PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert not done.surprises


def _write(http: httpx.Client, done: Acknowledged, number: int) -> None:
    name = f"{done.batch}无键{number}"
    answer = _insist(http, done, "experts", {"name": name}, {})
    done.plain[name] = answer["id"]


def _write_once(http: httpx.Client, done: Acknowledged, number: int) -> None:
    name = f"{done.batch}有键{number}"
    key = {"Idempotency-Key": quote(name)}
    answer = _insist(http, done, "experts", {"name": name}, key)
    done.keyed[name] = answer["id"]


def _match(http: httpx.Client, done: Acknowledged, number: int) -> None:
    path = f"demands/{done.demand_id}:match"
    key = {"Idempotency-Key": quote(f"{done.batch}-match-{number}")}
    answer = _insist(http, done, path, {"limit": CANDIDATES}, key)
    done.runs[answer["id"]] = len(answer["matches"])


def _insist(
    http: httpx.Client, done: Acknowledged, path: str, body: Any, headers: Mapping[str, str]
) -> dict[str, Any]:
    """What an answer at last says."""
    ends_at = time.monotonic() + PATIENCE
    while time.monotonic() < ends_at:
        with contextlib.suppress(httpx.TransportError):
            response = http.post(f"/api/v1/{path}", json=body, headers=dict(headers))
            if response.is_success:
                return dict(response.json())
            if response.status_code != 503 or "retry-after" not in response.headers:
                done.surprises.append(f"{response.status_code} {response.text}")
        time.sleep(RETRY_SECONDS)
    raise AssertionError(f"no answer to {path}")


def lost_and_doubled(http: httpx.Client, done: Acknowledged) -> tuple[int, int]:
    """How much of what was acknowledged is not there, and how much is there twice."""
    found = listed(http, "experts", text=done.batch)
    ids = {expert["id"] for expert in found}
    names = Counter(expert["name"] for expert in found)
    lost = [i for i in (*done.plain.values(), *done.keyed.values()) if i not in ids]
    doubled = [name for name in names if "有键" in name and names[name] > 1]
    runs = {run["id"] for run in listed(http, f"demands/{done.demand_id}/match-runs")}
    lost += done.runs.keys() - runs
    for run_id in list(done.runs)[-5:]:  # each is one transaction; the last ones were in danger
        if len(listed(http, f"match-runs/{run_id}/matches")) != done.runs[run_id]:
            lost.append(run_id)
    return len(lost), len(doubled)


def published_demand(http: httpx.Client) -> str:
    found = http.get("/api/v1/demands", params={"state": "published", "limit": 1}).json()
    return str(found["items"][0]["id"])


def posted_import(http: httpx.Client, name: str, *, rows: int) -> httpx.Response:
    """An import of the name's rows; whoever posts it again means the same one."""
    content = "\n".join(json.dumps(row, ensure_ascii=False) for row in profiles(name, rows))
    return http.post(
        "/api/v1/imports",
        data={"kind": "experts", "admit": "true"},
        files={"file": ("experts.jsonl", content.encode())},
        headers={"Idempotency-Key": quote(f"import-{name}")},
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


def started_import(http: httpx.Client, name: str, *, rows: int) -> str:
    """An all-or-nothing import whose first rows are written, but not the last."""
    import_id = str(posted_import(http, name, rows=rows).raise_for_status().json()["id"])

    def is_in_the_middle() -> bool:
        found = http.get(f"/api/v1/imports/{import_id}").json()
        return bool(found["read_count"])

    until(is_in_the_middle, seconds=PATIENCE, what="row of the import", pause=0.01)
    return import_id


def require_whole(http: httpx.Client, import_id: str, name: str, *, rows: int) -> None:
    """The import comes to its end, with every row once; to post it again changes nothing."""

    def finished() -> dict[str, Any] | None:
        answer = http.get(f"/api/v1/imports/{import_id}")
        found: dict[str, Any] = answer.json() if answer.is_success else {"state": "?"}
        return found if found["state"] in ("done", "failed") else None

    again = posted_import(http, name, rows=rows)
    assert (again.json()["id"], again.headers["idempotent-replayed"]) == (import_id, "true")
    found = until(finished, seconds=PATIENCE, what="end of the import")
    assert (found["state"], found["created_count"]) == ("done", rows), found
    external_ids = [e["external_id"] or "" for e in listed(http, "experts", text=f"{name}批")]
    ours = [i for i in external_ids if i.startswith(f"{name}-")]
    assert sorted(ours) == sorted(f"{name}-{number}" for number in range(rows))


def require_index(http: httpx.Client, name: str, *, rows: int) -> None:
    """The live index holds the whole pool, and finds who came last."""
    counted = {"state": "in_pool", "limit": "1", "count": "exact"}
    members = http.get("/api/v1/experts", params=counted).raise_for_status().json()["total"]
    [pool] = [i for i in http.get("/api/v1/match-indexes").json() if i["pool"] == "experts"]
    assert pool["candidates"] == members
    found = names_in(preview(http, f"{name}批次的超细旦锦纶染色与黄变控制 {rows - 1}"))
    assert any(expert.startswith(f"{name}批") for expert in found)
