"""kill -9 under load, of every part in turn: nothing acknowledged is lost, nothing is done twice.

Clients write, with and without an Idempotency-Key, and match; an import of many rows is in its
middle. What gets no answer is sent again, as a client would.
"""

from collections.abc import Callable

from tests.faults.acknowledged import (
    Acknowledged,
    insisting,
    lost_and_doubled,
    published_demand,
    require_index,
    require_whole,
    started_import,
)
from tests.faults.conftest import Tally
from tests.faults.house import House

ROWS = 600  # enough to be caught in the middle
ANSWERS = 5


def test_service_killed(house: House, rounds: int, tally: Tally) -> None:
    def accident() -> None:
        house.kill()
        house.start()

    for number in tally.each(rounds):
        survive(house, f"甲{number}", accident, tally)


def test_worker_killed(house: House, rounds: int, tally: Tally) -> None:
    for number in tally.each(rounds):
        before = house.running.worker().pid
        survive(house, f"乙{number}", house.kill_worker, tally)
        assert house.running.worker().pid != before


def test_postgres_killed(house: House, rounds: int, tally: Tally) -> None:
    """The service starts it again, and is not started again itself."""
    before = house.running.process.pid, house.running.serving(), house.running.worker()
    for number in tally.each(rounds):
        survive(house, f"丙{number}", house.kill_postgres, tally)
    assert before == (house.running.process.pid, house.running.serving(), house.running.worker())


def survive(house: House, batch: str, accident: Callable[[], None], tally: Tally) -> None:
    """One round: an accident in the middle of it all, and the account after it."""
    done = Acknowledged(batch=batch, demand_id=published_demand(house.http))
    with insisting(house.http, done):
        import_id = started_import(house.http, batch, rows=ROWS)
        done.wait_for(ANSWERS)
        accident()
        done.wait_for(ANSWERS)
    house.wait_until_ready()
    require_whole(house.http, import_id, batch, rows=ROWS)
    require_index(house.http, batch, rows=ROWS)
    lost, doubled = lost_and_doubled(house.http, done)
    tally.add(acknowledged=done.count + ROWS, lost=lost, doubled=doubled)
