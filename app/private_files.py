"""Files that only their owner reads: whole or not there at all, also after a loss of power.

What is sealed with a key is on the database's disk at once, so its key has to be on the disk before
anything uses it.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Write the file, in the place of what was there; if this fails, that is there still."""
    with _draft(path, content) as draft:
        move(draft, path)


def write_new(path: Path, content: bytes) -> None:
    """Write a file that was not there, of several writers the first; others: FileExistsError."""
    with _draft(path, content) as draft:
        os.link(draft, path)
    _sync_folder(path.parent)


def move(source: Path, target: Path) -> None:
    """Give what is on the disk its name, in the same folder."""
    os.replace(source, target)
    _sync_folder(target.parent)


@contextmanager
def _draft(path: Path, content: bytes) -> Iterator[Path]:
    """A file on the disk beside `path`; what has no name of its own by the end is gone."""
    _make_folder(path.parent)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        _sync_folder(made.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
