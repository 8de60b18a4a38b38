"""Saved indexes under the service's folder: all processes of a host map the same file.

A snapshot is only a shortcut past reading the database. Its file bears what it was built of and
the position in the change record from which to follow on; one that is missing, damaged, cut off or
of before a restore is no snapshot. Files are replaced, never changed: who has one mapped keeps it.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO
from uuid import UUID

from app.changes.repository import Position
from app.locks import take
from app.matches.index import documents
from app.matches.models import Pool
from matching import MatchIndex

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What an index was built of: a pool, under a version of its statistics.

    The epoch is the one that its position is good for. Of candidates in another format the name
    tells, so that two releases serve side by side.
    """

    epoch: str
    pool: Pool
    version_id: UUID

    @property
    def name(self) -> str:
        return f"{self.pool}-{self.version_id.hex}-{documents.FORMAT}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Tells one saved file from the next of the same name."""

    inode: int
    saved_at: float


# Files that were warned of.
_told: set[tuple[Path, Stamp]] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """An index, how far it has followed, and the last demand for a rebuild that it has obeyed.

    stamp: of the file that it is mapped from, if it is.
    """

    index: MatchIndex
    position: Position
    obeyed: int
    stamp: Stamp | None = None


def save(folder: Path, origin: Origin, snapshot: Snapshot) -> None:
    """Write all of it in one file, where that is possible; it is not on a full disk."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        note = _note(origin, snapshot.position, snapshot.obeyed)
        snapshot.index.compacted().save(_path(folder, origin), note)
    except OSError as error:
        logger.warning("the index %s cannot be saved: %s", origin.name, error)


def load(folder: Path, origin: Origin) -> Snapshot | None:
    """The saved index of this origin, or None."""
    path, before = _path(folder, origin), stamp(folder, origin)
    if before is None:
        return None
    try:
        index, note = MatchIndex.load_with_note(path)
        told = json.loads(note)
        if told["epoch"] != origin.epoch:
            logger.info("saved index %s is of before a restore and is made again", path.name)
            return None
        obeyed = int(told["obeyed"])
        position = Position(
            epoch=origin.epoch,
            oldest=int(told["oldest"]),
            seen=frozenset((int(transaction), int(change)) for transaction, change in told["seen"]),
        )
        if note != _note(origin, position, obeyed):
            raise ValueError("it is of another origin")
    except (ValueError, KeyError, TypeError, OSError) as error:
        _warn(path, before, error)
        return None
    return Snapshot(index=index, position=position, obeyed=obeyed, stamp=before)


def _warn(path: Path, of: Stamp, error: Exception) -> None:
    """Once for a file: it is looked at before and after the process has waited for its turn."""
    if (path, of) not in _told:
        _told.add((path, of))
        logger.warning("saved index %s is unusable and is made again: %s", path.name, error)


def stamp(folder: Path, origin: Origin) -> Stamp | None:
    """Which file there is now."""
    try:
        found = _path(folder, origin).stat()
    except OSError:
        return None
    return Stamp(inode=found.st_ino, saved_at=found.st_mtime)


def age_seconds(found: Stamp) -> float:
    return time.time() - found.saved_at


def forget_all(folder: Path) -> int:
    """Remove the saved indexes; how many there were."""
    paths = list(folder.glob("*.index"))
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)


def forget_older(folder: Path, origin: Origin) -> None:
    """Remove the pool's files of other versions; who has one mapped keeps it."""
    ours = stamp(folder, origin)
    if ours is None:
        return
    for path in folder.glob(f"{origin.pool}-*"):
        with suppress(FileNotFoundError):
            if path != _path(folder, origin) and path.stat().st_mtime <= ours.saved_at:
                path.unlink()


@asynccontextmanager
async def turn(folder: Path, pool: Pool) -> AsyncIterator[None]:
    """Wait until no other process of this host makes the pool's file; the dead lose their turn."""
    lock = _open_lock(folder, pool)
    if lock is None:
        yield
        return
    with lock:
        while True:
            if take(lock):
                break
            await asyncio.sleep(LOOK_SECONDS)
        yield


def _open_lock(folder: Path, pool: Pool) -> IO[bytes] | None:
    """None where nothing can be written; then there is no file to take turns at."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / f"{pool}.lock").open("ab")
    except OSError:
        return None


def _path(folder: Path, origin: Origin) -> Path:
    return folder / f"{origin.name}.index"


def _note(origin: Origin, position: Position, obeyed: int) -> str:
    """What is told of a saved index; `seen`, too, so that who maps it applies nothing again."""
    told = asdict(origin) | {"version_id": str(origin.version_id)}
    followed = {"oldest": position.oldest, "seen": sorted(position.seen), "obeyed": obeyed}
    return json.dumps(told | followed, sort_keys=True)
