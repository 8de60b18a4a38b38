"""Whose rows an import writes: those of its sender's region, and of nothing that is hidden."""

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.bulk.models import Import
from app.experts.models import Expert
from app.progress.models import OperationState
from app.scopes import Sessions
from tests.app.bulk.files import (
    counts,
    expert,
    imported,
    json_lines,
    run_as,
)
from tests.people import YIWU, People


async def test_staff_import_within_their_region(
    sessions: Sessions, session: AsyncSession, people: People
) -> None:
    account = await people.account(Role.COORDINATOR, region_code=YIWU)
    await imported(sessions, "experts", json_lines(expert(1, region_code="440100")))
    rows = json_lines(
        expert(1), expert(2, region_code="440100"), expert(3), expert(4, region_code=None)
    )
    assert await run_as(sessions, account.id, rows) is OperationState.DONE
    found = await session.execute(
        select(Expert.external_id, Expert.region_code).order_by(Expert.external_id)
    )
    assert [tuple(row) for row in found] == [("E1", "440100"), ("E3", YIWU), ("E4", YIWU)]
    moved = json_lines(expert(3, region_code="440100"))
    assert await run_as(sessions, account.id, moved) is OperationState.DONE
    assert (
        await session.scalar(select(Expert.region_code).where(Expert.external_id == "E3")) == YIWU
    )


async def test_rows_that_mean_one_record_of_another_region_are_refused_and_no_more(
    sessions: Sessions, session: AsyncSession, people: People
) -> None:
    """One by its number, one by its name: the second one must not fail the whole file."""
    account = await people.account(Role.COORDINATOR, region_code=YIWU)
    open_to_all = json_lines(expert(1, region_code="440100"))
    await imported(sessions, "experts", open_to_all, is_admitting=True)
    by_name = expert(1, title="院长") | {"external_id": None}
    rows = json_lines(expert(1, title="副教授"), by_name, expert(2))
    assert await run_as(sessions, account.id, rows) is OperationState.DONE
    found = await session.execute(select(Expert.external_id, Expert.title).order_by(Expert.id))
    assert [tuple(row) for row in found] == [("E1", "教授"), ("E2", "教授")]


@pytest.mark.parametrize("count", [1, 2])
async def test_a_row_tells_of_no_record_that_is_hidden(
    sessions: Sessions, session: AsyncSession, people: People, count: int
) -> None:
    """One draft of another region was told as forbidden, several as ambiguous."""
    account = await people.account(Role.COORDINATOR, region_code=YIWU)
    named = {"name": "林若溪", "organization": "某大学"}
    hidden = [named | {"external_id": f"G{n}", "region_code": "440100"} for n in range(count)]
    assert counts(await imported(sessions, "experts", json_lines(*hidden)))[0] == count
    rows = json_lines(*(named | {"name": n, "region_code": YIWU} for n in ("林若溪", "无人")))
    assert await run_as(sessions, account.id, rows) is OperationState.DONE
    report = await session.scalar(select(Import.report).where(Import.account_id == account.id))
    told = [(entry["row"], entry["code"]) for entry in report or []]
    told.remove((1, "organization_unknown"))  # which is said once, and holds for both rows
    assert {code for row, code in told if row == 1} == {code for row, code in told if row == 2}
    made = await session.scalars(select(Expert.name).where(Expert.external_id.is_(None)))
    assert sorted(made) == sorted(["林若溪", "无人"])
