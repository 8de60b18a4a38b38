"""Thousands of bodies and files that are almost right: refused, or taken whole; never a 5xx."""

import io
import json
import random
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import Response
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.interface.examples import EXAMPLES_BY_SHAPE
from tests.app.bulk import files
from tests.faults.conftest import Tally
from tests.faults.garbage import FIXED_SEED, SCALARS, bodies, damaged, drawn, new_seed
from tests.people import People

JSON = "application/json"
MADE_BY = {
    "/api/v1/experts": "experts",
    "/api/v1/organizations": "organizations",
    "/api/v1/achievements": "achievements",
}
ROWS = {"experts": files.expert(), "demands": files.demand(), "organizations": files.organization()}
SHEET = "xl/worksheets/sheet1.xml"
# They end what the others need, cost the hash of a password each, or answer many at once.
LEFT_OUT = re.compile(r"/api/v1/(auth|me)(?![\w-])|.*:(register|batch)$")

NOBODYS = EXAMPLES_BY_SHAPE["uuid"]

File = tuple[str, str, bytes]  # kind, name, content


@pytest.fixture
def seed(rounds: int) -> int:
    return FIXED_SEED if rounds == 1 else new_seed()


async def test_malformed_bodies(
    app: FastAPI, people: People, session: AsyncSession, rounds: int, seed: int, tally: Tally
) -> None:
    """Of every other route that takes JSON; of those that make records as many again."""
    print(f"seed {seed}")
    tally.rounds = 1
    staff, made = await people.administrator(), Counter[str]()
    expert = (await staff.post("/experts", json={"name": "林若溪"})).json()["id"]
    before = await counted(session)
    for method, path, body in requests(app, 150 if rounds == 1 else 7_000, seed):
        address = re.sub(r"{(\w+)}", lambda m: expert if m[1] == "expert_id" else NOBODYS, path)
        url = f"http://test{address}"
        answer = await staff.request(method, url, content=body, headers={"Content-Type": JSON})
        require_plain_words(answer, body)
        if answer.status_code == 201 and path in MADE_BY:
            made[MADE_BY[path]] += 1
    after = await counted(session)
    assert {table: after[table] - before[table] for table in made} == made
    tally.add(acknowledged=made.total())


async def test_malformed_imports(
    app: FastAPI, people: People, session: AsyncSession, rounds: int, seed: int, tally: Tally
) -> None:
    """Refused at the door, or run to an end that says how many rows there are more."""
    print(f"seed {seed}")
    tally.rounds = 1
    staff, made = await people.administrator(), 0
    for kind, name, content in drawn(uploads(), 30 if rounds == 1 else 3_000, seed):
        before = await counted(session)
        answer = await staff.post("/imports", data={"kind": kind}, files={"file": (name, content)})
        require_plain_words(answer, content)
        if answer.is_success:
            import_id = answer.json()["id"]
            await files.run(app.state.sessions, UUID(import_id))
            found = (await staff.get(f"/imports/{import_id}")).json()
            assert found["state"] in ("done", "failed"), content
            after = await counted(session)
            assert after[kind] - before[kind] == found["created_count"], content
            made += found["created_count"]
        else:
            assert await counted(session) == before, content
    tally.add(acknowledged=made)


async def counted(session: AsyncSession) -> dict[str, int]:
    """Rows of the tables that records are in."""
    tables = ("experts", "evidence", "organizations", "achievements", "demands", "imports")
    columns = ", ".join(f"(SELECT count(*) FROM {table}) AS {table}" for table in tables)
    found = (await session.execute(text(f"SELECT {columns}"))).one()._asdict()
    await session.commit()
    return found


def requests(app: FastAPI, count: int, seed: int) -> list[tuple[str, str, bytes]]:
    """Method, path and body, shuffled."""
    routes = list(documented(app))
    routes += [route for route in routes if route[1] in MADE_BY] * 8
    found = []
    for number, (method, path, example) in enumerate(routes):
        some = drawn(bodies(example), max(1, count // len(routes)), seed + number)
        found += [(method, path, body) for body in some]
    random.Random(seed).shuffle(found)
    return found


def documented(app: FastAPI) -> Iterator[tuple[str, str, Any]]:
    """What the documentation says to send where, but for records that nobody has."""
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get(JSON)
            if content and not LEFT_OUT.match(path):
                example = content["example"]
                yield method.upper(), path, {k: v for k, v in example.items() if v != NOBODYS}


def require_plain_words(answer: Response, content: bytes) -> None:
    assert answer.status_code < 500, (answer.request.url, content, answer.text)
    if answer.is_error:
        assert answer.headers["content-type"] == "application/problem+json", content
        assert answer.json()["code"], content


@st.composite
def uploads(draw: st.DrawFn) -> File:
    """A file of a few rows, in any of the formats, with faults in the rows or in the file."""
    kind = draw(st.sampled_from(sorted(ROWS)))
    row = ROWS[kind]
    form = draw(st.sampled_from(["jsonl", "csv", "xlsx"]))
    if form == "jsonl":
        lines = [json.dumps(row).encode(), *draw(st.lists(bodies(row), max_size=3))]
        return kind, "a.jsonl", b"\n".join(lines)
    table = [list(row), *draw(st.lists(_cells(row), min_size=1, max_size=3))]
    if form == "csv":
        content = files.csv_file(*table, errors="surrogatepass").replace(b"\0", b"")
        return kind, "a.csv", draw(damaged(content))
    return kind, "a.xlsx", draw(_workbooks(table))


@st.composite
def _cells(draw: st.DrawFn, row: dict[str, Any]) -> list[Any]:
    """A row of a sheet, one or two of whose cells are others."""
    cells = [str(value) if isinstance(value, list | dict) else value for value in row.values()]
    for _ in range(draw(st.integers(0, 2))):
        cells[draw(st.integers(0, len(cells) - 1))] = draw(SCALARS)
    return cells


def _written(cell: Any) -> Any:
    """What XML can hold of it; the sheet's bytes are damaged later."""
    if cell is None or isinstance(cell, bool):
        return cell
    return str(cell)[:30_000].encode(errors="replace").decode()


@st.composite
def _workbooks(draw: st.DrawFn, table: list[list[Any]]) -> bytes:
    """A workbook whose archive, or the sheet in it, may be damaged."""
    content = files.workbook(*([_written(cell) for cell in row] for row in table))
    if draw(st.booleans()):
        return draw(damaged(content))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = archive.read(SHEET)
    return files.with_part(content, SHEET, draw(damaged(sheet)))
