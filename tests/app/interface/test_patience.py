"""Connections of clients that dawdle are cut off; those of clients that take their time are not."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from time import monotonic

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from app.interface.patience import MAX_HEAD_BYTES, patient

SECONDS = 1.0
SLACK = 10
LONG = 400_000
EARLY = "/e"  # is answered before its body has come
PIPELINED = 60  # long answers: more than the kernels keep for one connection

CHUNKED = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"

Address = tuple[str, int]


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body, thinks for as long as the path says, and answers at length."""
    while scope["path"] != EARLY and (await receive()).get("more_body"):
        pass
    await asyncio.sleep(float(scope["path"].strip("/e") or 0))
    body = b"x" * LONG
    came = str(len(scope["headers"])).encode()
    headers = [(b"content-length", str(len(body)).encode()), (b"x-came", came)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def address() -> AsyncIterator[Address]:
    config = uvicorn.Config(
        application,
        http=patient(SECONDS),
        lifespan="off",
        log_config=None,
        port=0,
        timeout_graceful_shutdown=1,  # an answer of a test that is over is not waited for
    )
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # who comes before it serves waits
        serving = asyncio.create_task(server._serve([listener]))
        yield listener.getsockname()
        server.should_exit = True
        await serving


async def lifetime(address: Address, *pieces: bytes, every: float = 0.1) -> float:
    """How long a connection lives that sends these pieces, and then the last one for ever."""
    reader, writer = await asyncio.open_connection(*address)
    began_at = monotonic()
    ended = asyncio.create_task(reader.read())
    for piece in pieces[:-1]:
        writer.write(piece)
    async with asyncio.timeout(SECONDS + SLACK):
        while not ended.done():
            writer.write(pieces[-1])
            await asyncio.wait([ended], timeout=every)
    with contextlib.suppress(ConnectionError):
        ended.result()
    writer.close()
    return monotonic() - began_at


async def test_who_sends_no_request_is_cut_off(address: Address) -> None:
    head = b"POST / HTTP/1.1\r\nHost: test\r\n"
    sized = head + b"Content-Length: 100000\r\n\r\n"
    assert await lifetime(address, b"") >= SECONDS
    assert await lifetime(address, head + b"X-Slow: ", b"x") >= SECONDS
    assert await lifetime(address, sized, b"x") >= SECONDS


async def test_who_takes_no_answer_is_cut_off(address: Address) -> None:
    loop, request = asyncio.get_running_loop(), b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.setblocking(False)
        await loop.sock_connect(slow, address)
        await loop.sock_sendall(slow, PIPELINED * request)
        async with asyncio.timeout(SECONDS + SLACK):
            with contextlib.suppress(ConnectionError):
                while not slow.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    await asyncio.sleep(0.1)
                    await loop.sock_recv(slow, 1)


async def test_who_is_slow_but_moves_is_served(address: Address) -> None:
    """A body at four times the pace that is asked for, for twice the time; then a slow answer."""
    reader, writer = await asyncio.open_connection(*address)
    pieces, size = 20, 400
    path = f"/{2 * SECONDS}".encode()
    length = str(pieces * size).encode()
    writer.write(
        b"POST " + path + b" HTTP/1.1\r\nHost: test\r\nContent-Length: " + length + b"\r\n\r\n"
    )
    for _ in range(pieces):
        writer.write(b"x" * size)
        await asyncio.sleep(2 * SECONDS / pieces)
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    while (await reader.readline()).strip():
        pass
    assert len(await reader.readexactly(LONG)) == LONG
    writer.close()


async def test_a_long_body_buys_no_hours(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came at once would else be worth a second for every thousand bytes of silence."""
    monkeypatch.setattr("app.interface.patience.LONGEST_BONUS", 1.0)
    head = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 8000000\r\n\r\n"
    lived = await lifetime(address, head + b"x" * 4_000_000, b"x")
    assert 2 * SECONDS <= lived < 2 * SECONDS + SLACK / 2


async def test_headers_without_end_are_refused(address: Address) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET / HTTP/1.1\r\nHost: test\r\n")
    line = b"X-Header: " + b"x" * 4_000 + b"\r\n"
    with contextlib.suppress(ConnectionError):
        for _ in range(8 * MAX_HEAD_BYTES // len(line)):
            writer.write(line)
            await writer.drain()
            await asyncio.sleep(0.001)
        assert (await reader.read(100)).startswith(b"HTTP/1.1 400")
    writer.close()


async def test_trailers_are_no_headers(address: Address) -> None:
    """Or a caller would choose what a proxy in front has said of them."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(CHUNKED + b"X-Forwarded-For: 203.0.113.77\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"x-came: 2" in head
    writer.close()


@pytest.mark.parametrize("piece", [b"X-T: " + b"a" * 500 + b"\r\n", b"a" * 500])
async def test_trailers_without_end_are_cut_off(address: Address, piece: bytes) -> None:
    head = CHUNKED.replace(b"POST /", b"POST /30") + b"X: "
    flood = piece * (2 * MAX_HEAD_BYTES // len(piece))
    assert await lifetime(address, head, flood) < 2 * SLACK


async def test_a_body_that_nobody_reads_is_not_taken_for_headers(address: Address) -> None:
    """Its answer went out early; the next request on the connection gets its own."""
    reader, writer = await asyncio.open_connection(*address)
    body = b"x" * (4 * MAX_HEAD_BYTES)
    head = b"POST " + EARLY.encode() + b" HTTP/1.1\r\nHost: test\r\nContent-Length: "
    writer.write(head + str(len(body)).encode() + b"\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    await reader.readexactly(LONG)
    writer.write(body + b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    writer.close()
