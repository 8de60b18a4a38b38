"""Profiles: what they accept, what a PATCH changes, and that no change is lost."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import StaleDataError

from app.accounts.models import Role
from app.experts import repository
from app.experts.models import Expert, ExpertState
from app.scopes import Scope, within
from tests.app.experts.profiles import COMPLETE, enter, path_of, store
from tests.people import GUANGZHOU, YIWU, People

# What every change moves.
STAMPS = ("updated_at", "version")
FULL: dict[str, Any] = COMPLETE | {
    "kind": "academician",
    "academy_division": "化学部",
    "elected_year": 2019,
    "is_retired": True,
    "specialities": ["针织"],
    "introduction": "长期研究。",
    "languages": ["zh", "en"],
    "country": "CN",
    "service_modes": ["consulting", "testing"],
    "yearly_capacity": 6,
    "reduced_capacity": 2,
    "reduced_until_on": "2026-12-31",
    "is_do_not_contact": True,
    "do_not_contact_until_on": "2027-03-01",
    "do_not_contact_reason": "封闭科研任务",
    "declared_conflicts": [
        {"organization_id": "0199f5c2-8a4e-7cc1-9d0b-3f1e6a7b2c4d", "kind": "co_owner"}
    ],
    "absences": [{"from_on": "2026-01-01", "until_on": "2026-02-01"}],
    "conflicting_organization_ids": ["0199f5c2-8a4e-7cc1-9d0b-3f1e6a7b2c4d"],
    "societies": ["中国纺织工程学会"],
    "orcid": "0000-0002-1825-0097",
}


@pytest.fixture
async def staff(people: People) -> AsyncClient:
    return await people.coordinator(YIWU)


async def test_everything_comes_back_as_it_was_given(staff: AsyncClient) -> None:
    evidence = [{"kind": "patent", "title": "砖", "grade": "documented"}]
    made = await enter(staff, **FULL, external_id="A-1", evidence=evidence)
    assert made | FULL == made
    assert made["external_id"] == "A-1"
    assert made["evidence"][0]["grade"] == "documented"
    read = (await staff.get(f"/experts/{made['id']}")).json()
    assert read == made
    patched = (await staff.patch(f"/experts/{made['id']}", json=FULL)).json()
    assert patched | FULL == patched
    assert {n: v for n, v in patched.items() if n not in STAMPS} == {
        n: v for n, v in made.items() if n not in STAMPS
    }


async def test_fields_are_bounded(staff: AsyncClient) -> None:
    path = f"/experts/{(await enter(staff))['id']}"
    absence = {"from_on": "2026-01-01", "until_on": "2026-02-01"}
    bound = FULL["declared_conflicts"][0]
    for fields, pointer in (
        ({"name": ""}, "/name"),
        ({"name": " "}, "/name"),
        ({"name": "名" * 101}, "/name"),
        ({"kind": "wizard"}, "/kind"),
        ({"title": "称" * 301}, "/title"),
        ({"academy_division": "部" * 301}, "/academy_division"),
        ({"organization_name": "校" * 301}, "/organization_name"),
        ({"introduction": "文" * 20_001}, "/introduction"),
        ({"introduction": "a\u0000"}, "/introduction"),
        ({"elected_year": 1899}, "/elected_year"),
        ({"elected_year": 2**63}, "/elected_year"),
        ({"disciplines": ["999"]}, "/disciplines/0"),
        ({"disciplines": ["540"] * 21}, "/disciplines"),
        ({"technology_fields": ["magic"]}, "/technology_fields/0"),
        ({"technology_fields": ["new_materials"] * 14}, "/technology_fields"),
        ({"research_directions": ["向"] * 51}, "/research_directions"),
        ({"research_directions": ["向", "向" * 301]}, "/research_directions/1"),
        ({"specialities": [""]}, "/specialities/0"),
        ({"societies": ["a\u0000"]}, "/societies/0"),
        ({"languages": ["chinese"]}, "/languages/0"),
        ({"region_code": "999999"}, "/region_code"),
        ({"country": "XX"}, "/country"),
        ({"service_modes": ["singing"]}, "/service_modes/0"),
        ({"service_modes": ["testing"] * 11}, "/service_modes"),
        ({"yearly_capacity": -1}, "/yearly_capacity"),
        ({"yearly_capacity": 366}, "/yearly_capacity"),
        ({"reduced_capacity": -1}, "/reduced_capacity"),
        ({"reduced_until_on": 1}, "/reduced_until_on"),
        ({"is_do_not_contact": 1}, "/is_do_not_contact"),
        ({"do_not_contact_reason": "因" * 501}, "/do_not_contact_reason"),
        ({"declared_conflicts": [bound] * 101}, "/declared_conflicts"),
        ({"declared_conflicts": [bound | {"kind": "friend"}]}, "/declared_conflicts/0/kind"),
        ({"absences": [absence] * 51}, "/absences"),
        ({"absences": [{"from_on": "2026-02-01", "until_on": "2026-01-01"}]}, "/absences/0"),
        ({"absences": [{"from_on": "2026-02-01"}]}, "/absences/0/until_on"),
        ({"conflicting_organization_ids": ["1"]}, "/conflicting_organization_ids/0"),
        ({"conflicting_organization_ids": [FULL["orcid"]] * 101}, "/conflicting_organization_ids"),
        ({"orcid": "0000-0002-1825-0098"}, "/orcid"),
        ({"orcid": "0000000218250097"}, "/orcid"),
        ({"organization_id": "00000000-0000-7000-8000-000000000000"}, "/organization_id"),
        ({"state": "in_pool"}, "/state"),
        ({"account_id": None}, "/account_id"),
        ({"id": "1"}, "/id"),
    ):
        for method, address in (("POST", "/experts"), ("PATCH", path)):
            answer = await staff.request(method, address, json=COMPLETE | fields)
            assert answer.status_code == 422, (fields, answer.text)
            assert pointer in {error["pointer"] for error in answer.json()["errors"]}, answer.text


async def test_evidence_and_external_id_are_bounded(staff: AsyncClient) -> None:
    item = {"kind": "patent", "title": "砖"}
    for fields, pointer in (
        ({"external_id": ""}, "/external_id"),
        ({"external_id": "x" * 101}, "/external_id"),
        ({"evidence": [item] * 501}, "/evidence"),
        ({"evidence": [item, item | {"grade": "verified"}]}, "/evidence/1/grade"),
    ):
        answer = await staff.post("/experts", json=COMPLETE | fields)
        assert answer.status_code == 422, fields
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    body = COMPLETE | {"external_id": "A-1"}
    assert (await staff.post("/experts", json=body)).status_code == 201
    assert (await staff.post("/experts", json=body)).status_code == 409


async def test_null_clears_or_is_refused(staff: AsyncClient) -> None:
    path = f"/experts/{(await enter(staff, **FULL))['id']}"
    nullable = {"elected_year", "country", "yearly_capacity", "orcid", "region_code"}
    nullable |= {"reduced_capacity", "reduced_until_on", "do_not_contact_until_on"}
    for name in FULL:
        answer = await staff.patch(path, json={name: None})
        if name in nullable:
            assert answer.status_code == 200, answer.text
            # Without a region the profile would be every region's: it is the staff's own.
            assert answer.json()[name] == (YIWU if name == "region_code" else None)
        else:
            assert answer.status_code == 422, name
            assert answer.json()["errors"][0]["pointer"] == f"/{name}"
    left = (await staff.get(path)).json()
    assert {name for name in FULL if left[name] is None} == nullable - {"region_code"}


async def test_patch_touches_only_what_it_names(staff: AsyncClient) -> None:
    made = await enter(staff, **FULL)
    changed = (await staff.patch(f"/experts/{made['id']}", json={"title": " 研究员 "})).json()
    assert changed["title"] == "研究员"
    touched = {"title", *STAMPS}
    assert {n: v for n, v in changed.items() if n not in touched} == {
        n: v for n, v in made.items() if n not in touched
    }
    assert changed["version"] == made["version"] + 1
    assert changed["updated_at"] > made["updated_at"]


async def test_an_employer_neither_sets_nor_reads_why_nobody_is_to_ask(
    people: People, session: AsyncSession
) -> None:
    """Nor do staff of elsewhere, who read the rest of the pool."""
    employer = await people.organization()
    peace = {"is_do_not_contact": True, "do_not_contact_reason": "住院"}
    account = await people.account(Role.EXPERT)
    stored = await store(
        session, organization_id=employer.id, account_id=account.id, state=ExpertState.IN_POOL
    )
    path, work = path_of(stored), await people.enterprise(employer)
    for name, value in peace.items():
        answer = await work.patch(path, json={name: value})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/{name}")
    assert (await work.patch(path, json={"is_do_not_contact": False})).status_code == 200
    assert (await enter(work, organization_id=str(employer.id)))["is_do_not_contact"] is False
    for client in (await people.client(account), await people.coordinator(YIWU)):
        assert (await client.patch(path, json=peace)).status_code == 200
        assert (await client.get(path)).json()["do_not_contact_reason"] == "住院"
    for client in (work, await people.coordinator(GUANGZHOU), await people.evaluator()):
        shown = (await client.get(path)).json()
        assert (shown["is_do_not_contact"], shown["do_not_contact_reason"]) == (True, "")


async def test_who_takes_fewer_says_how_many_and_until_when(
    session: AsyncSession, staff: AsyncClient
) -> None:
    stored = await store(session, state=ExpertState.IN_POOL)
    for half, lacking in (
        ({"reduced_capacity": 0}, "/reduced_until_on"),
        ({"reduced_until_on": "2026-12-31"}, "/reduced_capacity"),
    ):
        answer = await staff.patch(path_of(stored), json=half)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, lacking)
    both = {"reduced_capacity": 0, "reduced_until_on": "2026-12-31"}
    assert (await staff.patch(path_of(stored), json=both)).status_code == 200


async def test_organization_lends_its_name(people: People, staff: AsyncClient) -> None:
    organization = await people.organization("义乌甲公司")
    made = await enter(staff, organization_id=str(organization.id), organization_name="别名")
    assert made["organization_name"] == "义乌甲公司"


async def test_a_linked_profile_bears_its_organizations_name(
    people: People, staff: AsyncClient
) -> None:
    """A name of one's own ends the link, and with the link goes the name that it lent."""
    linked = {"organization_id": str((await people.organization("义乌甲公司")).id)}
    other = {"organization_id": str((await people.organization("义乌乙公司")).id)}
    path = f"/experts/{(await enter(staff, **linked))['id']}"
    none = {"organization_id": None}
    for sent, stored in (
        ({"organization_name": "义乌甲公司"}, linked | {"organization_name": "义乌甲公司"}),
        ({"organization_name": "丙大学"}, none | {"organization_name": "丙大学"}),
        (none, none | {"organization_name": "丙大学"}),
        (linked | {"organization_name": "丙大学"}, linked | {"organization_name": "义乌甲公司"}),
        (other, other | {"organization_name": "义乌乙公司"}),
        (none, none | {"organization_name": ""}),
        (linked, linked | {"organization_name": "义乌甲公司"}),
        (none | {"organization_name": "丁大学"}, none | {"organization_name": "丁大学"}),
    ):
        shown = (await staff.patch(path, json=sent)).json()
        assert {name: shown[name] for name in stored} == stored, sent
    found = (await staff.get("/experts", params={"text": "丁大学"})).json()["items"]
    assert len(found) == 1


