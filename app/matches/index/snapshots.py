"""Saved indexes under the service's folder: a start maps a file instead of reading the database.

A snapshot is only a shortcut. It bears the id of its statistics, its year, and the position in the
change record, with the epoch, from which to follow on; one that is missing, damaged or of before a
restore is made again.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from app.changes.repository import Position
from app.matches.models import Pool
from matching import MatchIndex

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What an index was built of: a pool, under a version of its statistics, in a year."""

    pool: Pool
    version_id: UUID
    year: int

    @property
    def name(self) -> str:
        return f"{self.pool}-{self.version_id.hex}-{self.year}"


def save(folder: Path, origin: Origin, index: MatchIndex, position: Position) -> None:
    """Write index and position, each atomically; the position last, since it vouches for both."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{origin.name}.index"
    _position_path(path).unlink(missing_ok=True)
    index.compacted().save(path)
    draft = _position_path(path).with_suffix(".draft")
    draft.write_text(
        json.dumps({"epoch": position.epoch, "oldest": position.oldest}), encoding="ascii"
    )
    draft.replace(_position_path(path))
    for old in folder.glob(f"{origin.pool}-*"):
        if not old.name.startswith(origin.name):
            old.unlink(missing_ok=True)


def load(folder: Path, origin: Origin) -> tuple[MatchIndex, Position] | None:
    """The saved index of this origin, or None."""
    path = folder / f"{origin.name}.index"
    if not _position_path(path).exists():
        return None
    try:
        stored = json.loads(_position_path(path).read_text())
        position = Position(epoch=str(stored["epoch"]), oldest=int(stored["oldest"]))
        return MatchIndex.load(path), position
    except (ValueError, KeyError, TypeError, OSError) as error:
        logger.warning("saved index %s is unusable and is made again: %s", path.name, error)
        return None


def _position_path(path: Path) -> Path:
    return path.with_suffix(".position")
