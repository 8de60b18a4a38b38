"""Processes that are kept up: started again, less and less often, and never left behind."""

import asyncio
import socket

import psutil
import pytest

from app.processes.supervision import Fleet, Kept
from tests.acceptance.processes import alive

PATIENCE = 60


async def test_what_ends_is_started_again_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.processes.supervision.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("app.processes.supervision.LONGEST_PAUSE", 0.02)
    reports: list[str] = []
    third = asyncio.Event()

    def report(what: str) -> None:
        reports.append(what)
        if len(reports) == 3:
            third.set()

    kept = Kept(arguments=["no-such-command"], report=report)
    kept.start()
    await asyncio.wait_for(third.wait(), PATIENCE)
    kept.kill()
    assert kept.has_ended.is_set()
    assert not kept.is_ready.is_set()
    assert ["0.01 秒" in reports[0], "0.02 秒" in reports[1], "0.02 秒" in reports[2]] == [True] * 3
    assert all("no-such-command，2" in report for report in reports)
    count = len(reports)
    await asyncio.sleep(0.5)
    assert len(reports) == count


async def test_a_process_that_waits_for_its_address_ends_with_its_supervisor() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fleet = Fleet(listener=listener, size=2, has_worker=False, report=print)
        before = set(psutil.Process().children())
        fleet.prepare()
        started: set[psutil.Process] = set()
        async with asyncio.timeout(PATIENCE):
            while len(started) < 2:
                await asyncio.sleep(0.05)
                started = set(psutil.Process().children()) - before
        await fleet.stop()
        assert not alive(started)
        assert listener.fileno() == -1


async def test_new_processes_that_cannot_start_change_nothing() -> None:
    """No descriptor, no service: each ends at once, and the reload says so."""
    listener = socket.socket()
    fleet = Fleet(listener=listener, size=1, has_worker=False, report=lambda _: None)
    fleet.address = asyncio.get_running_loop().create_future()
    fleet.address.set_result("not an address")
    try:
        assert not await asyncio.wait_for(fleet.reload(), PATIENCE)
    finally:
        fleet.kill()
        listener.close()