async def test_parallel_patches_are_not_lost(staff: AsyncClient) -> None:
    path = f"/experts/{(await enter(staff))['id']}"
    changes: list[dict[str, Any]] = [
        {"title": "研究员"},
        {"specialities": ["针织"]},
        {"languages": ["de"]},
        {"yearly_capacity": 3},
        {"introduction": "新"},
    ]
    answers = await asyncio.gather(*(staff.patch(path, json=change) for change in changes))
    assert {answer.status_code for answer in answers} == {200}
    stored = (await staff.get(path)).json()
    for change in changes:
        assert stored | change == stored
    assert (await staff.get("/experts", params={"text": "针织"})).json()["items"]


async def test_parallel_evidence_is_not_lost(staff: AsyncClient) -> None:
    path = f"/experts/{(await enter(staff))['id']}"
    items = [{"kind": "patent", "title": title} for title in ("甲砖", "乙砖", "丙砖")]
    await asyncio.gather(*(staff.post(f"{path}/evidence", json=item) for item in items))
    stored = (await staff.get(path)).json()["evidence"]
    assert {item["title"] for item in stored} == {"甲砖", "乙砖", "丙砖"}
    for title in ("甲砖", "乙砖", "丙砖"):
        assert (await staff.get("/experts", params={"text": title})).json()["items"]


