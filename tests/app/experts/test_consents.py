"""Consent per purpose, and what follows from it."""

from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.changes.models import Change
from app.experts.consents import TEXT_VERSION
from app.experts.models import Consent, ConsentPurpose, Expert, ExpertState
from tests.app.experts.profiles import path_of, store
from tests.people import GUANGZHOU, People


def will(purpose: str, *, is_given: bool, text_version: str = TEXT_VERSION) -> dict[str, Any]:
    return {"purpose": purpose, "is_given": is_given, "text_version": text_version}


async def own(people: People, session: AsyncSession, **fields: Any) -> tuple[Any, Expert]:
    """An expert's client and their profile in the pool."""
    account = await people.account(Role.EXPERT)
    return await people.client(account), await store(session, account_id=account.id, **fields)


async def test_every_purpose_has_its_text(people: People) -> None:
    shown = (await (await people.expert()).get("/consent-purposes")).json()
    assert {item["purpose"] for item in shown} == set(ConsentPurpose)
    assert all(item["text"] and item["text_en"] for item in shown)


async def test_who_refuses_leaves_the_pool_and_comes_back_by_staff_alone(
    people: People, session: AsyncSession
) -> None:
    person, expert = await own(people, session)
    staff, path = await people.coordinator(), path_of(expert)
    refused = await person.post(f"{path}:declare-consent", json=will("matching", is_given=False))
    assert (refused.status_code, refused.json()["source"]) == (201, "online")
    assert (await staff.get(path)).json()["state"] == "suspended"
    assert (await staff.post(f"{path}:reinstate")).status_code == 409
    await person.post(f"{path}:declare-consent", json=will("matching", is_given=True))
    assert (await staff.get(path)).json()["state"] == "suspended"
    assert (await staff.post(f"{path}:reinstate")).json()["state"] == "in_pool"
    history = (await person.get(f"{path}/consents", params={"purpose": "matching"})).json()
    assert [item["is_given"] for item in history["items"]] == [True, False]
    told = await session.execute(select(Change.kind, Change.data).order_by(Change.id))
    assert [(kind, data.get("verb")) for kind, data in told] == [
        ("expert.consent_declared", None),
        ("expert.suspended", "suspend"),
        ("expert.consent_declared", None),
        ("expert.in_pool", "reinstate"),
    ]


async def test_a_refusal_keeps_whoever_is_under_review_out(
    people: People, session: AsyncSession
) -> None:
    person, expert = await own(people, session, state=ExpertState.RECOMMENDED)
    await person.post(f"{path_of(expert)}:declare-consent", json=will("matching", is_given=False))
    staff = await people.coordinator()
    assert (await staff.post(f"{path_of(expert)}:admit")).status_code == 409


async def test_the_database_keeps_refusals_out_of_the_pool(session: AsyncSession) -> None:
    with pytest.raises(IntegrityError, match="refusals_stay_out_of_the_pool"):
        await store(session, is_matching_refused=True)


async def test_staff_enter_what_is_in_writing(people: People, session: AsyncSession) -> None:
    expert = await store(session)
    body = will("external_encoding", is_given=True)
    path = f"{path_of(expert)}:declare-consent"
    declared = (await (await people.coordinator()).post(path, json=body)).json()
    assert (declared["source"], declared["is_given"]) == ("written", True)
    await session.refresh(expert)
    assert expert.is_external_encoding_allowed


async def test_nobody_else_declares_or_reads(people: People, session: AsyncSession) -> None:
    organization = await people.organization()
    expert = await store(session, organization_id=organization.id)
    path = path_of(expert)
    others = {
        "employer": (await people.enterprise(organization), 403),
        "evaluator": (await people.evaluator(), 403),
        "coordinator elsewhere": (await people.coordinator(GUANGZHOU), 403),
        "other expert": (await people.expert(), 404),
    }
    for name, (other, status) in others.items():
        body = will("matching", is_given=False)
        assert (await other.post(f"{path}:declare-consent", json=body)).status_code == status, name
        assert (await other.get(f"{path}/consents")).status_code == status, name
    assert await session.scalar(select(func.count()).select_from(Consent)) == 0


async def test_only_the_present_text_is_agreed_to(people: People, session: AsyncSession) -> None:
    person, expert = await own(people, session)
    body = will("matching", is_given=True, text_version="2001-01")
    answer = await person.post(f"{path_of(expert)}:declare-consent", json=body)
    assert answer.json()["errors"][0]["code"] == "outdated_text"
