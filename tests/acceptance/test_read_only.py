"""As in its container: a user without rights, who can write nowhere but VAR_FOLDER and /tmp."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from scripts import service
from scripts.service import signed_in
from tests.acceptance.demonstration import Demonstration
from tests.acceptance.processes import (
    COORDINATOR,
    PASSWORD,
    STOP_SECONDS,
    Running,
    environment,
    preview,
    wait_until_ready,
)

USER = 65534  # nobody: PostgreSQL wants to know its user's name
# Root's checkout may be closed to others: this one may read everything, and write only what is
# theirs. A developer who is not root is such a user already, but for their checkout.
MAY_READ = "-all,+dac_read_search"
AS_ORDINARY_USER = (
    [
        "setpriv",
        f"--reuid={USER}",
        f"--regid={USER}",
        "--clear-groups",
        f"--inh-caps={MAY_READ}",
        f"--ambient-caps={MAY_READ}",
        f"--bounding-set={MAY_READ}",
        "--no-new-privs",
    ]
    if os.geteuid() == 0
    else ["setpriv", "--no-new-privs"]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, demonstration: Demonstration) -> Path:
    """VAR_FOLDER, which is the user's home too."""
    folder = demonstration.copy_to(tmp_path_factory.mktemp("read-only") / "var")
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, USER, USER)
        for parent in (folder.parent, folder.parent.parent):
            parent.chmod(0o711)
    return folder


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Running]:
    port = service.free_port()
    log = folder.parent / "log"
    settings = environment(
        folder, PORT=str(port), HOME=str(folder), XDG_CACHE_HOME=str(folder / ".cache")
    )
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*AS_ORDINARY_USER, *service.COMMAND, "serve"],
            env=settings,
            stdin=subprocess.DEVNULL,
            stderr=output,
            cwd=folder,
            start_new_session=True,
        )
    running = Running(process=process, url=f"http://127.0.0.1:{port}", log=log)
    try:
        wait_until_ready(running)
        yield running
    finally:
        process.terminate()
        process.wait(timeout=STOP_SECONDS)


@pytest.fixture(scope="module")
def coordinator(running: Running) -> Iterator[httpx.Client]:
    with signed_in(running.url, COORDINATOR, PASSWORD) as signed:
        yield signed.http


def test_the_user_can_write_nothing_else(folder: Path) -> None:
    """For a developer who is not root the checkout is the exception."""
    assert _refusal(folder) == ""
    checkout = (Path(__file__).parent,) if os.geteuid() == 0 else ()
    for place in (*checkout, Path("/etc"), Path("/var"), Path("/usr")):
        assert re.search("Permission denied|Read-only file system", _refusal(place)), place


def _refusal(place: Path) -> str:
    """Why the user may not write there; nothing where they have written."""
    touch = [*AS_ORDINARY_USER, "touch", str(place / "written-by-a-test")]
    in_english = os.environ | {"LC_ALL": "C"}
    done = subprocess.run(touch, capture_output=True, text=True, env=in_english)
    return done.stderr


def test_it_serves_and_matches(running: Running, folder: Path, coordinator: httpx.Client) -> None:
    """With a PostgreSQL and a worker of its own, and the compiled kernels kept in its home."""
    assert preview(coordinator, "浅色锦纶袜黄变")["matches"]
    running.worker()
    assert (folder / "postgres").is_dir()
    assert "Traceback" not in running.output
    if os.geteuid() == 0:
        assert [*(folder / ".cache" / "numba").rglob("*.nbi")]
