"""The organizations that rows name: which are meant, entered, linked, or let alone."""

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.bulk.kinds import ImportMode
from app.demands.models import Demand
from app.experts.models import Expert
from app.organizations.models import Organization, OrganizationState
from app.scopes import Sessions
from tests.app.bulk.files import (
    CREDIT_CODE,
    codes,
    count_of,
    counts,
    demand,
    expert,
    imported,
    json_lines,
    organization,
)
from tests.people import YIWU, People


async def test_only_known_and_verified_organizations_are_linked(
    sessions: Sessions, session: AsyncSession, people: People
) -> None:
    known = await people.organization("某大学")
    await people.organization("自称大学", state=OrganizationState.REGISTERED)
    names = ("某大学", "自称大学", "无名大学", "无名大学")
    rows = [expert(n, organization=name) for n, name in enumerate(names)]
    body = await imported(sessions, "experts", json_lines(*rows))
    told = [(entry.row, entry.field, entry.code) for entry in body.report]
    assert told == [(row, "organization", "organization_unknown") for row in (2, 3)]
    assert "自称大学" in body.report[0].message_zh
    found = await session.execute(
        select(Expert.organization_name, Expert.organization_id).order_by(Expert.external_id)
    )
    assert [tuple(row) for row in found] == [
        ("某大学", known.id),
        ("自称大学", None),
        ("无名大学", None),
        ("无名大学", None),
    ]


async def test_an_unknown_enterprise_is_registered_with_its_demand(
    sessions: Sessions, session: AsyncSession
) -> None:
    """It waits for its verification, and the report says so; a file of organizations admits it."""
    rows = json_lines(demand(1), demand(2))
    body = await imported(sessions, "demands", rows, is_admitting=True)
    assert (counts(body), body.incomplete_count) == ((2, 0, 0, 0), 0)
    assert codes(body) == [(1, "organization", "organization_entered")]
    assert {entry.outcome for entry in body.report} == {"noted"}
    owner = (await session.scalars(select(Organization))).one()
    assert (owner.name, owner.state, owner.region_code) == ("义乌某针织厂", "registered", YIWU)
    states = await session.scalars(select(Demand.state))
    assert list(states) == ["published", "published"]
    completed = organization(
        name="义乌某针织厂",
        unified_social_credit_code=CREDIT_CODE,
        contact_name="傅晓雯",
    )
    for is_admitting, expected in ((False, "registered"), (True, "verified")):
        body = await imported(
            sessions, "organizations", json_lines(completed), is_admitting=is_admitting
        )
        assert counts(body) == (0, 1, 0, 0)
        await session.refresh(owner)
        assert owner.state == expected
    assert await count_of(session, Organization) == 1
    assert codes(await imported(sessions, "demands", rows, is_admitting=True)) == []


async def test_an_unknown_enterprise_is_found_again_by_its_name(
    sessions: Sessions, session: AsyncSession, people: People
) -> None:
    """Its own second file makes no second one; one that registered itself is another's."""
    await people.organization("义乌某针织厂", state=OrganizationState.REGISTERED)
    unnumbered = {"external_id": None, "unified_social_credit_code": None}
    for number in (1, 2, 1):
        await imported(sessions, "demands", json_lines(demand(number, **unnumbered)))
    assert await count_of(session, Organization) == 2
    assert await count_of(session, Demand) == 2


@pytest.mark.parametrize("filler", ["无", "/", "甲"])
async def test_what_is_no_name_of_an_enterprise_is_its_rows_fault(
    sessions: Sessions, session: AsyncSession, filler: str
) -> None:
    unnumbered = demand(1, organization=filler, unified_social_credit_code=None)
    body = await imported(
        sessions, "demands", json_lines(unnumbered, demand(2)), mode=ImportMode.PARTIAL
    )
    assert (counts(body), codes(body)) == (
        (1, 0, 0, 1),
        [(1, "organization", "string_too_short"), (2, "organization", "organization_entered")],
    )
    assert await count_of(session, Organization) == 1


async def test_what_is_not_written_is_not_noted(sessions: Sessions, session: AsyncSession) -> None:
    rows = json_lines(demand(1), demand(2, keywords="锦纶"))
    body = await imported(sessions, "demands", rows)
    assert codes(body) == [(2, "keywords", "list_type")]
    assert await count_of(session, Organization) == 0


async def test_a_demand_is_known_by_title_and_organization(sessions: Sessions) -> None:
    row = demand(external_id=None)
    assert counts(await imported(sessions, "demands", json_lines(row))) == (1, 0, 0, 0)
    assert counts(await imported(sessions, "demands", json_lines(row))) == (0, 0, 1, 0)
    named = row | {"unified_social_credit_code": None, "budget": "60"}
    assert counts(await imported(sessions, "demands", json_lines(named))) == (0, 1, 0, 0)


async def test_an_import_does_not_move_a_demand_to_another_owner(
    sessions: Sessions, people: People
) -> None:
    await imported(sessions, "demands", json_lines(demand()))
    await people.organization("别的厂")
    stolen = demand(organization="别的厂", unified_social_credit_code=None)
    body = await imported(sessions, "demands", json_lines(stolen))
    assert codes(body) == [(1, "organization", "another_organization")]
