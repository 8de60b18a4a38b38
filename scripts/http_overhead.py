"""What HTTP, the database and the stored run add to a match, measured on a real service."""

import json
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Annotated

import typer
from rich.console import Console

import app.bulk.demonstration.pool as demonstration
from scripts.service import Service, own_service

ROUNDS = 100
WARMING_UP = 10


def measure_http_overhead(console: Console, rounds: int = ROUNDS) -> float:
    """Median milliseconds of a match call beyond the stages that the run itself reports.

    The service runs on the demonstration pool: what is added (sign-in, three looks at the change
    record, the experts' cards, the stored run and its candidates) does not grow with the pool.
    """
    with own_service(console) as service:
        for kind in ("organizations", "experts", "demands"):
            service.import_rows(kind, _rows(kind))
        service.wait_until_encoded()
        demands = list(service.external_ids("demands"))
        added = [_added(service, demands[n % len(demands)]) for n in range(rounds + WARMING_UP)]
    return median(added[WARMING_UP:])


def _rows(kind: str) -> list[dict[str, object]]:
    path = Path(demonstration.DATA) / f"{kind}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _added(service: Service, demand_id: str) -> float:
    start = perf_counter()
    answer = service.answer_to_match(demand_id, limit=20)
    elapsed = 1000 * (perf_counter() - start)
    return elapsed - float(sum(answer.json()["durations"].values()))


def main(rounds: Annotated[int, typer.Option(min=1, help="matches to measure")] = ROUNDS) -> None:
    """Measure what HTTP adds to a match, and print one JSON object on the last line."""
    added = measure_http_overhead(Console(stderr=True), rounds)
    print(json.dumps({"http_overhead_ms": round(added, 2)}))


if __name__ == "__main__":
    typer.run(main)
