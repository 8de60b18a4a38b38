"""Pages joined are the whole list, whatever the order, the size and what is inserted meanwhile."""

import base64
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx import AsyncClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncSession

from app.experts.models import ExpertState
from app.interface.errors import Invalid
from app.interface.pagination import Cursors
from tests.app.experts.profiles import store
from tests.people import GUANGZHOU, YIWU, People

SORTS = ("created_at", "-created_at", "name_pinyin", "-name_pinyin")
NAMES = ("张三", "李四", "曾五", "张三", "Hans", "O'Brien", "単")
START = datetime(2026, 1, 1, tzinfo=UTC)


async def read_all(client: AsyncClient, path: str, **params: Any) -> list[list[str]]:
    """The ids of every page."""
    pages: list[list[str]] = []
    while True:
        answer = await client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        pages.append([item["id"] for item in page["items"]])
        if page["next_cursor"] is None:
            return pages
        params["cursor"] = page["next_cursor"]


async def fill(session: AsyncSession, count: int, start: int = 0) -> None:
    """Experts with many equal names and equal times, so that ties must break by id."""
    for number in range(start, start + count):
        await store(
            session,
            name=NAMES[number % len(NAMES)],
            created_at=START + timedelta(microseconds=number // 5),
            region_code=(YIWU, GUANGZHOU)[number % 2],
            state=(ExpertState.IN_POOL, ExpertState.DRAFT)[number % 3 == 0],
        )


@pytest.fixture
async def staff(people: People, session: AsyncSession) -> AsyncClient:
    await fill(session, 30)
    return await people.coordinator(None)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    limit=st.integers(1, 35),
    sort=st.sampled_from(SORTS),
    filters=st.fixed_dictionaries(
        {},
        optional={
            "region_code": st.sampled_from([YIWU, "330000"]),
            "state": st.sampled_from(["in_pool", "draft"]),
            "text": st.sampled_from(["张三", "zhangsan", "zs", "hans"]),
        },
    ),
)
async def test_joined_pages_are_the_whole_list(
    staff: AsyncClient, limit: int, sort: str, filters: dict[str, str]
) -> None:
    [whole] = await read_all(staff, "/experts", limit=200, sort=sort, **filters)
    pages = await read_all(staff, "/experts", limit=limit, sort=sort, **filters)
    assert list(chain(*pages)) == whole
    assert len(set(whole)) == len(whole)
    assert all(len(page) == limit for page in pages[:-1])
    assert whole == [] or pages[-1] != []
    counted = await staff.get("/experts", params={"count": "exact", "limit": 1, **filters})
    assert counted.json()["total"] == len(whole)


@pytest.mark.parametrize("sort", SORTS)
async def test_order_and_its_reverse(staff: AsyncClient, sort: str) -> None:
    [listed] = await read_all(staff, "/experts", limit=200, sort=sort)
    opposite = sort[1:] if sort.startswith("-") else f"-{sort}"
    [reverse] = await read_all(staff, "/experts", limit=200, sort=opposite)
    assert listed == reverse[::-1]
    items = (await staff.get("/experts", params={"limit": 200, "sort": sort})).json()["items"]
    values = [(_key(item[sort.removeprefix("-")]), item["id"]) for item in items]
    assert values == sorted(values, reverse=sort.startswith("-"))


def _key(value: str) -> str:
    """Times are written without the microseconds that are 0."""
    return (
        datetime.fromisoformat(value).isoformat(timespec="microseconds")
        if value[:2] == "20"
        else value
    )


@pytest.mark.parametrize("sort", SORTS)
async def test_inserts_between_pages_disturb_nothing(
    staff: AsyncClient, session: AsyncSession, sort: str
) -> None:
    [before] = await read_all(staff, "/experts", limit=200, sort=sort)
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 7, "sort": sort}
    while True:
        page = (await staff.get("/experts", params=params)).json()
        seen += [item["id"] for item in page["items"]]
        await fill(session, 2, start=len(seen))
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert len(seen) == len(set(seen))
    assert [record for record in seen if record in set(before)] == before


async def test_cursors_of_others_are_refused(staff: AsyncClient) -> None:
    page = (await staff.get("/experts", params={"limit": 1})).json()
    cursor = page["next_cursor"]
    raw = base64.urlsafe_b64decode(cursor)
    forged = [
        "nonsense",
        "",
        "=" * 7,
        "游标",
        cursor[:-8],
        cursor[:20],
        base64.urlsafe_b64encode(raw[:16] + raw[16:].replace(b"2026", b"2025")).decode(),
        base64.urlsafe_b64encode(b"\x00" * 16 + raw[16:]).decode(),
        Cursors("another key").write("-created_at", START, uuid4()),
    ]
    for value in forged:
        answer = await staff.get("/experts", params={"cursor": value})
        assert answer.status_code == 422, value
        [error] = answer.json()["errors"]
        assert (error["pointer"], error["code"]) == ("cursor", "bad_cursor")
    other_sort = await staff.get("/experts", params={"cursor": cursor, "sort": "created_at"})
    assert other_sort.json()["errors"][0]["code"] == "bad_cursor"
    other_list = await staff.get("/demands", params={"cursor": cursor})
    assert other_list.json()["errors"][0]["code"] == "bad_cursor"
    long = await staff.get("/experts", params={"cursor": "A" * 501})
    assert long.json()["errors"][0]["code"] == "string_too_long"


async def test_parameters_are_bounded(staff: AsyncClient) -> None:
    for params in (
        {"limit": 0},
        {"limit": 201},
        {"limit": "many"},
        {"limit": 10**30},
        {"sort": "password_hash"},
        {"sort": "--created_at"},
        {"count": "guess"},
        {"offset": 3},
    ):
        answer = await staff.get("/experts", params=params)
        assert answer.status_code == 422, params
        assert [error["pointer"] for error in answer.json()["errors"]] == list(params)


@given(
    sort=st.sampled_from(SORTS),
    value=st.one_of(st.text(), st.integers(), st.dates(), st.datetimes(timezones=st.just(UTC))),
    record_id=st.uuids(),
)
def test_cursor_round_trip(sort: str, value: object, record_id: UUID) -> None:
    cursors = Cursors("key")
    text, found = cursors.read(cursors.write(sort, value, record_id), sort)
    assert found == record_id
    assert text == (value.isoformat() if isinstance(value, date) else str(value))


@given(st.text(max_size=200))
def test_any_text_is_refused_as_a_cursor(text: str) -> None:
    with pytest.raises(Invalid):
        Cursors("key").read(text, "created_at")
