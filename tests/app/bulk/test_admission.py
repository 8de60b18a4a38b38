"""What staff vouch for in a file goes into the pool, where it is complete."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.achievements.models import Achievement
from app.bulk import operations
from app.bulk.kinds import ImportKind, ImportMode
from app.bulk.operations import Upload
from app.changes.models import Change
from app.demands.models import Demand
from app.demands.workflow import UNDER_REVIEW
from app.experts.models import Expert
from app.organizations.actors import SERVICE
from app.scopes import Scope, Sessions, within
from tests.app.bulk.files import (
    codes,
    count_of,
    counts,
    demand,
    expert,
    imported,
    json_lines,
    run,
)
from tests.people import YIWU, People


async def test_what_is_missing_is_reported_and_staff_vouch_for_it(
    sessions: Sessions, session: AsyncSession
) -> None:
    rows = json_lines(expert(1), expert(2, title=""))
    body = await imported(sessions, "experts", rows, is_admitting=True)
    assert (counts(body), body.incomplete_count) == ((2, 0, 0, 0), 1)
    assert codes(body) == [(2, "title", "missing")]
    found = [(entry.outcome, entry.is_in_pool) for entry in body.report]
    assert found == [("noted", True), ("incomplete", True)]
    assert set(await session.scalars(select(Expert.state))) == {"in_pool"}


async def test_a_file_empties_nobody_in_the_pool(sessions: Sessions, session: AsyncSession) -> None:
    await imported(sessions, "experts", json_lines(expert()), is_admitting=True)
    row = expert(title="", disciplines=[], research_directions=["\u200b"])
    body = await imported(sessions, "experts", json_lines(row))
    assert counts(body) == (0, 0, 0, 1)
    assert {code for _, _, code in codes(body)} == {"missing"}
    assert await session.scalar(select(Expert.title)) == "教授"


async def test_what_breaks_a_limit_stays_a_draft_and_says_so(
    sessions: Sessions, session: AsyncSession
) -> None:
    rows = json_lines(demand(1), demand(2, problem="字" * 501))
    body = await imported(sessions, "demands", rows, is_admitting=True)
    assert (counts(body), codes(body)) == (
        (2, 0, 0, 0),
        [(1, "organization", "organization_entered"), (2, "problem", "too_long")],
    )
    found = await session.execute(select(Demand.state).order_by(Demand.external_id))
    assert list(found.scalars()) == ["published", "draft"]


async def test_the_same_file_may_admit_what_it_brought_before(sessions: Sessions) -> None:
    content = json_lines(expert())
    await imported(sessions, "experts", content)
    assert counts(await imported(sessions, "experts", content, is_admitting=True)) == (0, 1, 0, 0)
    assert counts(await imported(sessions, "experts", content, is_admitting=True)) == (0, 0, 1, 0)


@pytest.mark.parametrize(
    ("table", "row", "returned", "admitted"),
    [
        (Expert, expert(), "draft", "in_pool"),
        (Demand, demand(), "returned", "published"),
        (Achievement, {"name": "抗酸胶膜", "organization": "某研究院"}, "registered", "published"),
    ],
)
async def test_what_is_admitted_keeps_no_reason_of_its_return(
    sessions: Sessions,
    session: AsyncSession,
    table: type[Expert | Demand | Achievement],
    row: dict[str, Any],
    returned: str,
    admitted: str,
) -> None:
    content = json_lines(row)
    await imported(sessions, table.__tablename__, content)
    await session.execute(update(table).values(state=returned, state_reason="指标不清"))
    await session.commit()
    assert counts(await imported(sessions, table.__tablename__, content, is_admitting=True)) == (
        *(0, 1, 0, 0),
    )
    found = (await session.scalars(select(table))).one()
    assert isinstance(found, Expert | Demand | Achievement)
    assert (found.state, found.state_reason) == (admitted, "")
    if isinstance(found, Demand):
        assert found.submitted_at == found.published_at is not None
        assert found.public_summary == found.title


async def test_a_published_demand_is_corrected_and_keeps_a_public_text(
    sessions: Sessions, session: AsyncSession, people: People
) -> None:
    """Its title where it states none; what is under review stays as its reviewers read it."""
    staff = await people.coordinator()
    await imported(sessions, "demands", json_lines(demand()), is_admitting=True)
    for stated, summary in (
        ({"title": "深色黄变控制"}, "深色黄变控制"),
        ({"public_summary": "锦纶的黄变"}, "锦纶的黄变"),
        ({"title": "锦氨黄变控制", "public_summary": ""}, "锦氨黄变控制"),
        ({"public_summary": "锦氨的黄变", "title": "浅色"}, "锦氨的黄变"),
        ({"title": "深浅色"}, "锦氨的黄变"),
    ):
        body = await imported(sessions, "demands", json_lines(demand() | stated))
        assert counts(body) == (0, 1, 0, 0), codes(body)
        [shown] = (await staff.get("/demands")).json()["items"]
        assert (shown["public_summary"], shown["state"]) == (summary, "published")
        found = (await staff.get("/demands", params={"text": summary})).json()["items"]
        assert [one["id"] for one in found] == [shown["id"]]
    told = await session.scalars(select(Change.kind).where(Change.subject_id == UUID(shown["id"])))
    assert list(told).count("demand.updated") == 5
    for state in UNDER_REVIEW:
        await session.execute(update(Demand).values(state=state))
        await session.commit()
        body = await imported(sessions, "demands", json_lines(demand(title="别的")))
        assert codes(body) == [(1, "", "wrong_state")]


@pytest.mark.parametrize("role", [None, Role.COORDINATOR])
async def test_a_file_brings_nobody_back_who_was_erased_since_it_was_handed_in(
    sessions: Sessions, session: AsyncSession, people: People, role: Role | None
) -> None:
    await imported(sessions, "experts", json_lines(expert(1), expert(2)), is_admitting=True)
    [gone, other] = await session.scalars(select(Expert).order_by(Expert.external_id))
    content = json_lines(expert(1), expert(2, title="院长"))
    upload = Upload(
        kind=ImportKind.EXPERTS,
        filename="a.jsonl",
        content=content,
        mode=ImportMode.PARTIAL,
        is_admitting=True,
    )
    account = await people.account(role, region_code=YIWU) if role else None
    async with within(sessions, Scope.SERVICE).begin() as own:
        import_ = await operations.start(own, SERVICE, upload)
        import_.account_id = account.id if account else None
    elsewhere = await people.administrator()
    assert (await elsewhere.post(f"/experts/{gone.id}:erase")).status_code == 204
    await run(sessions, import_.id)
    async with within(sessions, Scope.SERVICE)() as own:
        body = await operations.get(own, SERVICE, import_.id)
    assert codes(body) == [(1, "", "erased_since")]
    await session.refresh(other)
    assert other.title == "院长"
    assert await count_of(session, Expert) == 2
    again = await imported(sessions, "experts", content)
    assert counts(again) == (1, 0, 1, 0)
