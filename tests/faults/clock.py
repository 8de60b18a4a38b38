"""A wall clock that tests can set, for all processes of a service or for some of them."""

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")
COMPILER = shutil.which("cc")
NAMESPACE = ("unshare", "--mount", "--propagation", "private")
# An /etc of its own, whose ld.so.preload binds whatever runs in it, PostgreSQL too.
EVERYWHERE = """
set -e
cp -a /etc "$1/etc"
echo "$2" > "$1/etc/ld.so.preload"
mount --bind "$1/etc" /etc
shift 2
exec "$@"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    folder: Path

    @property
    def library(self) -> Path:
        return self.folder / "clock.so"

    def move(self, seconds: int) -> None:
        """Let it be off by so much, at once."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("q", seconds))

    @property
    def everywhere(self) -> tuple[str, ...]:
        """The prefix of a command whose processes all have this clock."""
        return (*NAMESPACE, "sh", "-c", EVERYWHERE, "sh", str(self.folder), str(self.library))

    @property
    def _file(self) -> Path:
        return self.folder / "offset"


@contextmanager
def made_clock() -> Iterator[Clock]:
    """In a folder that PostgreSQL's own user can read, too."""
    assert COMPILER
    with tempfile.TemporaryDirectory(prefix="shuangku-clock-") as name:
        clock = Clock(folder=Path(name))
        clock.folder.chmod(0o755)
        clock._file.write_bytes(bytes(struct.calcsize("q")))
        define = f'-DFILE="{clock._file}"'
        options = ["-O2", "-shared", "-fPIC", "-ldl", define]
        subprocess.run([COMPILER, SOURCE, "-o", clock.library, *options], check=True)
        yield clock


def may_move_everywhere() -> bool:
    """Whether this user may have an /etc of its own."""
    return os.geteuid() == 0 and (
        subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode == 0
    )
