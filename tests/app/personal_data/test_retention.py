"""What is past its time goes by itself, and nothing else does."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, RefreshToken, Role
from app.bulk.kinds import ImportKind, ImportMode
from app.bulk.models import Import
from app.clock import now
from app.database import Base
from app.demands.models import Demand
from app.experts.models import Expert, ExpertState, RemovalCause
from app.matches.models import Match, MatchRun, StandingMatch, Trigger
from app.organizations.models import Organization, OrganizationState
from app.personal_data.retention import let_go
from app.progress.models import Operation, OperationState
from app.scopes import Scope, within
from app.settings import Settings
from tests.app.demands import forms as demands
from tests.app.experts.profiles import store
from tests.app.matches import scenes
from tests.people import YIWU, People

OLD = timedelta(days=3_000)
RECENT = timedelta(days=10)


async def age(session: AsyncSession, table: type[Base], by: timedelta, **columns: Any) -> None:
    """Put every row's times back."""
    await session.execute(update(table).values({n: now() - by for n in columns or ("updated_at",)}))
    await session.commit()


async def count(session: AsyncSession, table: type[Base]) -> int:
    found = await session.scalar(select(func.count()).select_from(table)) or 0
    await session.commit()
    return found


async def rows(session: AsyncSession) -> list[tuple[str, str]]:
    """The versions of all rows that a night may empty, as PostgreSQL keeps them."""
    found = await session.execute(
        text(
            "SELECT 'import', xmin::text FROM imports"
            " UNION ALL SELECT 'organization', xmin::text FROM organizations ORDER BY 1, 2"
        )
    )
    await session.commit()
    return [(row[0], row[1]) for row in found]


async def run(app: FastAPI, settings: Settings) -> None:
    await let_go(within(app.state.sessions, Scope.SERVICE), settings)


async def test_removed_experts_and_closed_accounts_are_erased(
    app: FastAPI, settings: Settings, people: People, session: AsyncSession
) -> None:
    await store(session, state=ExpertState.REMOVED, name="已出库者")
    await store(session, state=ExpertState.IN_POOL, name="在库者")
    closed = await people.account(Role.ENTERPRISE)
    closed.is_active = False
    await session.execute(update(Expert).values(name_pinyin=""))  # as of a name that has none
    await session.commit()
    for by, names in ((RECENT, ["在库者", "已出库者"]), (OLD, ["在库者", "已注销"])):
        await age(session, Expert, by)
        await age(session, Account, by)
        await run(app, settings)
        found = await session.scalars(select(Expert.name).order_by(Expert.name))
        assert sorted(found.all()) == sorted(names)
    await session.refresh(closed)
    assert closed.email.endswith("@erased.invalid")
    await run(app, settings)


async def test_a_name_or_an_address_makes_nobody_erased(
    app: FastAPI, settings: Settings, people: People, session: AsyncSession
) -> None:
    """Somebody may be called like those who were erased, and have an address at their domain."""
    expert = await store(session, state=ExpertState.REMOVED, name="已注销", introduction="仍有简介")
    account = await people.account(Role.ENTERPRISE)
    account.email, account.is_active = "somebody@erased.invalid", False
    await session.commit()
    for table in (Expert, Account):
        await age(session, table, OLD)
    await run(app, settings)
    for record in (expert, account):
        await session.refresh(record)
        assert record.erased_at is not None
    assert (expert.introduction, account.display_name) == ("", "已注销")
    assert account.email.endswith("@erased.invalid")
    assert not account.email.startswith(("somebody", account.id.hex))  # nobody can have taken it


@pytest.mark.own_database
async def test_who_cannot_be_erased_keeps_nobody_else(
    app: FastAPI, settings: Settings, people: People, session: AsyncSession
) -> None:
    """A contact under a key that is lost, say."""
    accounts = [await people.account(Role.ENTERPRISE) for _ in range(3)]
    experts = [await store(session, state=ExpertState.REMOVED, name=f"第{n}人") for n in range(3)]
    organization = await people.organization()
    await people.join(accounts[0], organization)
    demand = await demands.store(session, organization, contact_email="a@test.invalid")
    for account in accounts:
        account.is_active = False
    await session.execute(
        update(Demand).where(Demand.id == demand.id).values(contact_email_sealed="\x01ffffffffxyz")
    )
    for table in (Expert, Account):
        await age(session, table, OLD)
    others = f"CHECK (id <> '{experts[0].id}' OR name <> '已注销')"
    await session.execute(text(f"ALTER TABLE experts ADD CONSTRAINT one_stays {others}"))
    await session.commit()
    await run(app, settings)
    for records in (accounts, experts):
        for record in records:
            await session.refresh(record)
        assert [record.erased_at is None for record in records] == [True, False, False]


