"""The files of a folder through which processes share what they measure, mapped into memory.

They are the metrics library's own. Here is what it leaves to its users: whose they are, what
becomes of those of ended processes, and room on the disk for those of the living. Whoever lives
holds a lock, which two containers with one folder see as well; a process's number they do not.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import IO

from prometheus_client.mmap_dict import MmapedDict

from app.locks import held, take

FILE = re.compile(r"(?P<kind>[a-z_]+)_(?P<owner>[0-9a-z-]+)\.db")
SUMS = ("counter", "histogram")  # kinds of files; what others hold goes with their process
ENDED = "ended"  # the owner of what all ended processes have counted
# A file that outgrew this would be lengthened by the library, for which the disk must have room.
RESERVED_BYTES = 2 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The name that a process's files bear, good for as long as the lock is open."""

    owner: str
    lock: IO[bytes]


def claim(folder: Path, kinds: Iterable[str]) -> Claim:
    """Make this process's files. Raises OSError when the disk has no room for them.

    A write into a mapped file for which a full disk has no block would kill the process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    owner = f"{os.getpid()}-{token_hex(4)}"
    with settled(folder):
        lock = _lock(folder, owner).open("ab")
        try:
            take(lock)
            for kind in kinds:
                _allocate(folder / f"{kind}_{owner}.db")
        except OSError:
            lock.close()
            raise
    return Claim(owner=owner, lock=lock)


@contextmanager
def settled(folder: Path) -> Iterator[None]:
    """No file there is of an ended process, but those that hold the sums of all of them.

    The sums are kept for as long as any process lives that has others.
    """
    with held(folder / "lock"):
        files = [(f, found) for f in folder.glob("*.db") if (found := FILE.fullmatch(f.name))]
        owners = {match["owner"] for _, match in files}
        living = {owner for owner in owners if _is_living(folder, owner)}
        ended = [(file, match) for file, match in files if match["owner"] not in living]
        if living:
            for kind in SUMS:
                own = folder / f"{kind}_{ENDED}.db"
                _add_up([f for f, match in ended if match["kind"] == kind and f != own], own)
            ended = [(file, match) for file, match in ended if match["kind"] not in SUMS]
        for file, _ in ended:
            file.unlink()
        for owner in owners - living:
            _lock(folder, owner).unlink(missing_ok=True)
        yield


def _add_up(files: Sequence[Path], total: Path) -> None:
    """Put what the files hold into the one file, in their place; on a full disk they stay."""
    if not files:
        return
    draft = total.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    try:
        _allocate(draft)
    except OSError:
        return
    sums: dict[str, float] = defaultdict(float)
    for file in [*files, total] if total.exists() else files:
        for key, value, *_ in MmapedDict.read_all_values_from_file(file):  # type: ignore[no-untyped-call]
            sums[key] += value
    written = MmapedDict(str(draft))  # type: ignore[no-untyped-call]
    for key, value in sums.items():
        written.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    written.close()  # type: ignore[no-untyped-call]
    draft.replace(total)
    for file in files:
        file.unlink()


def _allocate(file: Path) -> None:
    """Make the file whole, or leave none: an empty one breaks whoever reads the folder."""
    try:
        with file.open("ab") as opened:
            os.posix_fallocate(opened.fileno(), 0, RESERVED_BYTES)
    except OSError:
        file.unlink(missing_ok=True)
        raise


def _is_living(folder: Path, owner: str) -> bool:
    with suppress(FileNotFoundError), _lock(folder, owner).open("rb") as lock:
        return not take(lock)
    return False


def _lock(folder: Path, owner: str) -> Path:
    return folder / f"{owner}.lock"
