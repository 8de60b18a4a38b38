"""The service as its operators start it: a process, a port, a folder of its own, and HTTP."""

import base64
import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from scripts import service

PROJECT = Path(__file__).resolve().parents[2]
READY_SECONDS = 120  # generous: the machine may be busy with other tests
STOP_SECONDS = 30
SECRET_KEY = "a secret of the acceptance tests, long enough"
ENCRYPTION_KEYS = base64.b64encode(b"the key of the acceptance tests.").decode()
COORDINATOR, ADMINISTRATOR = "coordinator@demo.invalid", "administrator@demo.invalid"
PASSWORD = "demo-shuangku"
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A started service; `log` is what it wrote for people to read."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def logged(self) -> list[dict[str, Any]]:
        """The lines that are for machines."""
        return [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]

    def told(self) -> list[str]:
        """What the service itself told of its start and its stop."""
        return [
            line["event"] for line in self.logged() if line["logger"] == "app.processes.serving"
        ]

    def worker(self) -> psutil.Process:
        """The worker beside the service, once there is one."""
        return until(self._worker, seconds=READY_SECONDS, what="a worker")

    def _worker(self) -> psutil.Process | None:
        return next(iter(self._children("worker")), None)

    def serving(self) -> list[psutil.Process]:
        """The processes that serve, or are about to; oldest first."""
        return sorted(self._children("serve-process"), key=lambda p: (p.create_time(), p.pid))

    def _children(self, command: str) -> list[psutil.Process]:
        found = []
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                if command in child.cmdline():
                    found.append(child)
        return found

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal the service and wait; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=STOP_SECONDS)


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """The environment of a process that keeps everything in the folder."""
    given = {"SECRET_KEY": SECRET_KEY, "ENCRYPTION_KEYS": ENCRYPTION_KEYS, "ENCODER": "none"}
    return service.environment(folder, **(given | settings))


def run(
    settings: Mapping[str, str], *arguments: str, typed: str = "", prefix: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, without a terminal; `typed` is its standard input."""
    return subprocess.run(
        [*prefix, *service.COMMAND, *arguments],
        env=settings,
        input=typed,
        capture_output=True,
        encoding="utf-8",
        cwd=PROJECT,
        timeout=READY_SECONDS,
        start_new_session=True,
    )


def start(
    folder: Path, *arguments: str, port: int = 0, prefix: Sequence[str] = (), **settings: str
) -> Running:
    """Start `serve` and return at once; the caller stops it."""
    port = port or service.free_port()
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"serve-{port}-{time.monotonic_ns()}.log"
    own = environment(folder, PORT=str(port), **settings)
    process = service.launch(own, *arguments, log=log, prefix=prefix)
    return Running(process=process, url=f"http://127.0.0.1:{port}", log=log)


@contextlib.contextmanager
def serving(folder: Path, *arguments: str, port: int = 0, **settings: str) -> Iterator[Running]:
    """A service that answers, for as long as the block."""
    running = start(folder, *arguments, port=port, **settings)
    try:
        wait_until_ready(running)
        yield running
    finally:
        if running.process.poll() is None:
            running.process.terminate()
        running.process.wait(timeout=STOP_SECONDS)


def wait_until_ready(running: Running) -> None:
    try:
        service.wait_until_ready(running.url, running.process)
    except (RuntimeError, TimeoutError) as error:
        error.add_note(running.output)
        raise


def until(
    find: Callable[[], Found | None], *, seconds: float, what: str, pause: float = 0.05
) -> Found:
    """What `find` returns once it is true; AssertionError when the time is up."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        if found := find():
            return found
        time.sleep(pause)
    raise AssertionError(f"no {what} after {seconds} s")


def postmaster(folder: Path) -> int:
    """The process id of the embedded server of a service's folder; 0 when none runs."""
    file = folder / "postgres" / "pgdata" / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, IndexError, ValueError):
        pid = int(file.read_text().split()[0])
        return pid if psutil.pid_exists(pid) else 0
    return 0


def alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended; who reaps an orphan, and when, is the machine's matter."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def preview(http: httpx.Client, text: str) -> dict[str, Any]:
    """Match a free text."""
    response = http.post("/api/v1/matches:preview", json={"title": text})
    response.raise_for_status()
    return dict(response.json())


def names_in(matched: Mapping[str, Any]) -> list[str]:
    """The experts of a match, best first."""
    return [match["expert"]["name"] for match in matched["matches"]]
