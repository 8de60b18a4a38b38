"""kill -9 of the worker while it matches anew, reminds, and delivers.

Each is stopped in its middle by a lock on the record that comes next, or by a receiver that does
not answer. Afterwards every demand has its run once, every docking its reminder once, and every
event has come under one id.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg

from tests.acceptance.processes import until
from tests.faults.conftest import Tally
from tests.faults.house import PATIENCE, House, listed
from tests.receiver import Receiver, receiver

FOLLOWERS = {"rematch": "standing", "follow_for_webhooks": "webhooks"}
DEMANDS, DOCKINGS = 4, 4

Database = psycopg.Connection[Any]

ASK = """
INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)
VALUES ('default', %s, %s, %s, '{"timestamp": 0}') ON CONFLICT DO NOTHING
"""
# Of the worker that was killed; a living one says so again within two seconds.
LATER = """
UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'
WHERE id IN (SELECT worker_id FROM procrastinate_jobs WHERE status = 'doing')
"""
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


def test_followers_killed(house: House, few_rounds: int, tally: Tally) -> None:
    with connected(house) as database:
        for task in FOLLOWERS:
            ask(database, task)
        until(lambda: have_begun(database), seconds=PATIENCE, what="followers")
        for number in tally.each(few_rounds):
            with receiver() as system:
                survive(house, database, system, number, tally)


def survive(house: House, database: Database, system: Receiver, number: int, tally: Tally) -> None:
    """One round: the first two are cut off together, and the third as soon as it has begun."""
    http = house.http
    body = {"url": system.url("/fine"), "kinds": ["docking.reminded"]}
    webhook = posted(http, "webhooks", body)["id"]
    dockings = docked(http, number)
    overdue = "UPDATE dockings SET due_on = current_date - 1 WHERE id = ANY(%s::uuid[])"
    database.execute(overdue, [dockings])
    with connected(house, holds=True) as changes, connected(house, holds=True) as records:
        hold(changes, "followers", "name", "standing")  # so that no job comes too early
        demands = published(http, f"庚{number}")
        hold(records, "demands", "id", demands[DEMANDS // 2])
        hold(records, "dockings", "id", dockings[DOCKINGS // 2])
        changes.rollback()
        for task in ("rematch", "watch_dockings"):
            ask(database, task)
        until(lambda: count(database, WAITING) >= 2, seconds=PATIENCE, what="work in its middle")
        system.answers.append("hang")
        kill_worker(house, database)
    until(lambda: system.received, seconds=PATIENCE, what="delivery in its middle")
    kill_worker(house, database)
    until(lambda: len(ids_by_docking(system)) == DOCKINGS, seconds=PATIENCE, what="deliveries")
    until(lambda: all(runs(http, one) for one in demands), seconds=PATIENCE, what="new runs")
    http.post(f"/api/v1/webhooks/{webhook}:disable").raise_for_status()
    doubled = [one for one in demands if len(runs(http, one)) > 1]
    doubled += [one for one in dockings if reminders(http, one) != 1]
    doubled += [one for one, ids in ids_by_docking(system).items() if len(ids) > 1]
    lost = set(dockings) - set(ids_by_docking(system))
    assert max(Counter(r.headers["webhook-id"] for r in system.received).values()) > 1
    tally.add(acknowledged=DEMANDS + 2 * DOCKINGS, lost=len(lost), doubled=len(doubled))


@contextmanager
def connected(house: House, *, holds: bool = False) -> Iterator[Database]:
    """PostgreSQL, past all rules; holds: what is locked stays so until the block ends."""
    where = f"host={house.folder / 'postgres'} user=postgres dbname=shuangku"
    connection = psycopg.connect(where, autocommit=not holds)
    try:
        yield connection
    finally:
        connection.close()


def hold(connection: Database, table: str, key: str, value: str) -> None:
    connection.execute(f"SELECT FROM {table} WHERE {key} = '{value}' FOR UPDATE")


def ask(database: Database, task: str) -> None:
    """What the clock does within the minute or hour."""
    lock = "rematch" if task == "rematch" else None
    database.execute(ASK, [task, lock, task])


def count(database: Database, query: str) -> int:
    row = database.execute(query).fetchone()
    assert row
    return int(row[0])


def have_begun(database: Database) -> bool:
    names = ", ".join(f"'{name}'" for name in FOLLOWERS.values())
    begun = count(database, f"SELECT count(*) FROM followers WHERE name IN ({names})")
    return begun == len(FOLLOWERS)


def kill_worker(house: House, database: Database) -> None:
    """And let it be silent for as long as it takes to be called dead."""
    house.kill_worker()
    database.execute(LATER)


def posted(http: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = http.post(f"/api/v1/{path}", json=body).raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def docked(http: httpx.Client, number: int) -> list[str]:
    """Dockings of one demand, in the order in which they fall due."""
    found = listed(http, "demands", state="published")
    path = f"demands/{found[number]['id']}:match"
    matches = posted(http, path, {"limit": DOCKINGS})["matches"]
    for match in matches:
        posted(http, f"matches/{match['id']}:judge", {"verdict": "recommended"})
    return sorted(posted(http, "dockings", {"match_id": m["id"]})["id"] for m in matches)


def published(http: httpx.Client, batch: str) -> list[str]:
    """New demands, in the order in which they are matched."""
    rows = [
        {
            "external_id": f"{batch}-{number}",
            "title": f"{batch}超细旦锦纶浅色黄变控制 {number}",
            "problem": "锦纶袜热定型后黄变",
            "organization": "演示·义乌足韵袜业有限公司",
            "region_code": "330782",
        }
        for number in range(DEMANDS)
    ]
    content = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    answer = http.post(
        "/api/v1/imports",
        data={"kind": "demands", "admit": "true"},
        files={"file": ("demands.jsonl", content.encode())},
    )
    path = f"/api/v1/imports/{answer.raise_for_status().json()['id']}"
    until(lambda: http.get(path).json()["state"] == "done", seconds=PATIENCE, what="import")
    found = listed(http, "demands", text=batch)
    assert len(found) == DEMANDS
    return sorted(demand["id"] for demand in found)


def runs(http: httpx.Client, demand_id: str) -> list[dict[str, Any]]:
    """Those for its publication: new statistics, which may come meanwhile, make more."""
    found = listed(http, f"demands/{demand_id}/match-runs")
    return [run for run in found if run["trigger"] == "demand_published"]


def reminders(http: httpx.Client, docking_id: str) -> int:
    steps = listed(http, f"dockings/{docking_id}/steps")
    return [step["verb"] for step in steps].count("remind")


def ids_by_docking(system: Receiver) -> dict[str, set[str]]:
    """Under which ids each docking's event has come."""
    found: dict[str, set[str]] = {}
    for one in system.received:
        subject = json.loads(one.body)["data"]["id"]
        found.setdefault(subject, set()).add(one.headers["webhook-id"])
    return found
