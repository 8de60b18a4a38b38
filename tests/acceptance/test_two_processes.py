"""Two services on one database: what one writes the other finds at once, and both rank alike."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest

from scripts.service import signed_in
from tests.acceptance.processes import (
    COORDINATOR,
    PASSWORD,
    names_in,
    preview,
    start,
    wait_until_ready,
)

LONGEST = 1.0  # seconds from the answer of a write to the answer of a match that knows it
LIMITS = "all=1000000/60,registration=10/36000"
VERBS = ("submit", "begin-review", "recommend", "admit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The same coordinator's view of either process."""

    first: httpx.Client
    second: httpx.Client


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Pair]:
    """Started at the same moment on an empty database, so that both want to migrate it."""
    folder = tmp_path_factory.mktemp("pair")
    shared = {"DATABASE_URL": database_url, "RATE_LIMITS": LIMITS}
    first = start(folder / "first", "--no-worker", "--demo", port=0, **shared)
    second = start(folder / "second", "--no-worker", port=0, **shared)
    try:
        for running in (first, second):
            wait_until_ready(running)
        with (
            signed_in(first.url, COORDINATOR, PASSWORD) as one,
            signed_in(second.url, COORDINATOR, PASSWORD) as other,
        ):
            for http in (one.http, other.http):
                preview(http, "预热")  # dictionaries load at the first match of a process
            yield Pair(first=one.http, second=other.http)
    finally:
        for running in (first, second):
            running.stop()


def test_what_one_writes_the_next_match_of_the_other_knows(pair: Pair) -> None:
    expert_id = admitted(pair.first, "甲测试", "量子陀螺仪减振")
    assert timed_names(pair.second, "量子陀螺仪减振")[0] == "甲测试"

    change(pair.first, expert_id, research_directions=["古籍纸张脱酸修复"])
    assert timed_names(pair.second, "古籍纸张脱酸修复")[0] == "甲测试"

    act(pair.first, expert_id, "suspend", reason="测试")
    assert "甲测试" not in timed_names(pair.second, "古籍纸张脱酸修复")

    act(pair.second, expert_id, "reinstate")
    assert timed_names(pair.first, "古籍纸张脱酸修复")[0] == "甲测试"


def test_an_open_transaction_holds_nothing_back(pair: Pair, database_url: str) -> None:
    absent = admitted(pair.first, "乙测试", "深海热液口微生物培养")
    assert "乙测试" in timed_names(pair.second, "深海热液口微生物培养")
    with psycopg.connect(database_url) as connection:
        suspend_straight(connection, absent)

        expert_id = admitted(pair.first, "丙测试", "青铜器缓蚀封护")
        for http in (pair.second, pair.first):
            assert timed_names(http, "青铜器缓蚀封护")[0] == "丙测试"
            assert "乙测试" in timed_names(http, "深海热液口微生物培养")
        act(pair.first, expert_id, "suspend", reason="测试")
        assert "丙测试" not in timed_names(pair.second, "青铜器缓蚀封护")

        # Committed last, though it began first: its change must not be taken for an old one.
        connection.commit()
        for http in (pair.second, pair.first):
            assert "乙测试" not in timed_names(http, "深海热液口微生物培养")


def test_both_rank_and_score_alike(pair: Pair) -> None:
    found = pair.first.get("/api/v1/demands", params={"state": "published", "limit": 8}).json()
    assert len(found["items"]) == 8
    for demand in found["items"]:
        one, other = (match(http, demand["id"]) for http in (pair.first, pair.second))
        assert one["index_version"] == other["index_version"] != ""
        assert len(one["matches"]) == 20
        assert essence(one) == essence(other)


def test_both_count_the_same_callers_requests(pair: Pair) -> None:
    asked = [pair.first, pair.second] * 10
    answers = [http.post("/api/v1/organizations:register", json={}) for http in asked]
    assert [answer.status_code for answer in answers] == [422] * 10 + [429] * 10
    assert answers[9].headers["ratelimit"] == '"registration";r=0;t=36000'


def essence(run: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (m["expert"]["id"], m["rank"], m["score"], m["contributions"], m["terms"])
        for m in run["matches"]
    ]


def match(http: httpx.Client, demand_id: str) -> dict[str, Any]:
    response = http.post(f"/api/v1/demands/{demand_id}:match", json={"limit": 20})
    response.raise_for_status()
    return dict(response.json())


def timed_names(http: httpx.Client, text: str) -> list[str]:
    """Who is found, by a match that begins now, right after a write was answered."""
    began_at = time.monotonic()
    names = names_in(preview(http, text))
    assert time.monotonic() - began_at <= LONGEST
    return names


def admitted(http: httpx.Client, name: str, direction: str) -> str:
    """A new expert in the pool; the last answer is that of `:admit`."""
    profile = {
        "name": name,
        "title": "教授",
        "organization_name": "演示大学",
        "disciplines": ["430"],
        "region_code": "330782",
        "research_directions": [direction],
        "evidence": [{"kind": "patent", "title": f"{direction}的方法"}],
    }
    response = http.post("/api/v1/experts", json=profile)
    response.raise_for_status()
    expert_id = str(response.json()["id"])
    for verb in VERBS:
        act(http, expert_id, verb)
    return expert_id


def act(http: httpx.Client, expert_id: str, verb: str, **body: str) -> None:
    http.post(f"/api/v1/experts/{expert_id}:{verb}", json=body or None).raise_for_status()


def change(http: httpx.Client, expert_id: str, **fields: object) -> None:
    whichever = {"If-Match": "*"}
    http.patch(f"/api/v1/experts/{expert_id}", json=fields, headers=whichever).raise_for_status()


def suspend_straight(connection: psycopg.Connection[Any], expert_id: str) -> None:
    """What the service does for `:suspend`, in a transaction that stays open."""
    connection.execute(
        "UPDATE experts SET state = 'suspended', version = version + 1 WHERE id = %s", [expert_id]
    )
    connection.execute(
        "INSERT INTO changes (kind, subject_id, data) VALUES ('expert.suspended', %s, '{}')",
        [expert_id],
    )
