"""A disk of a few hundred megabytes, which fills up and has room again."""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

KEEPS_CAPABILITIES = ("unshare", "--user", "--map-current-user", "--keep-caps", "--mount")


class NoDisk(Exception):
    """What the machine lacks to have one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """`folder` is its place for programs that run under `prefix`, `seen` its place from here."""

    folder: Path
    seen: Path
    prefix: Sequence[str] = ()

    @property
    def _ballast(self) -> Path:
        return self.seen / "ballast"

    def fill(self) -> None:
        """Leave no byte."""
        with self._ballast.open("ab") as file:
            for block in (1 << 20, 1 << 12):
                with contextlib.suppress(OSError):
                    while True:
                        os.posix_fallocate(file.fileno(), file.tell(), block)
                        file.seek(block, os.SEEK_CUR)

    def make_room(self) -> None:
        self._ballast.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[Disk]:
    """A disk mounted over the folder; for an ordinary user in namespaces of its own.

    Raises NoDisk.
    """
    folder.mkdir(parents=True)
    mount = ("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(folder))
    opened = _mounted(folder, mount) if os.geteuid() == 0 else _unshared(folder, mount)
    with opened as disk:
        yield disk


@contextlib.contextmanager
def _mounted(folder: Path, mount: Sequence[str]) -> Iterator[Disk]:
    done = subprocess.run(mount, capture_output=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        raise NoDisk(f"root may not mount a tmpfs here: {done.stderr.strip()}")
    try:
        yield Disk(folder=folder, seen=folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextlib.contextmanager
def _unshared(folder: Path, mount: Sequence[str]) -> Iterator[Disk]:
    """A process holds the namespaces; the service enters them, as the user that it is."""
    script = '"$@" && echo mounted && exec cat'
    try:
        holder = subprocess.Popen(
            [*KEEPS_CAPABILITIES, "sh", "-c", script, "sh", *mount],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
    except FileNotFoundError:
        raise NoDisk("unshare (util-linux) is not installed") from None
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder:
        said = holder.stdout.readline().strip()
        if said != "mounted":
            raise NoDisk(f"no user namespace with capabilities, needed to mount: {said}")
        try:
            enter = ("nsenter", f"--target={holder.pid}", "--user", "--mount")
            seen = Path(f"/proc/{holder.pid}/root{folder}")
            yield Disk(folder=folder, seen=seen, prefix=(*enter, "--preserve-credentials"))
        finally:
            holder.stdin.close()
