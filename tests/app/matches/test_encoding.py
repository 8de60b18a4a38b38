"""Encoding in real processes that are killed: what was committed is sent to no encoder again."""

import asyncio
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import URL, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs

from app.jobs import queue
from app.matches.index import tasks, terminal
from app.matches.index.encoding import Progress, take_turn
from app.matches.models import StoredVector
from matching import text_key
from scripts import service
from tests.acceptance.processes import PROJECT, READY_SECONDS, environment
from tests.app.matches import embeddings_server, scenes
from tests.app.matches.embeddings_server import EmbeddingsServer
from tests.locks import Locks

EXPERTS = 70
TEXTS = 3 * EXPERTS  # a statement and two items of evidence, each of its own
BATCH_SIZE = 8


@pytest.fixture
def endpoint() -> Iterator[EmbeddingsServer]:
    with embeddings_server.running() as server:
        server.pause = 0.1
        yield server


@pytest.fixture
async def waiting(session: AsyncSession) -> AsyncSession:
    """A pool none of which has been encoded."""
    for number in range(EXPERTS):
        await scenes.expert(session, f"专家{number}", f"方向{number:03}锦纶染色", title="")
    return session


@pytest.fixture
def own(endpoint: EmbeddingsServer, database: URL, tmp_path: Path) -> dict[str, str]:
    """The environment of a process on this test's database."""
    return environment(
        tmp_path,
        DATABASE_URL=database.render_as_string(hide_password=False),
        ENCODER="remote",
        ENCODER_URL=endpoint.url,
        ENCODER_MODEL="bigrams",
        ENCODER_API_KEY="key",
        ENCODER_BATCH_SIZE=str(BATCH_SIZE),
        ENCODER_NEEDS_CONSENT="false",
    )


def started(own: dict[str, str], command: str, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        return subprocess.Popen(
            [*service.COMMAND, command], env=own, cwd=PROJECT, stdout=file, stderr=file
        )


async def ended(process: subprocess.Popen[bytes], log: Path, *, code: int = 0) -> str:
    """What the command said, once it has ended with this code."""
    return await asyncio.to_thread(_ended, process, log, code)


def _ended(process: subprocess.Popen[bytes], log: Path, code: int) -> str:
    found = process.wait(READY_SECONDS)
    said = log.read_text(encoding="utf-8")
    assert found == code, said
    return said


async def stored(session: AsyncSession) -> set[str]:
    found = set((await session.scalars(select(StoredVector.key))).all())
    await session.commit()
    return found


async def test_who_comes_after_a_killed_worker_goes_on_where_it_was(
    waiting: AsyncSession, own: dict[str, str], endpoint: EmbeddingsServer, tmp_path: Path
) -> None:
    await queue.tasks["encode_texts"].defer_async()
    worker = started(own, "worker", tmp_path / "worker.log")
    try:
        async with asyncio.timeout(READY_SECONDS):
            while not await stored(waiting):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    finally:
        worker.kill()  # -9
        worker.wait()
    sent = len(endpoint.texts)
    kept = await stored(waiting)
    assert 0 < len(kept) < TEXTS
    log = tmp_path / "encode.log"
    said = await ended(started(own, "encode", log), log)
    assert f"{TEXTS - len(kept)} texts encoded" in said
    again = {text_key(text) for text in endpoint.texts[sent:]}
    assert not again & kept, "what was committed is not sent again"
    assert await stored(waiting) == again | kept
    assert len(again | kept) == TEXTS
    assert sent <= len(kept) + 64 + 3, "whoever is killed loses one batch"
    said = await ended(started(own, "encode", log), log)
    assert "no text waits" in said


async def test_two_at_once_never_do_the_same_work(
    waiting: AsyncSession, own: dict[str, str], endpoint: EmbeddingsServer, tmp_path: Path
) -> None:
    logs = [tmp_path / f"encode-{number}.log" for number in range(2)]
    both = [started(own, "encode", log) for log in logs]
    for process, log in zip(both, logs, strict=True):
        await ended(process, log)
    counts = Counter(endpoint.texts)
    assert set(counts.values()) == {1}
    assert len(counts) == TEXTS == await waiting.scalar(select(func.count(StoredVector.key)))


async def test_encoding_waits_for_its_turn(
    waiting: AsyncSession,
    own: dict[str, str],
    endpoint: EmbeddingsServer,
    locks: Locks,
    tmp_path: Path,
) -> None:
    """Vectors that nobody wants any more are deleted in the same turns."""
    await take_turn(waiting)
    log = tmp_path / "encode.log"
    process = started(own, "encode", log)
    await locks.wait(1)
    assert endpoint.texts == []
    await waiting.commit()
    await ended(process, log)


async def test_an_encoder_that_is_away_or_none(
    waiting: AsyncSession, own: dict[str, str], endpoint: EmbeddingsServer, tmp_path: Path
) -> None:
    endpoint.fault = "refused"
    log = tmp_path / "encode.log"
    said = await ended(started(own, "encode", log), log, code=1)
    assert "run it again" in said
    assert "HTTPStatusError" in said
    said = await ended(started(own | {"ENCODER": "none"}, "encode", log), log, code=1)
    assert "ENCODER=remote" in said


def test_progress_tells_the_rate_and_what_is_left() -> None:
    progress = Progress(done=200, total=1_000, seconds=10.0)
    assert (progress.per_second, progress.seconds_left) == (20.0, 40.0)
    assert Progress(done=0, total=10, seconds=0.0).seconds_left is None


def test_the_worker_tells_the_log_now_and_then_and_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tell = tasks._telling_the_log()
    with capture_logs() as told:
        tell(Progress(done=200, total=1_000, seconds=10.0))
        assert told == []
        monkeypatch.setattr(tasks, "TOLD_EVERY_SECONDS", 0.0)
        tell(Progress(done=400, total=1_000, seconds=20.0))
        tell(Progress(done=1_000, total=1_000, seconds=50.0))
    names = ("event", "done", "total", "texts_per_second", "seconds_left")
    assert [tuple(line[name] for name in names) for line in told] == [
        ("encoding", 400, 1_000, 20.0, 30),
        ("encoding", 1_000, 1_000, 20.0, 0),
    ]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_bar_where_somebody_watches_and_lines_elsewhere(
    is_terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "LINE_SECONDS", 0.0)
    console = Console(
        force_terminal=is_terminal, force_interactive=is_terminal, width=120, record=True
    )
    with terminal._bar(console) as tell:
        tell(Progress(done=200, total=1_000, seconds=10.0))
    said = console.export_text()
    for told in ("200/1", "20.0 texts/s", "0:00:40"):
        assert told in said
