"""The real mix of requests, at a stated rate and for a long time: `make soak`.

Service, worker, PostgreSQL and the clients share this machine. Memory is what each process would
give back by ending (USS), looked at ten times a minute once all code has been used.
"""

import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression, median
from typing import Annotated

import psutil
import typer
from rich.console import Console

from scripts.service import Service, own_service

SCENARIO = Path(__file__).with_name("scenario.py")
WARMING_UP = 120.0  # seconds in which memory is not looked at: caches and threads come to be
LOOK_SECONDS = 6.0
MEGABYTE = 1 << 20
ROLES = ("service", "worker", "postgres")
Megabytes = Mapping[str, float]  # by role

console = Console(stderr=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the processes hold at a moment."""

    minute: float
    megabytes: Megabytes


def main(
    rate: Annotated[int, typer.Option(min=1, help="requests a second")] = 20,
    minutes: Annotated[float, typer.Option(min=0.2)] = 20.0,
) -> None:
    """Print, as one line of JSON, how the mix was answered; exit code 1 when a request failed."""
    with own_service(console, "--demo", RATE_LIMITS="all=10000000/60") as service:
        service.wait_until_encoded()
        with tempfile.TemporaryDirectory() as folder:
            looks = list(_looks(service, _clients(service, rate, minutes, Path(folder)), minutes))
            answered = _answered(Path(folder))
    print(json.dumps({"rate": rate, "minutes": minutes} | answered | _memory(looks)))
    raise typer.Exit(1 if answered["failed"] else 0)


def _clients(service: Service, rate: int, minutes: float, folder: Path) -> subprocess.Popen[bytes]:
    """The clients of the scenario, who leave their figures in the folder."""
    command = [sys.executable, "-m", "locust", "--locustfile", str(SCENARIO), "--host", service.url]
    command += ["--headless", "--users", str(rate), "--spawn-rate", str(rate), "--only-summary"]
    command += ["--run-time", f"{round(60 * minutes)}s", "--csv", f"{folder}/figures"]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)


def _looks(service: Service, clients: subprocess.Popen[bytes], minutes: float) -> Iterator[Look]:
    """What the processes hold, as long as the clients ask."""
    start = time.monotonic()
    settled = min(WARMING_UP, 60 * minutes / 4)
    while clients.poll() is None:
        elapsed = time.monotonic() - start
        if elapsed > settled:
            yield Look(minute=elapsed / 60, megabytes=_megabytes(service))
        time.sleep(min(LOOK_SECONDS, 3 * minutes))


def _megabytes(service: Service) -> dict[str, float]:
    if service.process is None:
        raise RuntimeError("memory is measured of a service of our own")
    held = dict.fromkeys(ROLES, 0.0)
    postgres = psutil.Process(_postmaster(service.process))
    for parent in (service.process, postgres):
        for process in (parent, *parent.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                role = "worker" if "worker" in process.cmdline() else "service"
                role = "postgres" if parent is postgres else role
                held[role] += process.memory_full_info().uss / MEGABYTE
    return held


def _postmaster(service: psutil.Process) -> int:
    """The embedded server, which is nobody's child."""
    folder = Path(service.environ()["VAR_FOLDER"]) / "postgres" / "pgdata"
    return int((folder / "postmaster.pid").read_text().split()[0])


def _answered(folder: Path) -> dict[str, object]:
    with (folder / "figures_stats.csv").open(encoding="utf-8") as file:
        rows = {row["Name"]: row for row in csv.DictReader(file)}
    everything = rows.pop("Aggregated")
    return {
        "requests": int(everything["Request Count"]),
        "failed": int(everything["Failure Count"]),
        "per_second": round(float(everything["Requests/s"]), 1),
        "milliseconds": {name: _percentiles(row) for name, row in rows.items()}
        | {"all": _percentiles(everything)},
    }


def _percentiles(row: Mapping[str, str]) -> dict[str, float]:
    return {f"p{share}": float(row[f"{share}%"]) for share in (50, 95, 99)}


def _memory(looks: list[Look]) -> dict[str, object]:
    """Of each role the megabytes held, and what is added in an hour by the line through them."""
    minutes = [look.minute for look in looks]
    held = {role: [look.megabytes[role] for look in looks] for role in ROLES}
    return {
        "megabytes": {role: round(median(values)) for role, values in held.items()},
        "megabytes_more_an_hour": {
            role: round(60 * linear_regression(minutes, values).slope, 1)
            for role, values in held.items()
        },
    }


if __name__ == "__main__":
    typer.run(main)
