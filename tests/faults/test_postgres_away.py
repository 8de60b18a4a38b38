"""PostgreSQL is stopped, stays away, and comes back: nobody has to start the service again."""

import fcntl
import os
import signal
import time
from collections.abc import Iterator

import httpx

from tests.acceptance.processes import names_in, postmaster, preview, until
from tests.faults.acknowledged import (
    Acknowledged,
    insisting,
    lost_and_doubled,
    posted_import,
    published_demand,
    require_whole,
)
from tests.faults.conftest import Tally
from tests.faults.house import PATIENCE, House

AWAY_SECONDS, SHORTLY_AWAY_SECONDS = 30, 3
ANSWERS = 5
ROWS = 20


def test_postgres_away(house: House, rounds: int, few_rounds: int, tally: Tally) -> None:
    before = house.running.process.pid, house.running.serving(), house.running.worker()
    for number in tally.each(few_rounds):
        batch = f"丁{number}"
        done = Acknowledged(batch=batch, demand_id=published_demand(house.http))
        with insisting(house.http, done):
            done.wait_for(ANSWERS)
            stay_away(house, SHORTLY_AWAY_SECONDS if rounds == 1 else AWAY_SECONDS)
            done.wait_for(ANSWERS)
        house.wait_until_ready()
        assert names_in(preview(house.http, "锦纶染色"))
        import_id = posted_import(house.http, batch, rows=ROWS).raise_for_status().json()["id"]
        require_whole(house.http, import_id, batch, rows=ROWS)
        lost, doubled = lost_and_doubled(house.http, done)
        tally.add(acknowledged=done.count + ROWS, lost=lost, doubled=doubled)
    assert before == (house.running.process.pid, house.running.serving(), house.running.worker())


def stay_away(house: House, seconds: float) -> None:
    """SIGINT is PostgreSQL's fast shutdown. While start.lock is held, nobody can start it."""
    with (house.folder / "postgres" / "start.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.kill(postmaster(house.folder), signal.SIGINT)
        until(lambda: not house.is_ready(), seconds=PATIENCE, what="503")
        ends_at = time.monotonic() + seconds
        while True:
            for response in while_away(house.http):
                assert response.status_code == httpx.codes.SERVICE_UNAVAILABLE, response.text
                assert response.headers["content-type"] == "application/problem+json"
                assert int(response.headers["retry-after"]) > 0
                assert response.json()["code"] == "unavailable"
            assert httpx.get(f"{house.running.url}/livez").is_success
            if time.monotonic() > ends_at:
                return


def while_away(http: httpx.Client) -> Iterator[httpx.Response]:
    """Requests of every sort: read, write, match, hand in a file."""
    yield http.get("/readyz")
    yield http.get("/api/v1/experts")
    yield http.post("/api/v1/experts", json={"name": "不在"})
    yield http.post("/api/v1/matches:preview", json={"title": "锦纶染色"})
    yield posted_import(http, "不在", rows=1)
