"""Whoever manages an account can become it, so nobody manages what reaches beyond their region."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, PasswordReset, Role
from app.accounts.repository import ask_for_reset
from app.experts.models import ExpertState
from app.organizations.models import Organization
from tests.app.experts.profiles import path_of, store
from tests.people import GUANGZHOU, JINHUA, YIWU, ZHEJIANG, People

STAFF = (None, ZHEJIANG, YIWU, GUANGZHOU)  # of the whole country, above, below, elsewhere
ABOVE_YIWU, BOTH = {None, ZHEJIANG, YIWU}, {None}
NOBODY = set[str | None]()


async def waiting(staff: AsyncClient, **query: str) -> set[str]:
    items = (await staff.get("/queue", params={"limit": 200, **query})).json()["items"]
    return {item["record_id"] for item in items if item["kind"] == "issue_password_reset"}


async def managing(people: People, session: AsyncSession, account: Account) -> set[str | None]:
    """Whose coordinators read the account, change it, are told of its wish and issue its code."""
    found = set[str | None]()
    for region in STAFF:
        await ask_for_reset(session, account.id)
        await session.commit()
        staff, path = await people.coordinator(region), f"/accounts/{account.id}"
        listed = (await staff.get("/accounts", params={"limit": 200})).json()["items"]
        signs = {
            (await staff.get(path)).status_code == 200,
            str(account.id) in {item["id"] for item in listed},
            (await staff.patch(path, json={"display_name": "改名"})).status_code == 200,
            str(account.id) in await waiting(staff),
            (await staff.post(f"{path}:issue-password-reset")).status_code == 200,
        }
        assert len(signs) == 1, region
        found |= {region} if signs == {True} else NOBODY
    return found


async def test_an_account_without_any_region_is_the_administrators(
    people: People, session: AsyncSession
) -> None:
    for role in (Role.EXPERT, Role.ENTERPRISE):
        account = await people.account(role)
        assert await managing(people, session, account) == NOBODY
        await ask_for_reset(session, account.id)
        await session.commit()
        administrator = await people.administrator()
        assert str(account.id) in await waiting(administrator)
        assert str(account.id) in await waiting(administrator, level="own")
        issued = await administrator.post(f"/accounts/{account.id}:issue-password-reset")
        assert issued.status_code == 200


@pytest.mark.parametrize(
    ("own", "of_profile", "expected"),
    [
        (None, YIWU, ABOVE_YIWU),
        (YIWU, None, ABOVE_YIWU),
        (YIWU, YIWU, ABOVE_YIWU),
        (JINHUA, YIWU, {None, ZHEJIANG}),
        (YIWU, GUANGZHOU, BOTH),
        (None, None, NOBODY),
    ],
)
async def test_a_profile_counts(
    people: People, session: AsyncSession, own: str | None, of_profile: str | None, expected: Any
) -> None:
    account = await people.account(Role.EXPERT, region_code=own)
    await store(session, region_code=of_profile, account_id=account.id)
    assert await managing(people, session, account) == expected


async def test_organizations_count_once_they_are_approved(
    people: People, session: AsyncSession
) -> None:
    """Who has registered by themself without a region is helped where they are a member."""
    account = await people.account(Role.ENTERPRISE)
    own, here = await people.client(account), await people.organization()
    asked = await own.post("/memberships", json={"organization_id": str(here.id)})
    assert asked.status_code == 201
    assert await managing(people, session, account) == NOBODY
    approved = await (await people.coordinator(YIWU)).post(
        f"/memberships/{asked.json()['id']}:approve"
    )
    assert approved.status_code == 200
    assert await managing(people, session, account) == ABOVE_YIWU
    there = await people.organization(region_code=GUANGZHOU)
    membership_id = await people.join(account, there)
    assert await managing(people, session, account) == BOTH
    revoked = await own.post(f"/memberships/{membership_id}:revoke")
    assert revoked.status_code == 200
    assert await managing(people, session, account) == ABOVE_YIWU


async def test_the_own_level_is_told_of_its_own(people: People, session: AsyncSession) -> None:
    account = await people.account(Role.EXPERT)
    await store(session, region_code=YIWU, account_id=account.id)
    session.add(PasswordReset(account_id=account.id))
    await session.commit()
    assert await waiting(await people.coordinator(YIWU), level="own") == {str(account.id)}
    assert await waiting(await people.coordinator(JINHUA), level="own") == NOBODY
    assert await waiting(await people.coordinator(JINHUA)) == {str(account.id)}
    assert await waiting(await people.administrator(), level="own") == NOBODY


async def test_nobody_draws_an_account_into_their_region(
    people: People, session: AsyncSession
) -> None:
    """By a membership, a profile, or a region for what has none."""
    staff, home = await people.coordinator(YIWU), await people.organization()
    account = await people.account(Role.EXPERT)
    named = {"organization_id": str(home.id), "account_id": str(account.id)}
    assert (await staff.post("/memberships", json=named)).status_code == 422
    bait = await store(session, name="空档案", state=ExpertState.DRAFT)
    link = await staff.post(f"{path_of(bait)}:link-account", json={"account_id": str(account.id)})
    assert link.status_code == 422

    profile = await store(session, region_code=None, account_id=account.id, state=ExpertState.DRAFT)
    moved = await staff.patch(path_of(profile), json={"region_code": YIWU})
    assert moved.json()["errors"][0]["code"] == "locked", moved.text
    nowhere = await people.organization()
    (await session.get_one(Organization, nowhere.id)).region_code = None
    await session.commit()
    await people.join(account, nowhere)
    moved = await staff.patch(f"/organizations/{nowhere.id}", json={"region_code": YIWU})
    assert moved.json()["errors"][0]["code"] == "locked", moved.text
    assert await managing(people, session, account) == NOBODY

    employer = await people.enterprise(nowhere)
    profile.organization_id = nowhere.id
    await session.commit()
    moved = await employer.patch(path_of(profile), json={"region_code": YIWU})
    assert moved.json()["errors"][0]["code"] == "locked", moved.text
    same = {"region_code": None, "title": "教授"}
    assert (await employer.patch(path_of(profile), json=same)).status_code == 200

    own = await people.client(account)
    assert (await own.patch(path_of(profile), json={"region_code": YIWU})).status_code == 200
    assert await managing(people, session, account) == ABOVE_YIWU
