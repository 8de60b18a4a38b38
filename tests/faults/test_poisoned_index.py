"""Saved indexes that were damaged behind the service's back: it starts, and ranks as before."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil

from app.matches.models import Pool
from tests.acceptance.processes import alive, until
from tests.faults.conftest import Tally
from tests.faults.house import PATIENCE, House

TEXTS = ("锦纶染色", "运动袜抗菌防臭", "高温窑炉隔热砖", "茶园害虫防治")
CANDIDATES = 50

Poison = Callable[[Path, bytes], None]  # of a file, with the content of another pool's


def test_poisoned_index(house: House, rounds: int, tally: Tally) -> None:
    """Every pool's file, each in another way; with every round each way moves to the next pool."""
    for number in tally.each(rounds):
        before, worker = ranked(house.http), house.running.worker()
        house.kill()
        until(partial(has_ended, worker), seconds=PATIENCE, what="end of the worker")
        poison(saved(house.folder), number)
        house.start()
        assert ranked(house.http) == before
        tally.add(acknowledged=sum(map(len, before)))


def has_ended(process: psutil.Process) -> bool:
    return not alive([process])


def ranked(http: httpx.Client) -> list[list[Any]]:
    """Who is found, in which order, with which scores."""
    found = []
    for text in TEXTS:
        body = {"title": text, "limit": CANDIDATES}
        matched = http.post("/api/v1/matches:preview", json=body).raise_for_status().json()
        found.append([(m["expert"]["id"], m["score"]) for m in matched["matches"]])
    assert all(found)
    return found


def saved(folder: Path) -> list[Path]:
    """The newest file of each pool."""
    found = [list((folder / "indexes").glob(f"{pool}-*.index")) for pool in Pool]
    return [max(files, key=lambda file: file.stat().st_mtime) for files in found]


def poison(files: Sequence[Path], number: int) -> None:
    files = [file for file in files if file.is_file()]  # a folder may be left of the last round
    whole = [file.read_bytes() for file in files]
    for at, file in enumerate(files):
        spoil = POISONS[(number + at) % len(POISONS)]
        spoil(file, whole[(at + 1) % len(files)])


def _flip(file: Path, _: bytes) -> None:
    content = bytearray(file.read_bytes())
    for at in range(len(content) // 2, len(content), 1 + len(content) // 8):
        content[at] ^= 0xFF
    file.write_bytes(content)


def _cut_off(file: Path, _: bytes) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _empty(file: Path, _: bytes) -> None:
    file.write_bytes(b"")


def _exchange(file: Path, other: bytes) -> None:
    file.write_bytes(other)


def _make_unreadable(file: Path, _: bytes) -> None:
    """Even for root, whom no mode keeps from reading."""
    file.unlink()
    file.mkdir()


POISONS: tuple[Poison, ...] = (_flip, _exchange, _make_unreadable, _cut_off, _empty)
