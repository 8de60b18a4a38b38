"""What runs beside a block ends with it, however the block ends."""

import asyncio

import pytest

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

    with pytest.raises(ZeroDivisionError):
        async with running(work()):
            raise ZeroDivisionError
    assert len(asyncio.all_tasks()) == 1


async def test_an_error_of_the_work_comes_out_at_the_end() -> None:
    failed = asyncio.Event()

    async def work() -> None:
        failed.set()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with running(work()):
            await failed.wait()
