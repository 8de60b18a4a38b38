"""Memberships: asked for, approved by the region's staff, revoked at once."""

import asyncio

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, Role
from app.organizations.models import Organization, OrganizationState
from tests.people import GUANGZHOU, YIWU, People


async def ask(client: AsyncClient, organization: Organization) -> str:
    body = {"organization_id": str(organization.id)}
    answer = await client.post("/memberships", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["state"] == "requested"
    membership_id: str = answer.json()["id"]
    return membership_id


async def draft_status(client: AsyncClient, organization: Organization) -> int:
    """Whether the client may act for the organization."""
    body = {"name": "某人", "organization_id": str(organization.id)}
    return (await client.post("/experts", json=body)).status_code


async def test_approval_gives_rights_and_revocation_takes_them_at_once(people: People) -> None:
    organization = await people.organization()
    account = await people.account(Role.ENTERPRISE)
    own, staff = await people.client(account), await people.coordinator(YIWU)
    membership = await ask(own, organization)
    assert await draft_status(own, organization) == 403
    approved = await staff.post(f"/memberships/{membership}:approve")
    assert approved.status_code == 200
    tag = (await staff.get(f"/memberships/{membership}")).headers["ETag"]
    assert approved.headers["ETag"] == tag
    assert await draft_status(own, organization) == 201
    revoked = await staff.post(f"/memberships/{membership}:revoke")
    assert revoked.json()["allowed_actions"] == []
    tag = (await staff.get(f"/memberships/{membership}")).headers["ETag"]
    assert revoked.headers["ETag"] == tag
    assert await draft_status(own, organization) == 403
    assert (await own.post(f"/memberships/{membership}:approve")).status_code == 403
    assert (await staff.post(f"/memberships/{membership}:approve")).status_code == 409
    assert await ask(own, organization) == membership
    assert await draft_status(own, organization) == 403
    assert (await staff.post(f"/memberships/{membership}:approve")).status_code == 200
    assert await draft_status(own, organization) == 201


async def test_who_has_left_is_asked_back_only_by_who_manages_them(people: People) -> None:
    """Approving a request that was withdrawn would draw the account to the staff."""
    organization, staff = await people.organization(), await people.coordinator(YIWU)
    for region_code, expected in ((None, 422), (GUANGZHOU, 422), (YIWU, 201)):
        account = await people.account(Role.ENTERPRISE, region_code=region_code)
        own = await people.client(account)
        membership = await ask(own, organization)
        assert (await own.post(f"/memberships/{membership}:revoke")).status_code == 200
        taken = {
            "atomic": False,
            "items": [{"action": "approve", "id": membership}],
        }
        [item] = (await staff.post("/memberships:batch", json=taken)).json()["results"]
        assert item["status"] == 409, item
        assert (await staff.post(f"/memberships/{membership}:approve")).status_code == 409
        named = {"organization_id": str(organization.id), "account_id": str(account.id)}
        answer = await staff.post("/memberships", json=named)
        assert answer.status_code == expected, region_code
        shown = (await own.get(f"/memberships/{membership}")).json()
        assert shown["state"] == ("requested" if expected == 201 else "revoked")


async def test_one_asks_again_once_and_as_a_new_wish(people: People) -> None:
    organization = await people.organization()
    own = await people.client(await people.account(Role.ENTERPRISE))
    membership = await ask(own, organization)
    await own.post(f"/memberships/{membership}:revoke")
    body = {"organization_id": str(organization.id)}
    answers = await asyncio.gather(*(own.post("/memberships", json=body) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    await own.post(f"/memberships/{membership}:revoke")
    for _ in range(5):
        await ask(own, await people.organization())
    assert (await own.post("/memberships", json=body)).status_code == 409


async def test_member_leaves_but_nobody_throws_a_colleague_out(people: People) -> None:
    organization = await people.organization()
    accounts = [await people.account(Role.ENTERPRISE) for _ in range(2)]
    [leaver, colleague] = [await people.join(account, organization) for account in accounts]
    own = await people.client(accounts[0])
    assert (await own.get(f"/memberships/{colleague}")).status_code == 200
    assert (await own.post(f"/memberships/{colleague}:revoke")).status_code == 403
    assert (await own.post(f"/memberships/{leaver}:revoke")).json()["state"] == "revoked"
    assert (await own.post(f"/memberships/{leaver}:revoke")).status_code == 409
    assert (await own.get(f"/memberships/{colleague}")).status_code == 404


async def test_one_asks_once(people: People) -> None:
    organization = await people.organization()
    own = await people.client(await people.account(Role.ENTERPRISE))
    body = {"organization_id": str(organization.id)}
    answers = await asyncio.gather(*(own.post("/memberships", json=body) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert (await own.post("/memberships", json=body)).status_code == 409


async def test_few_requests_of_one_account_wait_for_the_staff(people: People) -> None:
    """Also where they come at once: a stranger would fill the queue of every region."""
    organizations = [await people.organization() for _ in range(8)]
    account = await people.account(Role.ENTERPRISE, region_code=YIWU)
    own = await people.client(account)
    bodies = [{"organization_id": str(organization.id)} for organization in organizations]
    answers = await asyncio.gather(*(own.post("/memberships", json=body) for body in bodies))
    made = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [409] * 3
    left = next(b for b, a in zip(bodies, answers, strict=True) if a.status_code == 409)
    staff = await people.coordinator(YIWU)
    named = await staff.post("/memberships", json=left | {"account_id": str(account.id)})
    assert named.status_code == 201, "the staff's own wish waits for nobody"
    for membership, client, verb in zip(made[:2], (staff, own), ("approve", "revoke"), strict=True):
        assert (await client.post(f"/memberships/{membership}:{verb}")).status_code == 200
    bodies = [body for body, answer in zip(bodies, answers, strict=True) if answer.is_error]
    again = [(await own.post("/memberships", json=body)).status_code for body in bodies[1:]]
    assert again == [201, 409]


async def test_one_asks_only_for_oneself(people: People) -> None:
    organization = await people.organization()
    other = await people.account(Role.ENTERPRISE, region_code=YIWU)
    own = await people.client(await people.account(Role.ENTERPRISE))
    body = {"organization_id": str(organization.id), "account_id": str(other.id)}
    assert (await own.post("/memberships", json=body)).status_code == 403
    staff = await people.coordinator(YIWU)
    named = await staff.post("/memberships", json=body)
    assert (named.status_code, named.json()["account_id"]) == (201, str(other.id))
    elsewhere = await people.coordinator(GUANGZHOU)
    body["account_id"] = str((await people.account(Role.EXPERT)).id)
    assert (await elsewhere.post("/memberships", json=body)).status_code == 404
    body["account_id"] = "00000000-0000-7000-8000-000000000000"
    unknown = await staff.post("/memberships", json=body)
    assert unknown.json()["errors"][0]["pointer"] == "/account_id"


async def test_hidden_organizations_cannot_be_asked_for(people: People) -> None:
    hidden = await people.organization(state=OrganizationState.REGISTERED)
    own = await people.client(await people.account(Role.ENTERPRISE))
    body = {"organization_id": str(hidden.id)}
    assert (await own.post("/memberships", json=body)).status_code == 404


async def test_list_agrees_with_reading_one_by_one(people: People) -> None:
    here, there = await people.organization(), await people.organization(region_code=GUANGZHOU)
    accounts: list[Account] = [await people.account(Role.ENTERPRISE) for _ in range(3)]
    memberships = [
        await people.join(account, organization)
        for account in accounts
        for organization in (here, there)
        if (account, organization) != (accounts[2], there)
    ]
    readers = [await people.client(account) for account in accounts]
    readers += [await people.coordinator(YIWU), await people.administrator()]
    readers += [await people.evaluator(), await people.expert()]
    for reader in readers:
        listed = (await reader.get("/memberships")).json()["items"]
        for membership in memberships:
            status = (await reader.get(f"/memberships/{membership}")).status_code
            assert (str(membership) in {item["id"] for item in listed}) == (status == 200)


async def test_staff_name_only_accounts_that_they_know(people: People) -> None:
    organization = await people.organization()
    other = await people.account(Role.ENTERPRISE, region_code=GUANGZHOU)
    body = {"organization_id": str(organization.id), "account_id": str(other.id)}
    answer = await (await people.coordinator(YIWU)).post("/memberships", json=body)
    assert answer.json()["errors"][0]["code"] == "unknown_account"
    assert (await (await people.administrator()).post("/memberships", json=body)).status_code == 201


async def test_an_evaluator_acts_for_nobody(people: People) -> None:
    organization = await people.organization()
    evaluator = await people.account(Role.EVALUATOR)
    body = {"organization_id": str(organization.id), "account_id": str(evaluator.id)}
    own = await people.client(evaluator)
    for asking in (own, await people.administrator()):
        assert (await asking.post("/memberships", json=body)).status_code == 403
    unknown = await (await people.coordinator(YIWU)).post("/memberships", json=body)
    assert unknown.json()["errors"][0]["code"] == "unknown_account"
    await people.join(evaluator, organization)
    path = f"/organizations/{organization.id}"
    assert (await own.get(path)).json()["allowed_actions"] == []
    assert (await own.patch(path, json={"introduction": "x"})).status_code == 403
    assert await draft_status(own, organization) == 403


@pytest.mark.parametrize("region_code", [YIWU, GUANGZHOU])
async def test_an_account_that_was_shut_is_not_approved(
    people: People, session: AsyncSession, region_code: str
) -> None:
    """Nor one that is shut beside the approval; of which region it is makes no difference."""
    organization, staff = await people.organization(), await people.coordinator(YIWU)
    account = await people.account(Role.ENTERPRISE, region_code=region_code)
    path = f"/memberships/{await ask(await people.client(account), organization)}"
    account.is_active = False
    await session.flush()  # under way
    approval = asyncio.create_task(staff.post(f"{path}:approve"))
    await asyncio.wait({approval}, timeout=0.5)
    await session.commit()
    assert ((await approval).status_code, (await approval).json()["code"]) == (409, "conflict")
    assert (await staff.get(path)).json()["state"] == "requested"
    account.is_active = True
    await session.commit()
    assert (await staff.post(f"{path}:approve")).status_code == 200
