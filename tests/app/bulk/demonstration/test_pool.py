"""The demonstration: every row is accepted, and a second time changes nothing."""

from httpx import AsyncClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account
from app.bulk.demonstration.pool import DATA, KINDS, PASSWORD, load_demonstration
from app.bulk.models import Import
from app.changes.models import Change
from app.demands.models import Demand
from app.experts.models import Expert
from app.organizations.models import Membership
from app.scopes import Sessions


async def test_it_loads_whole_and_only_once(sessions: Sessions, session: AsyncSession) -> None:
    await load_demonstration(sessions)
    imports = (await session.scalars(select(Import).order_by(Import.created_at))).all()
    lines = [len((DATA / f"{kind}.jsonl").read_text("utf-8").splitlines()) for kind in KINDS]
    assert [i.created_count for i in imports] == lines
    assert [(i.rejected_count, i.incomplete_count) for i in imports] == [(0, 0)] * len(KINDS)
    assert set(await session.scalars(select(Expert.state))) == {"in_pool"}
    assert set(await session.scalars(select(Demand.state))) == {"published"}
    record = func.split_part(Change.kind, ".", 1)
    ours = select(func.count()).where(record.not_in(["import", "operation"]))
    before = await session.scalar(ours)
    await load_demonstration(sessions)
    assert await session.scalar(ours) == before


async def test_progress_counts_the_rows_of_all_files(sessions: Sessions) -> None:
    heard: list[tuple[int, int]] = []
    await load_demonstration(sessions, lambda done, total: heard.append((done, total)))
    rows = sum(len((DATA / f"{kind}.jsonl").read_text("utf-8").splitlines()) for kind in KINDS)
    assert {total for _, total in heard} == {rows}
    assert [done for done, _ in heard] == sorted({done for done, _ in heard})
    assert heard[-1] == (rows, rows)


async def test_its_accounts_can_sign_in(
    sessions: Sessions, session: AsyncSession, client: AsyncClient
) -> None:
    await load_demonstration(sessions)
    emails = sorted(await session.scalars(select(Account.email)))
    names = ("administrator", "coordinator", "enterprise", "evaluator", "expert")
    assert emails == [f"{name}@demo.invalid" for name in names]
    for email in emails:
        body = {"email": email, "password": PASSWORD}
        assert (await client.post("/auth:sign-in", json=body)).status_code == 200
    assert await session.scalar(select(func.count()).select_from(Membership)) == 1
    linked = await session.scalar(
        select(Expert.account_id).where(Expert.external_id == "DEMO-E001")
    )
    assert linked is not None
