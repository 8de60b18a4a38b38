"""Work that goes on beside a block of code, and ends with it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

LOST_SECONDS = 5.0  # longer than anything of ours takes to end


@asynccontextmanager
async def running(work: Coroutine[None, None, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Run the work as a task, and cancel it at the end of the block.

    Work that has failed by then raises its error there.
    """
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        await _end(task)
        if not task.cancelled():
            task.result()


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel it, unless somebody has, and again if that was lost.

    To be cancelled twice at once would interrupt what it does at its end. asyncio.wait_for loses a
    cancellation that comes in the moment in which what it waits for is there or fails; work that
    goes on after a failure would then never end, nor would whoever waits for it.
    """
    if not task.cancelling():
        task.cancel()
    while not (await asyncio.wait({task}, timeout=LOST_SECONDS))[0]:
        task.cancel()
