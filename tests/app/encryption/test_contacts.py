"""Contacts lie sealed in the database and are read as before by those who may."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.bulk.demonstration.pool import load_demonstration
from app.bulk.kinds import ImportKind
from app.encryption.keys import MARK
from app.encryption.sealed import sealed_tables
from app.scopes import Sessions
from tests.app.bulk.files import demand, expert, imported, json_lines, organization
from tests.app.encryption.values import SEALED, stored
from tests.people import People

PHONE = "000-7654321"


def test_what_is_sealed() -> None:
    found = {sealed.table.name: sealed.columns for sealed in sealed_tables()}
    assert {name: found[name] for name in SEALED} == SEALED


async def test_an_organization(people: People, session: AsyncSession) -> None:
    staff = await people.coordinator()
    body = {"name": "义乌某厂", "region_code": "330782", "contact_phone": PHONE}
    made = (await staff.post("/organizations", json=body)).json()
    assert made["contact_phone"] == PHONE
    assert [value[:1] for value in await stored(session)] == [MARK]
    path = f"/organizations/{made['id']}"
    assert (await staff.get(path)).json()["contact_phone"] == PHONE
    changed = (
        await staff.patch(path, json={"contact_phone": "000-2", "contact_name": "傅"})
    ).json()
    assert (changed["contact_phone"], changed["contact_name"]) == ("000-2", "傅")
    emptied = (await staff.patch(path, json={"contact_phone": "", "contact_name": ""})).json()
    assert (emptied["contact_phone"], await stored(session)) == ("", [])


async def test_the_same_contact_again_is_not_sealed_anew(
    people: People, session: AsyncSession
) -> None:
    staff = await people.coordinator()
    body = {"name": "义乌某厂", "region_code": "330782", "contact_phone": PHONE}
    made = (await staff.post("/organizations", json=body)).json()
    before = await stored(session)
    await staff.patch(f"/organizations/{made['id']}", json={"contact_phone": PHONE})
    assert await stored(session) == before


async def test_answers_kept_for_repetitions_are_sealed(
    people: People, session: AsyncSession
) -> None:
    staff = await people.coordinator()
    body = {"name": "义乌某厂", "region_code": "330782", "contact_phone": PHONE}
    headers = {"Idempotency-Key": "k"}
    first, again = [await staff.post("/organizations", json=body, headers=headers) for _ in "12"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.content == first.content
    kept = await session.scalar(text("SELECT body FROM kept_answers"))
    assert kept is not None
    assert (kept[:1], PHONE.encode() in kept) == (MARK.encode(), False)


async def test_a_value_moved_to_another_record_does_not_open(
    people: People, session: AsyncSession
) -> None:
    staff = await people.coordinator()
    ids = []
    for name in ("义乌甲厂", "义乌乙厂"):
        body = {"name": name, "region_code": "330782", "contact_phone": PHONE + name}
        ids.append((await staff.post("/organizations", json=body)).json()["id"])
    await session.execute(
        text(
            "UPDATE organizations SET contact_phone ="
            " (SELECT contact_phone FROM organizations WHERE id = :source) WHERE id = :target"
        ),
        {"source": ids[0], "target": ids[1]},
    )
    await session.commit()
    answer = await staff.get(f"/organizations/{ids[1]}")
    assert (answer.status_code, PHONE in answer.text) == (500, False)
    assert (await staff.get(f"/organizations/{ids[0]}")).status_code == 200


async def test_imports_seal_what_they_write(
    sessions: Sessions, session: AsyncSession, people: People
) -> None:
    email = "a@test.invalid"
    contact: dict[str, Any] = {"contact_name": "傅", "contact_phone": PHONE}
    contact["contact_email"] = email
    await imported(sessions, ImportKind.ORGANIZATIONS, json_lines(organization(**contact)))
    await imported(sessions, ImportKind.DEMANDS, json_lines(demand(**contact)))
    for email in ("a@test.invalid", "b@test.invalid"):  # COPY writes the first, the ORM the second
        row = expert(phone=PHONE, email=email)
        await imported(sessions, ImportKind.EXPERTS, json_lines(row))
        values = await stored(session)
        assert [value[:1] for value in values] == [MARK] * 8
        assert not any(PHONE in value or email in value for value in values)
        [expert_id] = list(await session.scalars(text("SELECT id FROM experts")))
        administrator = await people.administrator()
        shown = (await administrator.get(f"/experts/{expert_id}/contact")).json()
        assert (shown["phone"], shown["email"]) == (PHONE, email)


async def test_the_demonstration_pool_is_sealed(sessions: Sessions, session: AsyncSession) -> None:
    await load_demonstration(sessions)
    values = await stored(session)
    assert len(values) > 100
    assert {value[:1] for value in values} == {MARK}
