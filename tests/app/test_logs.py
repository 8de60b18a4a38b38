"""What the log tells, and that no personal data come into it by any way of failing."""

import asyncio
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from httpx import ASGITransport, AsyncClient
from pydantic import BaseModel
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncSession

from app import logs
from app.accounts.models import Account, Role
from app.database import SessionDep
from app.interface.observation import template_of
from app.jobs import defer, queue, work
from app.main import create_app
from app.scopes import Scope, open_scope
from app.scrubbing import Plain, message_of, safe
from app.settings import LogFormat, Settings
from tests.people import People

NAME, EMAIL, PHONE, ID_NUMBER = (
    "欧阳震华",
    "ouyang@personal.cn",
    "13912345678",
    "33078219700101123X",
)
LATIN = "Ouyang Zhenhua"
SECRETS = (NAME, EMAIL, PHONE, ID_NUMBER, LATIN, "ouyang", "震华", "ersonal")
EVERYTHING = f"{NAME} {LATIN} {EMAIL} {PHONE} {ID_NUMBER}"


@pytest.fixture
def log(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a process with these settings would write, as text that can be searched."""
    written, root = io.StringIO(), logging.getLogger()
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    before, level = list(root.handlers), root.level
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", written)
        logs.configure(settings.model_copy(update={"log_format": LogFormat.JSON}))
    yield written
    root.handlers, root.level = before, level
    logging.captureWarnings(False)
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


def lines(log: io.StringIO, event: str | None = None) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in log.getvalue().splitlines()]
    return [line for line in found if event is None or line["event"] == event]


def require_nothing_personal(log: io.StringIO) -> None:
    for secret in SECRETS:
        assert secret not in log.getvalue(), next(
            line for line in log.getvalue().splitlines() if secret in line
        )


async def test_a_request_is_told_with_ids_and_without_values(
    log: io.StringIO, people: People
) -> None:
    account = await people.account(Role.ADMINISTRATOR)
    client = await people.client(account)
    record = uuid4()
    answer = await client.get(f"/experts/{record}", params={"text": NAME})
    [line] = lines(log, "request")
    assert line["method"] == "GET"
    assert line["route"] == "/api/v1/experts/{expert_id}"
    assert line["status"] == 404
    assert line["duration_ms"] > 0
    assert line["account_id"] == str(account.id)
    assert line["expert_id"] == str(record)
    assert line["request_id"] == answer.headers["X-Request-ID"]
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")
    assert "client_address" not in line
    require_nothing_personal(log)


def test_every_route_has_its_template(application: FastAPI) -> None:
    contexts = list(iter_route_contexts(application.routes))
    templates = {template_of(context.original_route) for context in contexts}
    assert templates == {context.path_format for context in contexts}
    assert {"/openapi.json", "/livez", "/api/v1/me"} <= templates


async def test_paths_that_are_no_route_have_one_name(log: io.StringIO, client: AsyncClient) -> None:
    for path in (f"/{NAME}", f"/experts/{EMAIL}", f"/jobs/{PHONE}:retry"):
        await client.get(path)
    await client.request("BREW", "/experts")
    assert {line["route"] for line in lines(log, "request")} <= {
        "unmatched",
        "/api/v1/jobs/{job_id}:retry",
        "/api/v1/experts",
    }
    assert lines(log, "request")[-1]["method"] == "OTHER"
    require_nothing_personal(log)


async def test_probes_do_not_fill_the_log(log: io.StringIO, client: AsyncClient) -> None:
    await client.get("http://test/livez")
    assert lines(log) == []


async def test_the_clients_address_is_logged_on_request_only(
    log: io.StringIO, settings: Settings
) -> None:
    app = create_app(settings.model_copy(update={"log_client_address": True}))
    transport = ASGITransport(app=app, client=("192.0.2.7", 1))
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        await client.get("/nowhere")
    assert lines(log, "request")[0]["client_address"] == "192.0.2.7"


class Profile(BaseModel):
    age: int


@pytest.fixture
async def failing(app: FastAPI, settings: Settings) -> FastAPI:
    """An application that fails with personal data in hand, in every way."""
    probe = create_app(settings)
    probe.state.sessions = app.state.sessions

    @probe.post("/unexpected")
    async def unexpected() -> None:
        raise RuntimeError(f"no such person: {EVERYTHING}")

    @probe.post("/nested")
    async def nested() -> None:
        try:
            int(EVERYTHING)
        except ValueError as error:
            raise ExceptionGroup(EVERYTHING, [KeyError(EVERYTHING), error]) from error

    @probe.post("/invalid-inside")
    async def invalid_inside() -> None:
        Profile.model_validate({"age": EVERYTHING})

    @probe.post("/taken")
    async def taken(session: SessionDep) -> None:
        await open_scope(session, Scope.REGISTRATION)
        for _ in range(2):
            session.add(
                Account(
                    email=EMAIL, display_name=NAME, role=Role.EXPERT, password_hash="", is_active=1
                )
            )

    @probe.post("/broken-sql")
    async def broken_sql(session: SessionDep) -> None:
        await session.execute(text(f"SELECT CAST('{EVERYTHING}' AS int)"))

    @probe.post("/broken-parameter")
    async def broken_parameter(session: SessionDep) -> None:
        await session.execute(text("SELECT CAST(:value AS uuid)"), {"value": EVERYTHING})

    @probe.post("/lost-task")
    async def lost_task() -> None:
        async def fail(name: str) -> None:
            raise ValueError(name)

        task = asyncio.create_task(fail(EVERYTHING), name=EVERYTHING)
        await asyncio.sleep(0)
        del task

    @probe.post("/thread")
    async def thread() -> None:
        def fail() -> None:
            raise ValueError(EVERYTHING)

        started = threading.Thread(target=fail, name=EVERYTHING)
        started.start()
        started.join()

    @probe.post("/libraries")
    async def libraries() -> None:
        for name in (
            "uvicorn.error",
            "sqlalchemy.pool",
            "psycopg.pool",
            "alembic",
            "procrastinate",
        ):
            logging.getLogger(name).error(f"failed for {EVERYTHING}")
            logging.getLogger(name).error("failed for %s", EVERYTHING)
            logging.getLogger(name).error("%r", {"email": EMAIL}, exc_info=ValueError(EVERYTHING))
        warnings.warn(EVERYTHING, RuntimeWarning, stacklevel=1)

    @probe.post("/ours")
    async def ours() -> None:
        logger = logging.getLogger("app.somewhere")
        logger.warning("refused %s", ValueError(EVERYTHING))
        logger.warning("refused %s", f"{EMAIL} {PHONE} {ID_NUMBER}")
        logger.warning("refused %s", {"name": NAME})
        logs.events("app.somewhere").warning("refused", who=[NAME], why=ValueError(EVERYTHING))

    return probe


FAILURES = {
    "/unexpected": 500,
    "/nested": 500,
    "/invalid-inside": 500,
    "/taken": 409,
    "/broken-sql": 500,
    "/broken-parameter": 500,
    "/lost-task": 200,
    "/thread": 200,
    "/libraries": 200,
    "/ours": 200,
}


@pytest.mark.parametrize("path", FAILURES)
@pytest.mark.filterwarnings("default")
async def test_no_way_of_failing_tells_personal_data(
    log: io.StringIO, failing: FastAPI, path: str
) -> None:
    transport = ASGITransport(app=failing, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.post(
            path, params={"q": EVERYTHING}, json={"name": NAME}, headers={"X-Name": LATIN}
        )
    assert answer.status_code == FAILURES[path], answer.text
    await asyncio.sleep(0)
    told = [line for line in lines(log) if line["event"] != "request"]
    assert told, "a failure is told of"
    if path not in ("/thread", "/lost-task"):  # which outlive their request
        assert {line["request_id"] for line in told} == {answer.headers["X-Request-ID"]}
    require_nothing_personal(log)


async def test_a_failure_says_where_and_what_without_its_text(
    log: io.StringIO, failing: FastAPI
) -> None:
    transport = ASGITransport(app=failing, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        await client.post("/broken-parameter")
        await client.post("/unexpected")
    database, unexpected = [line for line in lines(log) if line["level"] == "error"]
    assert database["failure"][0]["type"] == "sqlalchemy.exc.DataError"
    assert database["failure"][1]["type"] == "psycopg.errors.InvalidTextRepresentation 22P02"
    assert unexpected["failure"][0]["type"] == "RuntimeError"
    assert unexpected["failure"][0]["frames"][-1].endswith(" unexpected")
    assert "tests/app/test_logs.py:" in unexpected["failure"][0]["frames"][-1]


def test_a_broken_constraint_is_named(log: io.StringIO, database: URL) -> None:
    address = database.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as connection:
        insert = "INSERT INTO regions (code, name, level) VALUES ('330782', %s, 'county')"
        with pytest.raises(psycopg.Error) as caught:
            connection.execute(insert, [NAME])
    logging.getLogger("app.somewhere").error("not stored", exc_info=caught.value)
    [line] = lines(log)
    assert line["failure"][0]["constraint_name"] == "pk_regions"
    assert line["failure"][0]["table_name"] == "regions"
    require_nothing_personal(log)


def test_the_last_words_of_a_process_are_logged(log: io.StringIO) -> None:
    error = ValueError(EVERYTHING)
    sys.excepthook(ValueError, error, None)
    [line] = lines(log)
    assert line["level"] == "critical"
    assert line["failure"] == [{"type": "ValueError", "frames": []}]


def test_a_library_is_heard_with_what_stands_in_its_source(log: io.StringIO) -> None:
    logger = logging.getLogger("somebody.elses")
    logger.warning("the disk is nearly full")
    logger.warning("%d connections, %s", 7, NAME)
    logger.warning("x" + str(uuid4()))
    logger.info("unheard")
    said = [line["event"] for line in lines(log)]
    assert said[:2] == ["the disk is nearly full", "7 connections, …"]
    assert said[2].startswith("tests/app/test_logs.py:")
    assert len(said) == 3


@queue.task(name="fail_in_test")
async def fail_in_test(name: str) -> None:
    logging.getLogger("app.somewhere").warning("about to fail")
    raise ValueError(name)


async def test_a_job_bears_its_ids_and_the_request_that_caused_it(
    log: io.StringIO, session: AsyncSession, database: URL
) -> None:
    with logs.bound(request_id="the-request"):
        job_id = await defer(session, "fail_in_test", name=EVERYTHING)
    await session.commit()
    running = asyncio.create_task(work(database, {}))
    try:
        async with asyncio.timeout(30):
            while not any(line["job_id"] == job_id for line in lines(log, "job")):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    told = [line for line in lines(log) if line.get("job_id") == job_id]
    assert {line["event"] for line in told} >= {"about to fail", "the job failed", "job"}
    assert {line["task"] for line in told} == {"fail_in_test"}
    assert {line["request_id"] for line in told} == {"the-request"}
    [ended] = [line for line in told if line["event"] == "job"]
    assert (ended["outcome"], ended["attempt"]) == ("failed", 1)
    require_nothing_personal(log)


def test_text_at_a_terminal(settings: Settings) -> None:
    def shown(format: LogFormat, *, is_terminal: bool) -> str:
        chosen = settings.model_copy(update={"log_format": format})
        record = logging.LogRecord("app.x", logging.ERROR, __file__, 1, "gone: %s", (7,), None)
        record.exc_info = (ValueError, ValueError(NAME), None)
        return logs.formatter(chosen, is_terminal=is_terminal).format(record)

    assert json.loads(shown(LogFormat.AUTO, is_terminal=False))["event"] == "gone: 7"
    assert json.loads(shown(LogFormat.JSON, is_terminal=True))["event"] == "gone: 7"
    for text_ in (
        shown(LogFormat.AUTO, is_terminal=True),
        shown(LogFormat.TEXT, is_terminal=False),
    ):
        assert "gone: 7" in text_
        assert "ValueError" in text_
        assert NAME not in text_
        assert not text_.startswith("{")


def test_ids_survive_and_addresses_do_not() -> None:
    record = UUID("0199f5c2-8a4e-7cc1-9d0b-3f1e6a7b2c4d")
    assert safe(record) == record
    assert safe(f"call {PHONE}") == "call …"
    assert safe(f"Key (email)=({EMAIL})") == "Key …"
    assert safe(b"bytes") == "…"
    anchor = "17:d7969353fd3c277000f6a10279d66484726dc72b"
    assert safe(Plain(anchor)) == anchor
    assert safe(anchor) != anchor, "seven digits in a row may be a telephone's"
    number = logging.LogRecord("app.x", logging.ERROR, __file__, 1, "%d", (NAME,), None)
    assert message_of(number) == "%d"


def test_what_is_plain_stays_whole_in_the_line(log: io.StringIO) -> None:
    """An anchor of the audit log is of use only in full, digits in a row or not."""
    anchor = "17:d7969353fd3c277000f6a10279d66484726dc72b"
    logging.getLogger("app.x").info("audit seal %s, call %s", Plain(anchor), PHONE)
    [line] = lines(log)
    assert line["event"] == f"audit seal {anchor}, call …"
