"""The files of a folder through which processes share what they measure, mapped into memory.

They are the metrics library's own. Here is what it leaves to its users: what becomes of the files
of ended processes, and room on the disk for those of the living.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from prometheus_client.mmap_dict import MmapedDict

from app.locks import held

FILE = re.compile(r"(?P<kind>[a-z_]+)_(?P<pid>\d+)\.db")
SUMS = ("counter", "histogram")  # kinds of files; what others hold goes with their process
ENDED = 0  # stands in a file's name for all processes that have ended
# A file that outgrew this would be lengthened by the library, for which the disk must have room.
RESERVED_BYTES = 2 << 20


def reserve(folder: Path, kinds: Iterable[str]) -> None:
    """Make this process's files. Raises OSError when the disk has no room for them.

    A write into a mapped file for which a full disk has no block would kill the process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with settled(folder):
        for kind in kinds:
            _allocate(folder / f"{kind}_{os.getpid()}.db")


@contextmanager
def settled(folder: Path) -> Iterator[None]:
    """No file there is of an ended process, but those that hold the sums of all of them.

    The sums are kept for as long as any process lives that has others.
    """
    with held(folder / "lock"):
        files = [(f, found) for f in folder.glob("*.db") if (found := FILE.fullmatch(f.name))]
        ended = [(file, match) for file, match in files if not _is_living(match["pid"], file)]
        if len(ended) < len(files):
            for kind in SUMS:
                own = folder / f"{kind}_{ENDED}.db"
                _add_up([f for f, match in ended if match["kind"] == kind and f != own], own)
            ended = [(file, match) for file, match in ended if match["kind"] not in SUMS]
        for file, _ in ended:
            file.unlink()
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
    with file.open("ab") as opened:
        os.posix_fallocate(opened.fileno(), 0, RESERVED_BYTES)


def _is_living(pid: str, file: Path) -> bool:
    """Whether the process that wrote the file still runs, and not another with its number."""
    if int(pid) == ENDED:
        return False
    try:
        return bool(psutil.Process(int(pid)).create_time() <= file.stat().st_mtime + 1)
    except psutil.NoSuchProcess:
        return False
