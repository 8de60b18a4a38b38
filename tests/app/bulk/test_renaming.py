"""An organization is renamed: experts and achievements linked to it bear the new name."""

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.achievements.models import Achievement
from app.bulk import repository
from app.changes.models import Change
from app.experts.models import Expert
from app.jobs import observed, queue
from app.organizations.models import Organization
from app.scopes import Sessions
from tests.app.bulk.files import CREDIT_CODE, counts, expert, imported, json_lines, organization
from tests.people import GUANGZHOU, People


async def linked(sessions: Sessions) -> None:
    """Experts of two regions and an achievement, all of 某大学; and one of another."""
    await imported(
        sessions,
        "organizations",
        json_lines(
            organization(name="某大学", unified_social_credit_code=CREDIT_CODE),
            organization(name="别的大学"),
        ),
    )
    experts = (
        expert(1),
        expert(2, region_code=GUANGZHOU),
        expert(3),
        expert(4, organization="别的大学"),
    )
    await imported(sessions, "experts", json_lines(*experts))
    achievement = {"name": "抗酸胶膜", "organization": "某大学"}
    await imported(sessions, "achievements", json_lines(achievement))


async def names(session: AsyncSession) -> list[str]:
    experts = await session.scalars(select(Expert.organization_name).order_by(Expert.external_id))
    achievements = await session.scalars(select(Achievement.organization_name))
    return [*experts, *achievements]


async def work(sessions: Sessions) -> None:
    """Do what is in the queue."""
    await queue.run_worker_async(
        wait=False,
        install_signal_handlers=False,
        additional_context={"sessions": sessions},
        worker_middleware=[observed],
    )


@pytest.fixture
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "RENAMED_AT_ONCE", 2)


@pytest.mark.usefixtures("few_at_once")
async def test_over_http_by_a_job(
    sessions: Sessions, session: AsyncSession, people: People
) -> None:
    await linked(sessions)
    staff = await people.coordinator()
    found = await session.scalar(select(Organization.id).where(Organization.name == "某大学"))
    renamed = await staff.patch(f"/organizations/{found}", json={"name": "新大学"})
    assert renamed.status_code == 200
    moments = select(Expert.updated_at).order_by(Expert.id)
    before = (await session.scalars(moments)).all()
    await work(sessions)
    assert (await session.scalars(moments)).all() == before, "whoever waits does so since then"
    assert await names(session) == ["新大学"] * 3 + ["别的大学", "新大学"]
    assert len((await staff.get("/experts", params={"text": "新大学"})).json()["items"]) == 2
    told = await session.scalars(select(Change.kind).where(Change.kind.endswith("renamed")))
    assert (
        sorted(told) == ["achievement.organization_renamed"] + ["expert.organization_renamed"] * 3
    )
    # By the new name a row without a number means the same person, whom nobody has edited.
    row = expert(1, organization="新大学", title="主任") | {"external_id": None}
    assert counts(await imported(sessions, "experts", json_lines(row))) == (0, 1, 0, 0)


async def test_by_a_file_too(sessions: Sessions, session: AsyncSession) -> None:
    await linked(sessions)
    row = organization(name="新大学", unified_social_credit_code=CREDIT_CODE)
    body = await imported(sessions, "organizations", json_lines(row))
    assert counts(body) == (0, 1, 0, 0)
    await work(sessions)
    assert await names(session) == ["新大学"] * 3 + ["别的大学", "新大学"]