@pytest.mark.parametrize("cause", [*RemovalCause, None])
async def test_why_somebody_was_removed_stays_known(
    app: FastAPI,
    settings: Settings,
    people: People,
    session: AsyncSession,
    cause: RemovalCause | None,
) -> None:
    """Nobody asked for what the period brings."""
    expert = await store(session, state=ExpertState.REMOVED, removal_cause=cause)
    await age(session, Expert, OLD)
    await run(app, settings)
    await session.refresh(expert)
    assert (expert.name, expert.removal_cause) == ("已注销", cause)


async def test_no_profile_stays_with_an_account_that_is_erased(
    app: FastAPI, settings: Settings, people: People, session: AsyncSession
) -> None:
    """Its expert may come back with another account, and no table names the old one."""
    accounts = [await people.account(Role.EXPERT, region_code=YIWU) for _ in range(2)]
    pooled = await store(session, name="在库者", account_id=accounts[0].id)
    removed = await store(
        session, name="出库者", account_id=accounts[1].id, state=ExpertState.REMOVED
    )
    accounts[0].is_active = False
    await session.commit()
    await age(session, Account, OLD)
    await age(session, Expert, OLD)
    await run(app, settings)
    for expert in (pooled, removed):
        await session.refresh(expert)
        assert expert.account_id is None
    assert (pooled.name, removed.name) == ("在库者", "已注销")
    new, staff = await people.account(Role.EXPERT, region_code=YIWU), await people.coordinator()
    path, body = f"/experts/{pooled.id}", {"account_id": str(new.id)}
    assert "link-account" in (await staff.get(path)).json()["allowed_actions"]
    assert (await staff.post(f"{path}:link-account", json=body)).status_code == 200


async def test_runs_go_unless_somebody_was_judged_or_they_stand(
    app: FastAPI, settings: Settings, people: People, session: AsyncSession
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    judged, _ = await scenes.match(staff, demand.id), await scenes.match(staff, demand.id)
    await scenes.judge(staff, judged["matches"][0]["id"], "suitable")
    other = await scenes.demand(session, await people.organization())
    stands, unasked = [await scenes.match(staff, other.id) for _ in range(2)]
    await session.execute(
        update(MatchRun).where(MatchRun.id == unasked["id"]).values(trigger=Trigger.SCHEDULE)
    )
    checked = {"checked_at": now(), "index_version": "", "ranker_version": 0}
    session.add(StandingMatch(demand_id=other.id, run_id=UUID(stands["id"]), **checked))
    for days, left in ((10, 4), (200, 3)):
        made = text(f"UPDATE match_runs SET created_at = now() - interval '{days} days'")
        await session.execute(made)
        await session.commit()
        await run(app, settings)
        assert await count(session, MatchRun) == left
    await session.execute(text("UPDATE match_runs SET created_at = now() - interval '9 years'"))
    await session.commit()
    await run(app, settings)
    assert await count(session, MatchRun) == 2
    assert await count(session, Match) == len(judged["matches"]) + len(stands["matches"])


async def test_tokens_reports_and_contacts_go(
    app: FastAPI, settings: Settings, people: People, session: AsyncSession
) -> None:
    account = await people.account(Role.EXPERT)
    for expires_at in (now() - OLD, now() + OLD):
        token = RefreshToken(
            account_id=account.id,
            family_id=account.id,
            token_hash=str(expires_at).encode(),
            expires_at=expires_at,
        )
        session.add(token)
    ended = Operation(
        account_id=account.id, kind="run_import", state=OperationState.DONE, finished_at=now() - OLD
    )
    session.add(ended)
    session.add(
        Import(
            id=ended.id,
            account_id=account.id,
            kind=ImportKind.EXPERTS,
            filename="张三.xlsx",
            mode=ImportMode.PARTIAL,
            report=[{"row": 1}],
        )
    )
    unverified = await people.organization(state=OrganizationState.REJECTED)
    verified = await people.organization()
    unverified.contact_name = verified.contact_name = "周某"
    await session.commit()
    await age(session, Organization, OLD)
    await run(app, settings)
    assert await count(session, RefreshToken) == 1
    [kept] = (await session.execute(select(Import.report, Import.filename))).all()
    assert (kept.report, kept.filename) == ([], "")
    session.expire_all()
    found = await session.scalars(select(Organization).order_by(Organization.id))
    assert [organization.contact_name for organization in found] == ["", "周某"]
    await age(session, Organization, OLD)
    before = await rows(session)
    await run(app, settings)
    assert await rows(session) == before, "what is empty is not written every night"
