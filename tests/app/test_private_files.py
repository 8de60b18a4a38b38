"""What must not be lost is on the disk before it has its name, and no failure takes the old file.

No power is cut here: the order of what the program asks of the disk is looked at.
"""

import errno
import os
import resource
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.encryption.key_files import kept
from app.upkeep.keys import keep_keys, keys_path, write_keys

OLD, NEW = b"an old key", b"a new key"
NAMING = ("link", "rename", "replace")

Inode = tuple[int, int]


def keep_first(file: Path) -> Path:
    """As a first start does."""
    kept(file, NEW.decode())
    return file


def keep_restored(file: Path) -> Path:
    """As `restore --with-keys` does."""
    keep_keys({file: NEW})
    return file


def keep_backed_up(file: Path) -> Path:
    """As `backup --with-keys` does."""
    write_keys(file, {"secret_key": NEW})
    return keys_path(file)


class Disk:
    """Of every file and folder: whether all that was asked of it is on the disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.synced: set[Inode] = set()
        self.unsynced_names: list[str] = []
        sync = os.fsync

        def fsync(descriptor: int) -> None:
            sync(descriptor)
            self.synced.add(_inode(os.fstat(descriptor)))

        monkeypatch.setattr(os, "fsync", fsync)
        for name in NAMING:
            monkeypatch.setattr(os, name, self._naming(getattr(os, name)))

    def _naming(self, name: Callable[..., None]) -> Callable[..., None]:
        def named(source: Any, target: Any, **how: Any) -> None:
            if not self.holds(Path(source)):
                self.unsynced_names.append(Path(target).name)
            name(source, target, **how)
            self.synced.discard(_inode(Path(target).parent.stat()))

        return named

    def holds(self, path: Path) -> bool:
        return _inode(path.stat()) in self.synced


def _inode(found: os.stat_result) -> Inode:
    return found.st_dev, found.st_ino


@pytest.mark.parametrize("keep", [keep_first, keep_restored, keep_backed_up])
@pytest.mark.parametrize("depth", ["", "new/newer"])
def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: Callable[[Path], Path], depth: str
) -> None:
    """A database sealed with a key that was lost again would be lost, too."""
    folder = tmp_path / depth
    if keep is keep_backed_up:
        folder.mkdir(parents=True, exist_ok=True)
    disk = Disk(monkeypatch)
    file = keep(folder / "secret_key")
    assert disk.unsynced_names == []
    assert disk.holds(file)
    assert disk.holds(file.parent)
    if depth and keep is not keep_backed_up:
        assert disk.holds(tmp_path / "new"), "a new folder's own name, too"
        assert disk.holds(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir() if path.is_file()] == [file.name]


@contextmanager
def full_disk() -> Iterator[None]:
    """Files can be made, and nothing be written into them."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


@contextmanager
def failing(*names: str) -> Iterator[None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "input/output error")

    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(os, name, fail)
        yield


@pytest.mark.parametrize(
    "fault",
    [full_disk, partial(failing, "fsync"), partial(failing, *NAMING)],
    ids=["write", "sync", "name"],
)
@pytest.mark.parametrize("keep", [keep_first, keep_restored, keep_backed_up])
def test_a_failure_on_the_way_leaves_the_old_file_and_no_draft(
    tmp_path: Path, keep: Callable[[Path], Path], fault: Callable[[], AbstractContextManager[None]]
) -> None:
    file = tmp_path / "secret_key"
    path = keys_path(file) if keep is keep_backed_up else file
    old = [] if keep is keep_first else [OLD]
    for content in old:
        path.write_bytes(content)
    with fault(), pytest.raises(OSError, match=r"too large|input/output"):
        keep(file)
    assert [found.read_bytes() for found in tmp_path.glob("*") if found == path] == old
    assert [found for found in tmp_path.glob(".*") if found.is_file()] == []


def test_an_old_key_is_set_aside_on_the_disk_before_the_new_one_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret_key"
    file.write_bytes(OLD)
    found: list[bool] = []
    replace = os.replace

    def watch(source: Any, target: Any) -> None:
        [aside] = tmp_path.glob("secret_key.replaced-*")
        found.append(aside.read_bytes() == OLD == file.read_bytes() and disk.holds(aside))
        found.append(disk.holds(tmp_path))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watch)
    disk = Disk(monkeypatch)
    keep_keys({file: NEW})
    assert found == [True, True]
    assert file.read_bytes() == NEW