async def test_of_parallel_steps_one_is_taken(staff: AsyncClient) -> None:
    path = f"/experts/{(await enter(staff))['id']}"
    answers = await asyncio.gather(*(staff.post(f"{path}:submit") for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]


async def test_parallel_contacts_do_not_fail(staff: AsyncClient) -> None:
    path = f"/experts/{(await enter(staff))['id']}/contact"
    answers = await asyncio.gather(*(staff.put(path, json={"phone": str(n)}) for n in range(3)))
    assert {answer.status_code for answer in answers} == {200}


async def test_profiles_of_one_account_made_at_once(people: People) -> None:
    own = await people.expert()
    answers = await asyncio.gather(*(own.post("/experts", json=COMPLETE) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]


async def test_stale_write_fails_instead_of_winning(app: FastAPI, session: AsyncSession) -> None:
    """What read without a lock and writes later learns that it came too late."""
    expert = await store(session)
    sessions = within(app.state.sessions, Scope.SERVICE)
    async with sessions() as late, sessions() as early:
        read_late = await repository.find(late, expert.id)
        read_early = await repository.find(early, expert.id)
        assert read_late is not None
        assert read_early is not None
        read_early.title = "先"
        await early.commit()
        read_late.title = "后"
        with pytest.raises(StaleDataError):
            await late.commit()


async def test_stale_write_answers_changed_meanwhile(
    staff: AsyncClient, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a write inside a request is 409, not a fault."""
    expert = await store(session)
    found = repository.find

    async def find_without_lock(*args: Any, **options: Any) -> Expert | None:
        expert = await found(*args)
        await session.execute(update(Expert).values(version=Expert.version + 1))
        await session.commit()
        return expert

    monkeypatch.setattr(repository, "find", find_without_lock)
    answer = await staff.patch(path_of(expert), json={"title": "后"})
    assert (answer.status_code, answer.json()["code"]) == (409, "changed_meanwhile")
