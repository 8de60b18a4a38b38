"""Bodies that are too large or too dense are refused before they are read."""

import json
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from app.accounts.models import Role
from app.settings import Settings
from tests.app.interface.problems import assert_problem, client_of, without_database
from tests.people import People, new_key

JSON, UPLOAD = "application/json", "multipart/form-data; boundary=x"
HEAD = b'--x\r\nContent-Disposition: form-data; name="kind"\r\n\r\n'


@pytest.mark.parametrize(
    ("content_type", "path", "limit"),
    [
        (JSON, "/experts", 2_000),
        ("application/merge-patch+json", "/experts", 2_000),
        ("nonsense", "/experts", 2_000),
        (UPLOAD, "/experts", 2_000),
        (JSON, "/experts:batch", 3_000),
        (UPLOAD, "/experts:batch", 3_000),
        (UPLOAD, "/imports", 4_000),
    ],
)
async def test_large_bodies(settings: Settings, content_type: str, path: str, limit: int) -> None:
    """Refused by what they announce, and as their bytes come; one byte less is read."""
    limits = {"max_json_bytes": 2_000, "max_batch_bytes": 3_000, "max_body_bytes": 4_000}
    app = without_database(settings.model_copy(update=limits))
    headers = {"Content-Type": content_type, "Accept-Language": "en"}

    body = HEAD.ljust(limit + 1)

    async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(body), 500):
            yield body[start : start + 500]

    async with client_of(app) as client:
        for content in (body, in_pieces(body)):
            answer = await client.post(path, content=content, headers=headers)
            problem = assert_problem(answer, 413, "payload_too_large")
            assert problem["detail"] == f"At most {limit} bytes"
        for content in (body[:-1], in_pieces(body[:-1])):
            answer = await client.post(path, content=content, headers=headers)
            assert answer.status_code != 413


LONG = json.dumps({"name": "x" * 64 * 1024}).encode()


async def test_strangers_send_little(app: FastAPI, client: AsyncClient, people: People) -> None:
    """Whether they announce it or not; whoever has a credential goes on, however it is new here."""

    async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(body), 5_000):
            yield body[start : start + 5_000]

    account = await people.account(Role.EXPERT)
    signed_in = await people.client(account)
    made = await new_key(signed_in)
    key, key_id = made["key"], made["id"]
    file = HEAD.ljust(len(LONG))
    for path in ("/auth:sign-in", "/experts", "/experts:batch", "/imports"):
        kind, body = (UPLOAD, file) if path == "/imports" else (JSON, LONG)
        for content in (body, in_pieces(body)):
            answer = await client.post(path, content=content, headers={"Content-Type": kind})
            problem = assert_problem(answer, 413, "payload_too_large")
            assert problem["detail"] == "不得超过 65536 字节"

    async def status(secret: str) -> int:
        headers = {"Content-Type": JSON, "Authorization": f"Bearer {secret}"}
        return (await client.post("/experts", content=in_pieces(LONG), headers=headers)).status_code

    assert await status(key) == 422, "the name is too long"
    assert await status(app.state.access_tokens.write(account.id)) == 422
    assert await status("sk_made-up") == await status("made.up.token") == 401
    revoked = await signed_in.delete(f"/api-keys/{key_id}")
    assert revoked.is_success, revoked.text
    assert await status(key) == 401


@pytest.mark.parametrize(
    ("path", "most"), [("/experts", 2_000 // 40), ("/experts:batch", 4_000 // 40)]
)
async def test_dense_bodies(settings: Settings, path: str, most: int) -> None:
    """Refused for their values, of whatever kind; with one part less they are read."""
    limits = {"max_json_bytes": 2_000, "max_batch_bytes": 4_000}
    app = without_database(settings.model_copy(update=limits))
    headers = {"Content-Type": JSON, "Accept-Language": "en"}
    async with client_of(app) as client:
        for begin, part, end in ((b"[", b"0,", b"0]"), (b"", b"[", b""), (b"", b'{"":', b"")):
            body = begin + part * (most - len(begin))
            answer = await client.post(path, content=body + b"[" + end, headers=headers)
            problem = assert_problem(answer, 413, "payload_too_large")
            assert problem["detail"] == f"At most {most} commas and opening brackets"
            answer = await client.post(path, content=body + end, headers=headers)
            assert answer.status_code != 413


async def test_files_may_be_dense(settings: Settings) -> None:
    app = without_database(settings.model_copy(update={"max_body_bytes": 4_000}))
    async with client_of(app) as client:
        content = HEAD + b"," * 3_000
        answer = await client.post("/imports", content=content, headers={"Content-Type": UPLOAD})
        assert answer.status_code != 413
