"""The wall clock is set hours forwards, back behind where it began, and right, under load.

Whoever is told to sign in anew does so: a token of a time that is over, or to come, does not count.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.demonstration import Demonstration
from tests.acceptance.processes import until
from tests.faults.acknowledged import (
    Acknowledged,
    insisting,
    lost_and_doubled,
    published_demand,
    require_index,
    require_whole,
    started_import,
)
from tests.faults.clock import COMPILER, Clock, made_clock, may_move_everywhere
from tests.faults.conftest import Tally
from tests.faults.house import PATIENCE, House, open_house

HOUR = 3600
MOVES = (3 * HOUR, -3 * HOUR, 0)
ROWS = 300  # enough to be caught in the middle
ANSWERS = 5

pytestmark = [
    pytest.mark.skipif(not COMPILER, reason="没有 C 编译器 / no C compiler"),
    pytest.mark.skipif(not may_move_everywhere(), reason="需要 root / needs root and mounts"),
]


@pytest.fixture
def clock() -> Iterator[Clock]:
    with made_clock() as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path, demonstration: Demonstration) -> Path:
    return demonstration.copy_to(tmp_path / "var")


def test_clock_moved(folder: Path, clock: Clock, few_rounds: int, tally: Tally) -> None:
    """Of the whole machine: service, worker and PostgreSQL."""
    with open_house(folder, prefix=clock.everywhere) as house:
        clock.move(HOUR)
        assert database_time(house) - time.time() > HOUR / 2
        survive(house, clock, few_rounds, tally)


def test_clock_of_one_host_moved(folder: Path, clock: Clock, few_rounds: int, tally: Tally) -> None:
    """PostgreSQL keeps the right time, as one on another host does."""
    with open_house(folder, LD_PRELOAD=str(clock.library)) as house:
        clock.move(HOUR)
        assert abs(database_time(house) - time.time()) < HOUR / 2
        survive(house, clock, few_rounds, tally)


def database_time(house: House) -> float:
    where = f"host={house.folder / 'postgres'} port=5432 user=postgres dbname=postgres"
    with psycopg.connect(where) as connection:
        row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    assert row
    return float(row[0])


def survive(house: House, clock: Clock, rounds: int, tally: Tally) -> None:
    before = house.running.process.pid, house.running.serving(), house.running.worker()
    for number in tally.each(rounds):
        done = Acknowledged(batch=f"戊{number}", demand_id=published_demand(house.http))
        with insisting(house.http, done):
            for step, seconds in enumerate(MOVES):
                name = f"{done.batch}{'前后正'[step]}"
                import_id = started_import(house.http, name, rows=ROWS)
                clock.move(seconds)
                done.wait_for(ANSWERS)
                require_whole(house.http, import_id, name, rows=ROWS)
                require_index(house.http, name, rows=ROWS)
        until(house.is_ready, seconds=PATIENCE, what="readiness")
        lost, doubled = lost_and_doubled(house.http, done)
        tally.add(acknowledged=done.count + ROWS * len(MOVES), lost=lost, doubled=doubled)
    assert before == (house.running.process.pid, house.running.serving(), house.running.worker())
