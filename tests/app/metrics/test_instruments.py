"""One scrape shows what all processes of a folder have measured, and a full disk hurts none."""

import errno
import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.metrics import files
from app.metrics.instruments import exposition, instruments, share
from tests.app.metrics.samples import of, samples


def _count(folder: str, go_on: str) -> None:
    share(Path(folder))
    instruments().requests.labels("/x", "GET", 200).inc()
    instruments().candidates.labels("experts").set(os.getpid())
    Path(go_on, str(os.getpid())).touch()
    signal.pause()


@pytest.fixture
def others(tmp_path: Path) -> Iterator[list[multiprocessing.process.BaseProcess]]:
    """Two processes that have measured, and live."""
    folder, marks = tmp_path / "metrics", tmp_path / "marks"
    marks.mkdir()
    context = multiprocessing.get_context("spawn")
    started = [context.Process(target=_count, args=(str(folder), str(marks))) for _ in range(2)]
    for process in started:
        process.start()
    while len(list(marks.iterdir())) < 2:
        for process in started:
            process.join(0.05)
            assert process.is_alive()
    yield list(started)
    for process in started:
        process.kill()
        process.join()


def test_one_scrape_shows_all_processes(
    others: list[multiprocessing.process.BaseProcess], tmp_path: Path
) -> None:
    share(tmp_path / "metrics")
    instruments().requests.labels("/x", "GET", 200).inc()
    found = samples(exposition().decode())
    assert of(found, "requests_total", route="/x") == 3
    assert of(found, "index_candidates", pool="experts") == max(p.pid or 0 for p in others)

    # What a process counted stays counted when it has died; what it held does not.
    for process in others:
        process.kill()
        process.join()
    found = samples(exposition().decode())
    assert of(found, "requests_total", route="/x") == 3
    assert of(found, "index_candidates", pool="experts") == 0


def test_the_first_process_of_a_start_begins_at_zero(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    for kind in ("counter", "gauge_livemax", "histogram"):
        (folder / f"{kind}_999999999.db").touch()
    share(folder)
    assert not list(folder.glob("*_999999999.db"))


def _count_and_end(folder: str) -> None:
    share(Path(folder))
    instruments().requests.labels("/x", "GET", 200).inc()
    instruments().stage_seconds.labels("recall").observe(0.003)


def test_processes_that_end_again_and_again_leave_their_sums_and_little_else(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "metrics"
    share(folder)
    context = multiprocessing.get_context("spawn")
    for number in (2, 4):
        ending = [context.Process(target=_count_and_end, args=(str(folder),)) for _ in range(2)]
        for process in ending:
            process.start()
        for process in ending:
            process.join()
        assert [process.exitcode for process in ending] == [0, 0]
        found = samples(exposition().decode())
        assert of(found, "requests_total", route="/x") == number
        assert of(found, "match_stage_seconds_count", stage="recall") == number
        assert of(found, "match_stage_seconds_bucket", stage="recall", le="0.005") == number
        assert of(found, "match_stage_seconds_bucket", stage="recall", le="0.0025") == 0
    owners = {file.stem.split("_")[-1].split("-")[0] for file in folder.glob("*.db")}
    assert owners == {str(os.getpid()), files.ENDED}
    assert len(list(folder.glob("*.lock"))) == 1


def test_a_full_disk_kills_no_process(tmp_path: Path) -> None:
    """A mapped file with holes would: the kernel has no other way to say that it has no block."""
    share(tmp_path / "metrics")
    found = list((tmp_path / "metrics").glob("*.db"))
    assert {file.name.rpartition("_")[0] for file in found} >= set(files.SUMS)
    for file in found:
        assert file.stat().st_blocks * 512 >= files.RESERVED_BYTES


def test_without_room_on_the_disk_a_process_measures_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", is_full)
    share(tmp_path / "metrics")
    instruments().requests.labels("/x", "GET", 200).inc()
    assert of(samples(exposition().decode()), "requests_total", route="/x") == 1
    assert not list((tmp_path / "metrics").glob("*.db")), "an empty file breaks whoever reads them"
