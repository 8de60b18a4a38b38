"""What runs beside a block ends with it, however the block ends."""

import asyncio
import contextlib

import pytest

from app import background
from app.background import running


async def test_work_is_cancelled_at_the_end_and_waited_for() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.set()

    async with running(work()):
        await started.wait()
        assert not ended.is_set()
    assert ended.is_set()


async def test_work_ends_with_a_block_that_fails() -> None:
    async def work() -> None:
        await asyncio.sleep(60)

    before = asyncio.all_tasks()
    with pytest.raises(ZeroDivisionError):
        async with running(work()):
            raise ZeroDivisionError
    assert asyncio.all_tasks() == before


async def test_an_error_of_the_work_comes_out_at_the_end() -> None:
    failed = asyncio.Event()

    async def work() -> None:
        failed.set()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with running(work()):
            await failed.wait()


async def test_work_that_was_cancelled_before_comes_to_its_own_end() -> None:
    """A worker of jobs cuts them off in order, which a second cancellation would interrupt."""
    started, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            started.set()
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            ended.set()

    async with running(work()) as task:
        await started.wait()
        task.cancel()
        await asyncio.sleep(0)
    assert ended.is_set()


async def _work_that_loses(started: asyncio.Event, count: int) -> None:
    for _ in range(count):
        with contextlib.suppress(asyncio.CancelledError):
            started.set()
            await asyncio.sleep(60)
    await asyncio.sleep(60)


async def test_a_cancellation_that_is_lost_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "LOST_SECONDS", 0.01)
    started = asyncio.Event()
    async with asyncio.timeout(10):
        async with running(_work_that_loses(started, 3)):
            await started.wait()


async def test_who_waits_for_work_that_does_not_end_may_be_cancelled() -> None:
    """The worker stayed, and began anew, when it was told to stop."""
    started = asyncio.Event()

    async def wait() -> None:
        async with running(_work_that_loses(started, 1)):
            await started.wait()

    waiting = asyncio.create_task(wait())
    await started.wait()
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
