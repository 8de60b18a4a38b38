"""Hundreds of clients that dawdle, in every way there is: others are served, they are cut off."""

import asyncio
import contextlib
import resource
import socket
import time
from collections.abc import Callable, Coroutine
from functools import partial

import httpx

from tests.acceptance.load import under_load
from tests.acceptance.processes import until
from tests.faults.conftest import Tally
from tests.faults.house import CLIENT_SECONDS, PATIENCE, House

EVERY = 0.3  # seconds from one byte to the next
SLACK = 45  # seconds; the machine may be busy
LEAK_BYTES = 150 << 20
ANSWERED = 20  # requests of others meanwhile
PIPELINED = 40  # answers, some megabytes: more than the kernels keep for one connection

Address = tuple[str, int]
Dawdler = Callable[[Address, str], Coroutine[None, None, None]]


def test_slow_clients(house: House, rounds: int, few_rounds: int, tally: Tally) -> None:
    each = 40 if rounds == 1 else 200
    _allow_files(4 * each)
    url = httpx.URL(house.running.url)
    bearer = house.bearer()
    for _ in tally.each(few_rounds):
        before = _held(house)
        with under_load(str(url), {"Authorization": bearer}, clients=2) as account:
            account.wait_for(ANSWERED)
            began_at = time.monotonic()
            asyncio.run(_dawdle((url.host, url.port or 80), bearer, each))
            seconds = time.monotonic() - began_at
            account.wait_for(ANSWERED)
        assert seconds < 2 * CLIENT_SECONDS + SLACK
        assert not account.failed
        until(partial(_is_back, house, before), seconds=PATIENCE, what="what they held")
        tally.add(acknowledged=len(account.ends))
        print(f"{4 * each} slow clients, the last one cut off after {seconds:.0f} s")


def _allow_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, wanted + 500)), hard))


def _held(house: House) -> tuple[int, int]:
    """Open files and resident bytes of those that serve."""
    serving = house.running.serving()
    return sum(p.num_fds() for p in serving), sum(p.memory_info().rss for p in serving)


def _is_back(house: House, before: tuple[int, int]) -> bool:
    files, memory = _held(house)
    return files <= before[0] + 10 and memory <= before[1] + LEAK_BYTES


async def _dawdle(address: Address, bearer: str, each: int) -> None:
    """All at once, until every one of them has been cut off."""
    kinds: list[Dawdler] = [_silent, _slow_headers, _slow_body, _slow_reader]
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        for kind in kinds:
            for _ in range(each):
                group.create_task(kind(address, bearer))


async def _silent(address: Address, _: str) -> None:
    """Connects, and that was it."""
    reader, writer = await asyncio.open_connection(*address)
    await _until_cut(reader)
    writer.close()


async def _slow_headers(address: Address, _: str) -> None:
    await _drip(address, b"GET /livez HTTP/1.1\r\nHost: test\r\nX-Slow: ")


async def _slow_body(address: Address, bearer: str) -> None:
    head = (
        "POST /api/v1/matches:preview HTTP/1.1\r\nHost: test\r\n"
        f"Authorization: {bearer}\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
    )
    await _drip(address, head.encode() + b'{"title": "')


async def _drip(address: Address, head: bytes) -> None:
    """Byte by byte, faster than any timeout between two of them."""
    reader, writer = await asyncio.open_connection(*address)
    cut = asyncio.create_task(_until_cut(reader))
    writer.write(head)
    while not cut.done():
        writer.write(b"x")
        await asyncio.wait([cut], timeout=EVERY)
    writer.close()


async def _slow_reader(address: Address, _: str) -> None:
    """Asks for megabytes and takes them by the byte."""
    request = b"GET /openapi.json HTTP/1.1\r\nHost: test\r\n\r\n"
    loop = asyncio.get_running_loop()
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.setblocking(False)
        await loop.sock_connect(slow, address)
        await loop.sock_sendall(slow, PIPELINED * request)
        with contextlib.suppress(ConnectionError):
            # What has arrived can still be read after the end, so the end is asked for itself.
            while not slow.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                await asyncio.sleep(EVERY)
                await loop.sock_recv(slow, 1)


async def _until_cut(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        while await reader.read(1000):
            pass
