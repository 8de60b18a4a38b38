"""What is small to send and large to take: refused, and in bounded memory."""

import io
import json
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil

from tests.faults.conftest import Tally
from tests.faults.house import PATIENCE, House

MEGABYTE = 1 << 20
JSON_LIMIT, BATCH_LIMIT = 2 * MEGABYTE, 8 * MEGABYTE
ROOM = 700 * MEGABYTE  # that the worst of them may ask for, for a moment
REFUSED = (400, 413, 415, 422)
CREATE = "/api/v1/experts"
JSON = {"Content-Type": "application/json"}

CONTENT_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)
SHEET_HEAD = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
)


def test_bombs(house: House, few_rounds: int, tally: Tally) -> None:
    for _ in tally.each(few_rounds):
        before = house.running.serving()
        resident = sum(process.memory_info().rss for process in before)
        for process in before:
            _forget_peak(process)
        exploded = [name for name, status in thrown(house) if status not in REFUSED]
        assert not exploded
        peak = sum(map(_peak, before)) - resident
        print(f"memory rose by {peak // MEGABYTE} MB")
        assert peak < ROOM
        assert house.running.serving() == before
        assert house.http.get(CREATE).is_success
        tally.add(acknowledged=0)


def _forget_peak(process: psutil.Process) -> None:
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def _peak(process: psutil.Process) -> int:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


def thrown(house: House) -> Iterator[tuple[str, int]]:
    """Each bomb with the status of its answer."""
    http = house.http
    for name, content in workbooks():
        files = {"file": ("bomb.xlsx", content)}
        response = http.post("/api/v1/imports", data={"kind": "experts"}, files=files)
        yield name, response.status_code
    for name, body in bodies():
        yield name, http.post(CREATE, content=body, headers=JSON).status_code
    for name, body in batches():
        yield name, http.post(f"{CREATE}:batch", content=body, headers=JSON).status_code
    for name, lines in tables():
        files = {"file": ("bomb.csv", lines)}
        response = http.post("/api/v1/imports", data={"kind": "experts"}, files=files)
        yield name, response.status_code
    yield "announced", _announced(house)
    yield "headers without end", _endless_headers(house)


def workbooks() -> Iterator[tuple[str, bytes]]:
    cell = '<row r="1"><c r="A1" t="inlineStr"><is><t>'
    yield "one cell of a gigabyte", _workbook(SHEET_HEAD + cell, b"x" * MEGABYTE, 1024)
    row = b'<row><c t="inlineStr"><is><t>a</t></is></c></row>'
    yield "millions of rows", _workbook(SHEET_HEAD, row * (MEGABYTE // len(row)), 500)
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
    yield "a cell far away", _workbook(SHEET_HEAD + far, b"", 0)
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            for number in range(20_000):
                archive.writestr(f"xl/worksheets/sheet{number}.xml", "")
        yield "thousands of parts", file.getvalue()


def _workbook(head: str, filling: bytes, times: int) -> bytes:
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("[Content_Types].xml", CONTENT_TYPES)
            with archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
                sheet.write(head.encode())
                for _ in range(times):
                    sheet.write(filling)
        return file.getvalue()


def bodies() -> Iterator[tuple[str, bytes | Iterator[bytes]]]:
    limit = JSON_LIMIT - 100
    yield "too long", b'"' + b"x" * JSON_LIMIT + b'"'
    yield "too long, in chunks", (b" " * MEGABYTE for _ in range(21))
    yield "deep lists", b"[" * (limit // 2) + b"]" * (limit // 2)
    yield "deep objects", b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    yield "deep in a field", b'{"name":"x","evidence":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    yield "many small lists", b"[" + b"[]," * (limit // 3 - 2) + b"[]]"
    yield "many wrong items", b'{"name":"x","evidence":[' + b"{}," * (limit // 4) + b"{}]}"
    yield "a number of a million digits", b'{"name":"x","yearly_capacity":' + b"9" * MEGABYTE + b"}"
    yield "a number beyond all", b'{"name":"x","yearly_capacity":1e999999999}'
    yield "a long name of a field", b'{"name":"x","' + b"k" * MEGABYTE + b'":1}'
    many = {f"k{number}": 1 for number in range(100_000)}
    yield "many fields", json.dumps(many).encode()
    yield "compressed", b"\x1f\x8b\x08\x00" + b"\x00" * 1000


def batches() -> Iterator[tuple[str, bytes]]:
    small = b"[[[[]]]],"  # nothing takes more memory for its length
    yield "a batch of small lists", b'{"items":[' + small * (BATCH_LIMIT // 9 - 2) + b"[]]}"
    yield "a batch of wrong items", b'{"items":[' + b"{}," * (BATCH_LIMIT // 3 - 9) + b"{}]}"


def tables() -> Iterator[tuple[str, bytes]]:
    yield "a million columns", b"a," * 1_000_000 + b"\n" + b"1," * 1_000_000
    yield "a heading of megabytes", b"x" * (10 * MEGABYTE) + b"\n1\n"
    yield "a million rows", b"name\n" + b"a\n" * 1_000_000
    yield "an open quotation mark", b'name\n"' + b"a\n" * (8 * MEGABYTE // 2)


def _announced(house: House) -> int:
    """Ten gigabytes are announced, none is sent, and the answer is there already."""
    bearer = house.bearer()
    head = f"POST {CREATE} HTTP/1.1\r\nHost: test\r\nAuthorization: {bearer}\r\n"
    with _connected(house) as connection:
        connection.sendall(f"{head}Content-Length: {10 << 30}\r\n\r\n".encode())
        return _status(connection)


def _endless_headers(house: House) -> int:
    """A megabyte of them; by then the answer has come, or the connection is cut."""
    with _connected(house) as connection:
        try:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n")
            for number in range(1000):
                connection.sendall(f"X-Header-{number}: {'x' * 1000}\r\n".encode())
            return _status(connection)
        except ConnectionError:
            return 400


def _connected(house: House) -> socket.socket:
    url = httpx.URL(house.running.url)
    return socket.create_connection((url.host, url.port or 80), timeout=PATIENCE)


def _status(connection: socket.socket) -> int:
    return int(connection.recv(1000).split()[1])
