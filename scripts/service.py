"""A service to measure: one that runs already, or one of our own on an empty database."""

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import psutil
from rich.console import Console
from rich.progress import Progress

from app.progress.models import LIVING
from app.settings import Settings
from app.trust import trusted

COMMAND = (sys.executable, "-m", "app.commands")
EMAIL, PASSWORD = "measure@demo.invalid", "measure-shuangku"
START_SECONDS = 120
JOB_SECONDS = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A signed-in administrator's view of a service."""

    http: httpx.Client
    process: psutil.Process | None = None  # of a service of our own

    @property
    def url(self) -> str:
        return str(self.http.base_url).rstrip("/")

    def import_rows(self, kind: str, rows: Sequence[dict[str, Any]]) -> None:
        """Import rows straight into the pool and wait; RuntimeError unless all were taken."""
        content = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        response = self.http.post(
            "/api/v1/imports",
            data={"kind": kind, "admit": "true"},
            files={"file": (f"{kind}.jsonl", io.BytesIO(content.encode()))},
        )
        response.raise_for_status()
        done = self._finished(response.json()["id"])
        if done["state"] != "done" or done["rejected_count"]:
            raise RuntimeError(f"import of {kind}: {done}")

    def _finished(self, import_id: str) -> dict[str, Any]:
        for _ in _waiting(JOB_SECONDS):
            found = self._get(f"/api/v1/imports/{import_id}")
            if found["state"] not in LIVING:
                return dict(found)
        raise TimeoutError(f"import {import_id} is not done after {JOB_SECONDS} s")

    def wait_until_encoded(self) -> None:
        """Wait until no candidate of any pool lacks vectors and the statistics are settled."""
        with Progress(transient=True, console=Console(stderr=True)) as progress:
            task = progress.add_task("等待向量 · waiting for vectors", total=None)
            versions: list[Any] = []
            for _ in _waiting(JOB_SECONDS, pause=2.0):
                indexes = self._get("/api/v1/match-indexes")
                waiting = sum(index["pending"] for index in indexes)
                progress.update(task, description=f"等待向量 · {waiting} candidates wait")
                versions.append([index["index_version"] for index in indexes])
                busy = self._get("/api/v1/jobs?status=todo") + self._get(
                    "/api/v1/jobs?status=doing"
                )
                due = [j for j in busy if j["task"] in ("encode_texts", "fit_indexes")]
                is_settled = len(versions) > 2 and versions[-1] == versions[-3]
                if not waiting and not due and is_settled:
                    return
        raise TimeoutError(f"vectors are missing after {JOB_SECONDS} s")

    def external_ids(self, kind: str) -> dict[str, str]:
        """Record id → external id, of all records of a kind that have one."""
        found: dict[str, str] = {}
        cursor: str | None = None
        while True:
            parameters = {"limit": 200} | ({"cursor": cursor} if cursor else {})
            page = self._get(f"/api/v1/{kind}", **parameters)
            found |= {i["id"]: i["external_id"] for i in page["items"] if i["external_id"]}
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    def match(self, demand_id: str, *, limit: int) -> dict[str, Any]:
        """A new run with its candidates, best first."""
        return dict(self.answer_to_match(demand_id, limit=limit).json())

    def answer_to_match(self, demand_id: str, *, limit: int) -> httpx.Response:
        """The same as it came, for whoever measures how long it takes to come."""
        response = self.http.post(f"/api/v1/demands/{demand_id}:match", json={"limit": limit})
        return response.raise_for_status()

    def _get(self, path: str, **parameters: Any) -> Any:
        response = self.http.get(path, params=parameters or None)
        response.raise_for_status()
        return response.json()


@contextlib.contextmanager
def signed_in(url: str, email: str, password: str) -> Iterator[Service]:
    """A running service, as the account that signs in, again whenever its token has run out."""
    session = Session(url, email, password)
    with httpx.Client(base_url=url, timeout=120, auth=session, verify=trusted()) as http:
        yield Service(http=http)


class Session(httpx.Auth):
    """Signs in at the first request and again whenever the access token counts no more."""

    requires_response_body = True

    def __init__(self, url: str, email: str, password: str) -> None:
        self._sign_in = httpx.Request(
            "POST",
            f"{url.rstrip('/')}/api/v1/auth:sign-in",
            json={"email": email, "password": password},
        )
        self._token = ""

    def auth_flow(self, request: httpx.Request) -> Any:
        for _ in range(2):
            if not self._token:
                answer = yield self._sign_in
                answer.raise_for_status()
                self._token = answer.json()["access_token"]
            request.headers["Authorization"] = f"Bearer {self._token}"
            response = yield request
            if response.status_code != httpx.codes.UNAUTHORIZED:
                return
            self._token = ""


@contextlib.contextmanager
def own_service(console: Console, *arguments: str, **settings: str) -> Iterator[Service]:
    """Start a service with a worker on an empty database of its own, and stop it at the end.

    arguments: of `serve`, as `--demo`.
    """
    with tempfile.TemporaryDirectory(prefix="shuangku-") as name:
        folder, port = Path(name), free_port()
        own, log = environment(folder, PORT=str(port), **settings), folder / "service.log"
        _create_administrator(own)
        process, url = launch(own, *arguments, log=log), f"http://127.0.0.1:{port}"
        try:
            with console.status("启动评测服务 · starting a service"):
                wait_until_ready(url, process)
            with signed_in(url, EMAIL, PASSWORD) as service:
                yield replace(service, process=psutil.Process(process.pid))
        except (RuntimeError, TimeoutError):
            console.print(log.read_text(encoding="utf-8", errors="replace")[-4_000:])
            raise
        finally:
            process.terminate()
            process.wait(timeout=60)


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """The environment of a process that keeps everything in the folder and counts no requests.

    No setting is inherited.
    """
    names = {name.upper() for name in Settings.model_fields}
    kept = {name: value for name, value in os.environ.items() if name.upper() not in names}
    return kept | {"VAR_FOLDER": str(folder), "RATE_LIMITS": "off"} | settings


def launch(
    environment: Mapping[str, str], *arguments: str, log: Path, prefix: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """Start `serve` and return at once; what it says goes to the log.

    It runs in its own folder: where it was called from there may be an .env of the user's.
    """
    with log.open("wb") as output:
        return subprocess.Popen(
            [*prefix, *COMMAND, "serve", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stderr=output,
            cwd=environment["VAR_FOLDER"],
            start_new_session=True,
        )


def _create_administrator(own: Mapping[str, str]) -> None:
    """Do so before the first start: a service that finds no account loads the demonstration."""
    folder = own["VAR_FOLDER"]
    for command in (["migrate"], ["create-administrator", EMAIL, "--password", PASSWORD]):
        subprocess.run(
            [*COMMAND, *command], env=own, cwd=folder, check=True, stderr=subprocess.DEVNULL
        )


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """RuntimeError when the service ends instead, TimeoutError when it takes too long."""
    for _ in _waiting(START_SECONDS, pause=0.1):
        if process.poll() is not None:
            raise RuntimeError(f"the service ended with {process.returncode}")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz", timeout=10, verify=trusted()).is_success:
                return
    raise TimeoutError(f"{url} is not ready after {START_SECONDS} s")


def _waiting(seconds: float, pause: float = 0.5) -> Iterator[None]:
    """Come round every `pause` seconds until the time is up."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        yield
        time.sleep(pause)
