"""Saved indexes under the service's folder: a start maps a file instead of reading the database.

A snapshot is only a shortcut. It bears the version of its statistics and the position in the
change record from which to follow on; a missing or damaged one is made again.
"""

import json
import logging
from pathlib import Path

from app.changes.repository import Position
from app.matches.models import Pool
from matching import MatchIndex

logger = logging.getLogger(__name__)


def save(folder: Path, pool: Pool, index: MatchIndex, position: Position) -> None:
    """Write index and position, each atomically; the position last, since it vouches for both."""
    folder.mkdir(parents=True, exist_ok=True)
    path = _path(folder, pool, index.version)
    _position_path(path).unlink(missing_ok=True)
    index.compacted().save(path)
    draft = _position_path(path).with_suffix(".draft")
    draft.write_text(json.dumps({"oldest": position.oldest}), encoding="ascii")
    draft.replace(_position_path(path))
    for old in folder.glob(f"{pool}-*"):
        if not old.name.startswith(path.stem):
            old.unlink(missing_ok=True)


def load(folder: Path, pool: Pool, version: str) -> tuple[MatchIndex, Position] | None:
    """The saved index of this version, or None."""
    path = _path(folder, pool, version)
    if not _position_path(path).exists():
        return None
    try:
        position = Position(oldest=json.loads(_position_path(path).read_text())["oldest"])
        return MatchIndex.load(path), position
    except (ValueError, KeyError, OSError) as error:
        logger.warning("saved index %s is unusable and is made again: %s", path.name, error)
        return None


def _path(folder: Path, pool: Pool, version: str) -> Path:
    return folder / f"{pool}-{version}.index"


def _position_path(path: Path) -> Path:
    return path.with_suffix(".position")
