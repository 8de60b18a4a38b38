"""An import that is killed, cancelled, or whose sender is staff no more."""

import psycopg
import pytest
from sqlalchemy import URL, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.bulk import operations
from app.bulk.kinds import ImportKind, ImportMode
from app.bulk.models import Import
from app.bulk.operations import Upload
from app.experts.models import Expert, ExpertKind
from app.organizations.actors import SERVICE
from app.progress.models import Operation, OperationState
from app.scopes import Scope, Sessions, within
from tests.app.bulk.files import (
    codes,
    count_of,
    counts,
    expert,
    imported,
    json_lines,
    run,
    run_as,
)
from tests.people import YIWU, People


async def test_an_account_that_is_staff_no_more_imports_nothing(
    sessions: Sessions, session: AsyncSession, people: People
) -> None:
    account = await people.account(Role.COORDINATOR, region_code=YIWU)
    account.is_active = False
    await session.commit()
    assert await run_as(sessions, account.id, json_lines(expert())) is OperationState.FAILED
    assert await count_of(session, Expert) == 0


@pytest.mark.parametrize("mode", list(ImportMode))
async def test_a_killed_run_is_safe_to_repeat(
    sessions: Sessions, session: AsyncSession, mode: ImportMode
) -> None:
    upload = Upload(
        kind=ImportKind.EXPERTS,
        filename="a.jsonl",
        content=json_lines(*(expert(n) for n in range(450))),
        mode=mode,
    )
    async with within(sessions, Scope.SERVICE).begin() as own:
        import_id = (await operations.start(own, SERVICE, upload)).id

    class Killed(BaseException):
        pass

    def kill(done: int, total: int) -> None:
        if done >= 400:
            raise Killed

    with pytest.raises(Killed):
        await run(sessions, import_id, kill)
    state = await session.scalar(select(Operation.state).where(Operation.id == import_id))
    assert state is OperationState.RUNNING
    heard: list[tuple[int, int]] = []
    await run(sessions, import_id, lambda *step: heard.append(step))
    body = await operations.get(session, SERVICE, import_id)
    kept = 400 if mode is ImportMode.PARTIAL else 0
    assert counts(body) == (450 - kept, 0, kept, 0)
    assert heard == [(200, 450), (400, 450), (450, 450)]
    assert await count_of(session, Expert) == 450
    await run(sessions, import_id)  # finished: nothing happens
    assert (await operations.get(session, SERVICE, import_id)).finished_at == body.finished_at


@pytest.mark.parametrize("mode", list(ImportMode))
async def test_a_cancelled_run_keeps_what_its_mode_promises(
    sessions: Sessions, session: AsyncSession, database: URL, mode: ImportMode
) -> None:
    rows = [expert(n) for n in range(450)]
    rows[7] = {"external_id": "E7"}
    content = json_lines(*rows)
    upload = Upload(kind=ImportKind.EXPERTS, filename="a.jsonl", content=content, mode=mode)
    async with within(sessions, Scope.SERVICE).begin() as own:
        import_id = (await operations.start(own, SERVICE, upload)).id
    conninfo = database.set(drivername="postgresql").render_as_string(hide_password=False)

    def ask_to_stop(done: int, total: int) -> None:
        with psycopg.connect(conninfo) as other:
            other.execute("UPDATE operations SET cancel_requested_at = now()")

    await run(sessions, import_id, ask_to_stop)
    body = await operations.get(session, SERVICE, import_id)
    assert (body.state, body.row_count, body.read_count) == (OperationState.CANCELLED, 450, 400)
    kept = 399 if mode is ImportMode.PARTIAL else 0
    assert counts(body) == (kept, 0, 0, 1)
    assert await count_of(session, Expert) == kept
    assert {row for row, _, _ in codes(body)} == {8}
    assert await session.scalar(select(func.count()).where(Import.content_sealed.is_not(None))) == 0


async def test_the_file_is_forgotten_when_it_is_in(
    sessions: Sessions, session: AsyncSession
) -> None:
    await imported(sessions, "experts", json_lines(expert()))
    assert await session.scalar(select(func.count()).where(Import.content_sealed.is_not(None))) == 0


async def test_an_enum_of_a_sheet_is_an_enum_in_the_database(
    sessions: Sessions, session: AsyncSession
) -> None:
    await imported(sessions, "experts", json_lines(expert(kind="overseas_talent")))
    stored = await session.execute(update(Expert).values(yearly_capacity=1).returning(Expert.kind))
    assert stored.scalar_one() is ExpertKind.OVERSEAS_TALENT
