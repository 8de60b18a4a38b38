"""Processes that are kept up: those that serve one socket, and the worker beside them.

Each has one end of a socket as its standard input. What it is told comes as lines; the other end's
closing means stop, and the kernel closes it however this process dies, so that nobody outlives it.
"""

import asyncio
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic

READY = b"ready\n"
DRAIN = b"drain\n"  # be found not ready, and ask every client to come back elsewhere
RETIRE = b"retire\n"  # others serve from now on: end with the last of your connections

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
LONG_LIFE = 60.0  # seconds after which an end is taken for a first one
RETIREMENT_SECONDS = 60.0
REQUEST_SECONDS = 5  # for requests under way when a process is told to stop
STOP_SECONDS = REQUEST_SECONDS + 3.0

Report = Callable[[str], None]


@dataclass(eq=False, kw_only=True)
class Kept:
    """One process, started again whenever it ends by itself.

    `address` is its first line, once there is one; `is_ready` is set once it says that it is.
    """

    arguments: Sequence[str]
    report: Report
    address: asyncio.Future[str] | None = None
    listener: socket.socket | None = None
    is_ready: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    has_ended: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _process: asyncio.subprocess.Process | None = field(default=None, init=False)
    _line: asyncio.StreamWriter | None = field(default=None, init=False)
    _keeping: asyncio.Task[None] | None = field(default=None, init=False)

    def start(self) -> None:
        self._keeping = asyncio.create_task(self._keep())

    def tell(self, message: bytes) -> None:
        if self._line is not None:
            self._line.write(message)

    def drain(self) -> None:
        """Have it found not ready; one that is not yet up ends, and none is started again."""
        self._dismiss()
        self.tell(DRAIN)

    async def retire(self) -> None:
        """Let it end with its last connection; it is not started again."""
        self._dismiss()
        self.tell(RETIRE)
        await self._end(RETIREMENT_SECONDS)

    async def stop(self) -> None:
        """Let it finish what it has begun, and wait for its end."""
        self._dismiss()
        if self.is_ready.is_set() and self._line is not None:
            self._line.close()
        elif self._process is not None:  # a worker, or one that is still loading and hears nothing
            with suppress(ProcessLookupError):
                self._process.terminate()
        await self._end(STOP_SECONDS)

    def kill(self) -> None:
        self._dismiss()
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
        if self._line is not None:
            self._line.close()

    def _dismiss(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()

    async def _end(self, seconds: float) -> None:
        if self._process is None:
            return
        try:
            await asyncio.wait_for(self._process.wait(), seconds)
        except TimeoutError:
            self.kill()
            await self._process.wait()
        if self._line is not None:
            self._line.close()

    async def _keep(self) -> None:
        pause = FIRST_PAUSE
        while True:
            began_at = monotonic()
            code = await self._live_if_possible()
            self.is_ready.clear()
            self.has_ended.set()
            pause = FIRST_PAUSE if monotonic() - began_at > LONG_LIFE else pause
            self.report(
                f"进程退出（{self.arguments[0]}，{code}），{pause:g} 秒后重新启动"
                f" · process ended, starting it again in {pause:g} s"
            )
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _live_if_possible(self) -> int | OSError:
        try:
            return await self._live()
        except OSError as error:  # a machine that is full
            return error

    async def _live(self) -> int:
        """Start the process and stay with it; its exit code."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "app.commands", *self.arguments),
                stdin=theirs.fileno(),
                pass_fds=[self.listener.fileno()] if self.listener else [],
                start_new_session=True,  # or Ctrl+C would reach it twice
            )
        reader, self._line = await asyncio.open_connection(sock=ours)
        if self.address is not None:
            self.tell(f"{await asyncio.shield(self.address)}\n".encode())
        with suppress(ConnectionError):
            if await reader.readline() == READY:
                self.is_ready.set()
        code = await self._process.wait()
        self._line.close()
        return code


@dataclass(eq=False, kw_only=True)
class Fleet:
    """The processes of one service."""

    listener: socket.socket
    size: int
    has_worker: bool
    report: Report
    address: asyncio.Future[str] = field(init=False)
    _serving: list[Kept] = field(default_factory=list, init=False)
    _worker: Kept | None = field(default=None, init=False)
    _retiring: dict[asyncio.Task[None], Kept] = field(default_factory=dict, init=False)

    def prepare(self) -> None:
        """Start the processes that will serve; they load, and wait for the database's address."""
        self.address = asyncio.get_running_loop().create_future()
        self._serving = self._generation()

    async def serve(self, address: str) -> None:
        """Tell the processes their database; return when the first of them serves."""
        self.address.set_result(address)
        waiting = [asyncio.create_task(kept.is_ready.wait()) for kept in self._serving]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        if self.has_worker:  # not before, or it would take the processor from who shall answer
            self._worker = Kept(arguments=["worker", "--stops-with-stdin"], report=self.report)
            self._worker.start()

    async def reload(self) -> bool:
        """Put new processes in the place of the old ones, without a moment when none accepts.

        False when one of the new ones ended before it was ready: then the old ones go on.
        """
        new = self._generation()
        if not await _are_ready(new):
            for kept in new:
                kept.kill()
            return False
        old, self._serving = self._serving, new
        for kept in old:
            task = asyncio.create_task(kept.retire())
            self._retiring[task] = kept
            task.add_done_callback(self._retiring.pop)
        if self._worker is not None:
            await self._worker.stop()
            self._worker.start()
        return True

    async def drain(self, seconds: float) -> None:
        """Be found not ready for so long, and serve what comes nevertheless."""
        for kept in self._serving:
            kept.drain()
        await asyncio.sleep(seconds)

    async def stop(self) -> None:
        """Accept nothing more, and finish the requests that have begun."""
        self.listener.close()
        kept = [*self._serving, *self._retiring.values()]
        await asyncio.gather(*(one.stop() for one in kept))

    async def stop_worker(self) -> None:
        if self._worker is not None:
            await self._worker.stop()

    def kill(self) -> None:
        """Leave nobody behind."""
        for kept in [*self._serving, *self._retiring.values(), self._worker]:
            if kept is not None:
                kept.kill()

    def _generation(self) -> list[Kept]:
        arguments = ["serve-process", str(self.listener.fileno())]
        kept = [
            Kept(
                arguments=arguments,
                report=self.report,
                address=self.address,
                listener=self.listener,
            )
            for _ in range(self.size)
        ]
        for one in kept:
            one.start()
        return kept


async def _are_ready(processes: Sequence[Kept]) -> bool:
    """Wait until all are; False as soon as one has ended."""
    ended = [asyncio.create_task(kept.has_ended.wait()) for kept in processes]
    ready = [asyncio.create_task(kept.is_ready.wait()) for kept in processes]
    try:
        while not all(task.done() for task in ready):
            if any(task.done() for task in ended):
                return False
            waiting = [task for task in (*ready, *ended) if not task.done()]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        return True
    finally:
        for task in (*ready, *ended):
            task.cancel()
