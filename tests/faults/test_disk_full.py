"""The service's folder, PostgreSQL's cluster in it, on a disk that is full."""

import contextlib
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from app.trust import trusted
from tests.acceptance.processes import names_in, until
from tests.faults.acknowledged import (
    Acknowledged,
    insisting,
    lost_and_doubled,
    posted_import,
    published_demand,
    require_index,
    require_whole,
)
from tests.faults.conftest import Tally
from tests.faults.disk import Disk, NoDisk, small_disk
from tests.faults.house import PATIENCE, House, open_house

# Writes its log until that finds no room, and PostgreSQL ends rather than forget.
FLOOD = """
import sys, psycopg
with psycopg.connect(host=sys.argv[1], user="postgres", dbname="shuangku", autocommit=True) as c:
    c.execute("SELECT 1")
    sys.stdin.readline()
    while True:
        c.execute("SELECT pg_logical_emit_message(false, 'flood', repeat('x', 4000000))")
"""
MEGABYTES = 400
ANSWERS = 5
ROWS = 20
CHARACTERS = [chr(code) for code in range(0x4E00, 0x9FA5)]
ATTEMPTS = 10
BIG_ROWS = 6_000  # of a file that needs room of its own: PostgreSQL's, and the form parser's


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    folder = tmp_path_factory.mktemp("disk") / "var"
    with contextlib.ExitStack() as opened:
        try:
            disk = opened.enter_context(small_disk(folder, megabytes=MEGABYTES))
        except NoDisk as lacking:
            pytest.skip(str(lacking))
        yield disk


@pytest.fixture(scope="module")
def house_on_disk(disk: Disk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    (disk.seen / "tmp").mkdir()
    settings = {"TMPDIR": str(disk.folder / "tmp"), "RATE_LIMITS": "all=1000000/60"}
    with open_house(disk.folder, prefix=disk.prefix, **settings) as house:
        yield house


def test_disk_full(house_on_disk: House, disk: Disk, few_rounds: int, tally: Tally) -> None:
    house, http = house_on_disk, house_on_disk.http
    before = house.running.process.pid, house.running.serving()
    for number in tally.each(few_rounds):
        batch = f"戊{number}"
        done = Acknowledged(batch=batch, demand_id=published_demand(http))
        with (
            insisting(http, done),
            flooding(disk) as flood,
            room_at_the_end(disk),
        ):
            done.wait_for(ANSWERS)
            # PostgreSQL ends where there is no room for its own log, which may be at once.
            refused = [posted_to_full(disk, http, f"大{number}")]
            refused += [http.post("/api/v1/experts:batch", json={"items": [big()] * 200})]
            for answer in refused:
                require_refusal(answer, "storage_full", "unavailable")
            require_reads(http)
            flood()
            until(lambda: not house.is_ready(), seconds=PATIENCE, what="end of PostgreSQL")
            require_refusal(http.post("/api/v1/experts", json={"name": "满"}), "unavailable")
            for path in ("/livez", "/metrics"):
                answer = httpx.get(f"{house.running.url}{path}", verify=trusted())
                assert answer.is_success, answer.text
            disk.make_room()
            done.wait_for(ANSWERS)
        house.wait_until_ready()
        import_id = posted_import(http, batch, rows=ROWS).raise_for_status().json()["id"]
        require_whole(http, import_id, batch, rows=ROWS)
        require_index(http, batch, rows=ROWS)
        lost, doubled = lost_and_doubled(http, done)
        tally.add(acknowledged=done.count + ROWS, lost=lost, doubled=doubled)
    assert before == (house.running.process.pid, house.running.serving())


def posted_to_full(disk: Disk, http: httpx.Client, batch: str) -> httpx.Response:
    """The answer to a large file; what frees room meanwhile, like an old index, is filled again."""
    for attempt in range(ATTEMPTS):
        disk.fill()
        answer = posted_import(http, f"{batch}之{attempt}", rows=BIG_ROWS)  # no repetition
        if not answer.is_success:
            break
    return answer


def require_refusal(response: httpx.Response, *codes: str) -> None:
    assert response.status_code == httpx.codes.SERVICE_UNAVAILABLE, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert int(response.headers["retry-after"]) > 0
    assert response.json()["code"] in (codes or ("storage_full",))


@contextlib.contextmanager
def room_at_the_end(disk: Disk) -> Iterator[None]:
    """However the round ends: else nothing could even be stopped."""
    try:
        yield
    finally:
        disk.make_room()


def big() -> dict[str, Any]:
    """A new expert whose text nothing can compress."""
    text = "".join(random.choices(CHARACTERS, k=4_000))
    return {"action": "create", "data": {"name": "满", "introduction": text}}


def require_reads(http: httpx.Client) -> None:
    """While PostgreSQL stands and needs no new connection, which takes room; else that is said."""
    for path in ("experts", "demands", "match-indexes", "jobs"):
        answer = http.get(f"/api/v1/{path}")
        if not answer.is_success:
            break
    else:
        answer = http.post("/api/v1/matches:preview", json={"title": "锦纶染色"})
    if answer.is_success:
        assert names_in(answer.json())
    else:
        require_refusal(answer, "unavailable", "storage_full")


@contextlib.contextmanager
def flooding(disk: Disk) -> Iterator[Callable[[], None]]:
    """A way to fill PostgreSQL's log; it is connected before the disk is full.

    Requests would do the same, only slower: each adds some kilobytes to what has megabytes left.
    """
    command = [*disk.prefix, sys.executable, "-c", FLOOD, str(disk.folder / "postgres")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def flood() -> None:
        process.communicate(b"now\n", timeout=PATIENCE)

    try:
        yield flood
    finally:
        process.kill()
        process.communicate()
