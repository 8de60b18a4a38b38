"""A command finds the service of its folder and port, and learns how its reload went."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.processes.reloading import ReloadError, Running, ask, enlisted

PORT = 8000


@pytest.fixture
def on_hangup() -> Iterator[Callable[[Callable[[], object]], None]]:
    """What this process does when it is asked."""
    before = signal.getsignal(signal.SIGHUP)

    def when_asked(act: Callable[[], object]) -> None:
        signal.signal(signal.SIGHUP, lambda *_: act())

    yield when_asked
    signal.signal(signal.SIGHUP, before)


def test_who_asks_returns_when_it_is_done(
    tmp_path: Path, on_hangup: Callable[[Callable[[], object]], None]
) -> None:
    with enlisted(tmp_path, PORT) as run:
        on_hangup(lambda: run.report(is_done=True))
        ask(tmp_path, PORT)
        ask(tmp_path, PORT)
        assert run.reloads == 2


def test_who_asks_learns_that_it_failed(
    tmp_path: Path, on_hangup: Callable[[Callable[[], object]], None]
) -> None:
    with enlisted(tmp_path, PORT) as run:
        on_hangup(lambda: run.report(is_done=False))
        with pytest.raises(ReloadError, match="did not take over"):
            ask(tmp_path, PORT)
        on_hangup(lambda: run.report(is_done=True))
        ask(tmp_path, PORT)


def test_a_service_of_another_port_or_one_that_has_ended_is_not_there(tmp_path: Path) -> None:
    with enlisted(tmp_path, PORT), pytest.raises(ReloadError, match="no service"):
        ask(tmp_path, PORT + 1)
    with pytest.raises(ReloadError, match="no service"):
        ask(tmp_path, PORT)
    left = tmp_path / f"service-{PORT}.lock"  # by one that was killed
    left.write_text(f'{{"pid": {os.getpid()}, "reloads": 0, "is_done": true}}')
    with pytest.raises(ReloadError, match="no service"):
        ask(tmp_path, PORT)


def test_who_asks_in_a_wrong_folder_is_told_which_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ReloadError) as raised:
        ask(Path("var"), PORT)
    assert f"目录 {tmp_path / 'var'} 没有服务" in raised.value.text.zh
    assert "VAR_FOLDER、PORT" in raised.value.text.zh


def test_the_first_of_a_folder_and_port_is_the_one_that_is_asked(
    tmp_path: Path, on_hangup: Callable[[Callable[[], object]], None]
) -> None:
    asked: list[Running] = []

    def reload(run: Running) -> None:
        asked.append(run)
        run.report(is_done=True)

    with enlisted(tmp_path, PORT) as first:
        with enlisted(tmp_path, PORT) as second:
            second.report(is_done=False)
            on_hangup(lambda: reload(first))
            ask(tmp_path, PORT)
        ask(tmp_path, PORT)
    assert asked == [first, first]
