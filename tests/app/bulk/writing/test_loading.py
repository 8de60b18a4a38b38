"""Rows that bring our own code to fail: each is refused by its number, the others are in."""

from typing import Any
from uuid import uuid4

import pytest

from app.bulk.kinds import ImportKind
from app.bulk.reading.parsing import NumberedRow, Parser
from app.bulk.reading.tables import Table, TableRow
from app.bulk.rows import ExpertRow
from app.bulk.writing.loading import Load, write_rows
from app.clock import now
from app.organizations.actors import SERVICE
from app.scopes import Scope, Sessions, within
from tests.app.bulk.files import expert

SECRET = "林若溪"


class Unreadable:
    def __str__(self) -> str:
        raise ValueError(SECRET)


async def test_a_row_that_cannot_be_written(
    sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [NumberedRow(number=n, row=ExpertRow(**expert(n))) for n in range(1, 8)]
    stated: dict[str, Any] = {"name": SECRET, "publications": [object()]}
    rows[4] = NumberedRow(number=5, row=ExpertRow.model_construct(**stated))
    load = Load(
        import_id=uuid4(),
        handed_in_at=now(),
        kind=ImportKind.EXPERTS,
        actor=SERVICE,
        is_admitting=False,
        is_overwriting=False,
    )
    async with within(sessions, Scope.SERVICE).begin() as session:
        results = await write_rows(session, load, rows)
    assert [(r.row, r.outcome) for r in results] == [
        (n, "rejected" if n == 5 else "created") for n in range(1, 8)
    ]
    [fault] = results[4].faults
    assert (fault.pointer, fault.code) == ("", "internal_error")
    assert SECRET not in "".join(fault.message)
    [record] = [record for record in caplog.records if record.exc_info]
    assert record.getMessage().startswith("row 5 ")


def test_a_row_that_cannot_be_read() -> None:
    cells: list[dict[str, object]] = [{"name": "甲"}, {"name": Unreadable()}, {"name": "乙"}]
    rows = (TableRow(number=n, values=values) for n, values in enumerate(cells, start=2))
    [chunk] = Parser(ImportKind.EXPERTS).chunks(Table(row_count=3, is_sheet=True, rows=rows))
    assert [row.number for row in chunk.rows] == [2, 4]
    [result] = chunk.results
    assert (result.row, [fault.code for fault in result.faults]) == (3, ["internal_error"])
