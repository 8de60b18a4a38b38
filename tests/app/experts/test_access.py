"""Who may see and touch which expert, route by route."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.changes.models import Change
from app.experts.consents import TEXT_VERSION
from app.experts.models import ExpertState
from app.interface.models import AuditEntry
from app.organizations.models import OrganizationState
from tests.app.experts.profiles import COMPLETE, enter, path_of, store
from tests.people import GUANGZHOU, YIWU, People

CONTACT = {"phone": "0579-85550100", "email": "zeng@test.invalid"}
EVIDENCE = {"kind": "patent", "title": "一种砖"}


async def test_list_agrees_with_reading_one_by_one(people: People, session: AsyncSession) -> None:
    organization = await people.organization()
    owner = await people.account(Role.EXPERT)
    experts = [
        await store(session, state=state, region_code=region)
        for state in (ExpertState.DRAFT, ExpertState.IN_POOL, ExpertState.SUSPENDED)
        for region in (YIWU, GUANGZHOU, None)
    ]
    experts += [
        await store(session, state=ExpertState.DRAFT, account_id=owner.id, region_code=GUANGZHOU),
        await store(session, state=ExpertState.DRAFT, organization_id=organization.id),
    ]
    readers = {
        "owner": (await people.client(owner), 1),
        "organization": (await people.enterprise(organization), 1),
        "other enterprise": (await people.enterprise(), 0),
        "other expert": (await people.expert(), 0),
        "coordinator": (await people.coordinator(YIWU), 3 + 3 + 2),
        "country's coordinator": (await people.coordinator(None), 11),
        "administrator": (await people.administrator(), 11),
        "evaluator": (await people.evaluator(), 3),
    }
    for name, (reader, count) in readers.items():
        listed = (await reader.get("/experts", params={"count": "exact"})).json()
        seen = {item["id"] for item in listed["items"]}
        assert len(seen) == listed["total"] == count, name
        for expert in experts:
            status = (await reader.get(path_of(expert))).status_code
            assert status == (200 if str(expert.id) in seen else 404), name


async def test_enterprise_never_reads_the_pool(people: People, session: AsyncSession) -> None:
    expert = await store(session)
    enterprise = await people.enterprise()
    assert (await enterprise.get("/experts")).json()["items"] == []
    found = await enterprise.get("/experts", params={"text": "曾小贤", "count": "exact"})
    assert found.json() == {"items": [], "next_cursor": None, "total": 0}
    assert (await enterprise.get(path_of(expert))).status_code == 404
    assert (await enterprise.get(f"{path_of(expert)}/contact")).status_code == 404


async def test_every_route_out_of_ones_reach(people: People, session: AsyncSession) -> None:
    """What one may read answers 403, what one may not is not there."""
    pooled, draft = await store(session), await store(session, state=ExpertState.DRAFT)
    someone = str((await people.account(Role.EXPERT)).id)
    routes: list[tuple[str, str, Any]] = [
        ("PATCH", "", {"title": "院长"}),
        ("PATCH", "", {}),
        ("POST", ":submit", None),
        ("POST", ":begin-review", None),
        ("POST", ":recommend", None),
        ("POST", ":return", {"reason": "x"}),
        ("POST", ":admit", None),
        ("POST", ":suspend", {"reason": "x"}),
        ("POST", ":reinstate", None),
        ("POST", ":remove", {"cause": "retired"}),
        ("POST", ":link-account", {"account_id": someone}),
        ("GET", "/contact", None),
        ("PUT", "/contact", CONTACT),
        ("POST", "/evidence", EVIDENCE),
        ("PATCH", f"/evidence/{someone}", {}),
        ("DELETE", f"/evidence/{someone}", None),
        ("POST", f"/evidence/{someone}:grade", {"grade": "verified"}),
    ]
    elsewhere = await people.coordinator(GUANGZHOU)
    for expert, status in ((pooled, 403), (draft, 404)):
        for method, part, body in routes:
            answer = await elsewhere.request(method, path_of(expert) + part, json=body)
            assert answer.status_code == status, (method, part, answer.text)
    for method, part, body in routes:
        stranger = await people.expert()
        answer = await stranger.request(method, path_of(pooled) + part, json=body)
        assert answer.status_code in (403, 404), (method, part)
    assert list(await session.scalars(select(Change.kind))) == []


async def test_who_may_enter_whom(people: People) -> None:
    organization, other = await people.organization(), await people.organization()
    enterprise = await people.enterprise(organization)
    bodies: list[tuple[Any, int]] = [
        ({}, 403),
        ({"organization_id": str(other.id)}, 403),
        ({"organization_id": str(organization.id)}, 201),
        ({"organization_id": "00000000-0000-7000-8000-000000000000"}, 422),
    ]
    for fields, status in bodies:
        answer = await enterprise.post("/experts", json=COMPLETE | fields)
        assert answer.status_code == status, answer.text
    staff = await people.coordinator(YIWU)
    for region, status in ((YIWU, 201), (None, 201), (GUANGZHOU, 403)):
        answer = await staff.post("/experts", json=COMPLETE | {"region_code": region})
        assert answer.status_code == status
    assert (await (await people.evaluator()).post("/experts", json=COMPLETE)).status_code == 403


async def test_one_profile_for_one_expert(people: People) -> None:
    own = await people.expert()
    mine = await enter(own)
    assert mine["account_id"] == (await own.get("/me")).json()["id"]
    assert (await own.post("/experts", json=COMPLETE)).status_code == 409


async def test_nobody_moves_a_profile_out_of_their_own_reach(people: People) -> None:
    staff = await people.coordinator(YIWU)
    path = f"/experts/{(await enter(staff))['id']}"
    assert (await staff.patch(path, json={"region_code": GUANGZHOU})).status_code == 403
    organization = await people.organization()
    unit = await people.enterprise(organization)
    path = f"/experts/{(await enter(unit, organization_id=str(organization.id)))['id']}"
    assert (await unit.patch(path, json={"organization_id": None})).status_code == 403


async def test_contacts_are_for_the_expert_and_staff_of_the_region(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    owner = await people.account(Role.EXPERT)
    expert = await store(session, account_id=owner.id, organization_id=organization.id)
    path = f"{path_of(expert)}/contact"
    own, staff = await people.client(owner), await people.coordinator(YIWU)
    empty = {"version": 1, "expert_id": str(expert.id), "phone": "", "email": ""}
    assert (await staff.get(path)).json() == empty
    assert (await own.put(path, json=CONTACT)).json()["phone"] == CONTACT["phone"]
    assert (await staff.get(path)).json()["email"] == CONTACT["email"]
    unit = await people.enterprise(organization)
    for reader in (unit, await people.evaluator(), await people.coordinator(GUANGZHOU)):
        answer = await reader.get(path)
        assert answer.status_code == 403
        assert CONTACT["phone"] not in answer.text
    for reader in (unit, await people.coordinator(GUANGZHOU)):
        assert (await reader.put(path, json=CONTACT)).status_code == 403
    for shown in (await staff.get(path_of(expert)), await staff.get("/experts")):
        assert CONTACT["phone"] not in shown.text
    assert (await staff.put(path, json={"phone": "1" * 41})).status_code == 422
    assert (await staff.put(path, json={"phone": "1\u0000"})).status_code == 422
    assert (await staff.put(path, json={"wechat": "x"})).status_code == 422


async def test_what_is_held_on_somebody_of_no_region_is_theirs_and_the_administrators(
    people: People,
) -> None:
    account = await people.account(Role.EXPERT)  # came through a provider, say
    own = await people.client(account)
    path = f"/experts/{(await enter(own, region_code=None, country='US'))['id']}"
    staff = await people.coordinator(YIWU)
    assert (await staff.get(path)).json()["region_code"] is None
    consent = {"purpose": "matching", "is_given": True, "text_version": TEXT_VERSION}
    for method, part, body in (
        ("GET", "/contact", None),
        ("PUT", "/contact", CONTACT),
        ("GET", "/personal-data", None),
        ("GET", "/consents", None),
        ("POST", ":declare-consent", consent),
        ("POST", ":erase", None),
    ):
        assert (await staff.request(method, path + part, json=body)).status_code == 403, part
        if part != ":erase":
            for client in (own, await people.administrator()):
                answer = await client.request(method, path + part, json=body)
                assert answer.is_success, (part, answer.text)
    assert (await (await people.administrator()).post(f"{path}:erase")).status_code == 204


async def test_a_profile_without_a_region_gets_that_of_whose_it_is(people: People) -> None:
    own = await people.client(await people.account(Role.EXPERT, region_code=YIWU))
    mine = await enter(own, region_code=None, country="US")
    assert mine["region_code"] == YIWU
    path = f"/experts/{mine['id']}"
    assert (await own.patch(path, json={"region_code": None})).json()["region_code"] == YIWU
    assert (await (await people.coordinator(GUANGZHOU)).get(path)).status_code == 404


async def test_every_reading_of_contacts_is_recorded(people: People, session: AsyncSession) -> None:
    expert = await store(session)
    account = await people.account(Role.COORDINATOR, region_code=YIWU)
    staff = await people.client(account)
    await staff.put(f"{path_of(expert)}/contact", json=CONTACT)
    for _ in range(2):
        await staff.get(f"{path_of(expert)}/contact")
    await (await people.evaluator()).get(f"{path_of(expert)}/contact")
    found = (await session.scalars(select(AuditEntry).order_by(AuditEntry.happened_at))).all()
    assert [(entry.action.split()[0], entry.status) for entry in found] == [
        ("PUT", 200),
        ("GET", 200),
        ("GET", 200),
        ("GET", 403),
    ]
    assert {entry.account_id for entry in found[:3]} == {account.id}
    assert all(entry.record_ids == [expert.id] for entry in found)


async def test_linking_an_account(people: People, session: AsyncSession) -> None:
    first, second = await store(session), await store(session, region_code=GUANGZHOU)
    account = await people.account(Role.EXPERT, region_code=YIWU)
    enterprise = await people.account(Role.ENTERPRISE, region_code=YIWU)
    staff, administrator = await people.coordinator(YIWU), await people.administrator()
    path = f"{path_of(first)}:link-account"
    for account_id in (enterprise.id, "00000000-0000-7000-8000-000000000000"):
        answer = await staff.post(path, json={"account_id": str(account_id)})
        assert answer.json()["errors"][0]["pointer"] == "/account_id"
    body = {"account_id": str(account.id)}
    own = await people.client(account)
    assert (await own.get(path_of(first))).status_code == 404
    assert (await staff.post(path, json=body)).json()["account_id"] == str(account.id)
    assert (await own.get(path_of(first))).status_code == 200
    taken = await administrator.post(f"{path_of(second)}:link-account", json=body)
    assert taken.status_code == 409


async def test_nobodys_profile_goes_to_somebody_else(people: People, session: AsyncSession) -> None:
    expert, staff = await store(session), await people.coordinator(YIWU)
    owner, other = [await people.account(Role.EXPERT, region_code=YIWU) for _ in range(2)]
    path = path_of(expert)
    assert "link-account" in (await staff.get(path)).json()["allowed_actions"]
    body = {"account_id": str(owner.id)}
    linked = (await staff.post(f"{path}:link-account", json=body)).json()
    assert "link-account" not in linked["allowed_actions"]
    body = {"account_id": str(other.id)}
    answer = await staff.post(f"{path}:link-account", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert (await staff.get(path)).json()["account_id"] == str(owner.id)


async def test_staff_who_are_only_members_do_not_link(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    expert = await store(session, organization_id=organization.id)
    account = await people.account(Role.COORDINATOR, region_code=GUANGZHOU)
    await people.join(account, organization)
    body = {"account_id": str((await people.account(Role.EXPERT)).id)}
    outsider = await people.client(account)
    answer = await outsider.post(f"{path_of(expert)}:link-account", json=body)
    assert answer.status_code == 403


async def test_a_suspended_expert_stays_under_the_staff_who_suspended(
    people: People, session: AsyncSession
) -> None:
    owner = await people.account(Role.EXPERT)
    expert = await store(session, state=ExpertState.SUSPENDED, account_id=owner.id)
    own, staff = await people.client(owner), await people.coordinator(YIWU)
    answer = await own.patch(path_of(expert), json={"region_code": GUANGZHOU})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "locked")
    assert (await staff.get(path_of(expert))).status_code == 200


async def test_staff_link_no_account_of_another_region(
    people: People, session: AsyncSession
) -> None:
    expert = await store(session)
    body = {"account_id": str((await people.account(Role.EXPERT, region_code=GUANGZHOU)).id)}
    path = f"{path_of(expert)}:link-account"
    answer = await (await people.coordinator(YIWU)).post(path, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/account_id")
    assert (await (await people.administrator()).post(path, json=body)).status_code == 200


async def test_a_hidden_organization_does_not_lend_its_name(people: People) -> None:
    hidden = await people.organization(state=OrganizationState.REGISTERED)
    own = await people.expert()
    path, body = f"/experts/{(await enter(own))['id']}", {"organization_id": str(hidden.id)}
    answer = await own.patch(path, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/organization_id")
    assert hidden.name not in answer.text
    staff = await people.coordinator(YIWU)
    assert (await staff.patch(path, json=body)).json()["organization_name"] == hidden.name
