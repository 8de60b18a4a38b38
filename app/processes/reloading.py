"""`shuangku reload`: find the service of this folder and port, ask it, and wait for the outcome."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from app.locks import take
from app.operators import OperatorError

RELOAD_SECONDS = 300.0
LOOK_SECONDS = 0.1


class ReloadError(OperatorError):
    """Nobody was there to ask, or the new processes did not come up."""


@dataclass(eq=False)
class Running:
    """What a running service tells of itself, in a file that it holds locked."""

    file: IO[bytes] | None
    reloads: int = 0

    def report(self, *, is_done: bool) -> None:
        self.reloads += 1
        self._write(is_done=is_done)

    def _write(self, *, is_done: bool) -> None:
        if self.file is None:
            return
        told = {"pid": os.getpid(), "reloads": self.reloads, "is_done": is_done}
        self.file.seek(0)
        self.file.truncate()
        self.file.write(json.dumps(told).encode())
        self.file.flush()


@contextmanager
def enlisted(folder: Path, port: int) -> Iterator[Running]:
    """Be found by `ask` for as long as the block; the first of a folder and port is."""
    folder.mkdir(parents=True, exist_ok=True)
    with _path(folder, port).open("ab") as file:
        is_first = take(file)
        run = Running(file if is_first else None)
        run._write(is_done=True)
        try:
            yield run
        finally:
            if is_first:
                _path(folder, port).unlink(missing_ok=True)


def runs(folder: Path, port: int) -> bool:
    """Whether the service of this folder and port does; False where nobody may look."""
    with suppress(PermissionError):
        return _state_of(folder, port) is not None
    return False


def ask(folder: Path, port: int) -> None:
    """Have the service reload, and return when its new processes serve; ReloadError if not."""
    before = _state_of(folder, port)
    if before is None:
        raise ReloadError(
            f"目录 {folder.absolute()} 没有服务在端口 {port} 上运行：请到服务所在的目录运行，"
            "或设置 VAR_FOLDER、PORT",
            f"no service of the folder {folder.absolute()} runs on port {port}: run the command in"
            " the service's folder, or set VAR_FOLDER or PORT",
        )
    os.kill(before["pid"], signal.SIGHUP)
    ends_at = time.monotonic() + RELOAD_SECONDS
    while time.monotonic() < ends_at:
        now = _state_of(folder, port)
        if now is None:
            break
        if now["reloads"] > before["reloads"]:
            if now["is_done"]:
                return
            break
        time.sleep(LOOK_SECONDS)
    raise ReloadError(
        "新进程没有接替，见服务的输出",
        "the new processes did not take over, see the service's output",
    )


def _state_of(folder: Path, port: int) -> dict[str, int] | None:
    """What the service tells, None when none runs."""
    with suppress(FileNotFoundError), _path(folder, port).open("rb") as file:
        while not take(file):
            with suppress(ValueError):
                told: dict[str, int] = json.loads(file.read())
                return told
            file.seek(0)
    return None


def _path(folder: Path, port: int) -> Path:
    return folder / f"service-{port}.lock"
