"""Whoever is erased stands nowhere any more, and what was counted still counts."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.accounts.repository import stays_open
from app.changes.models import Change
from app.demands.models import Demand
from app.experts.consents import TEXT_VERSION
from app.experts.models import Expert, ExpertKind, ExpertState, RemovalCause
from app.interface.models import KeptAnswer
from app.matches.models import Judgment, Match, MatchReview
from app.organizations.models import Membership, Organization
from app.search import search_vector
from tests.app.dockings import scenes as dockings
from tests.app.matches import scenes
from tests.app.organizations.test_registration import credit_code, register, registration
from tests.app.personal_data.scenes import PASSWORD, WORDS, whole_person
from tests.locks import Locks
from tests.people import GUANGZHOU, YIWU, People


async def found_in_database(session: AsyncSession, words: Sequence[str]) -> list[tuple[str, str]]:
    """Every table of the database in which one of the words stands, as text or as bytes."""
    await session.commit()
    tables = await session.scalars(
        text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    )
    found = []
    for table in tables.all():
        for word in words:
            hexed = word.encode().hex()
            statement = text(
                f"SELECT count(*) FROM {table} AS t"
                " WHERE position(:word in t::text) > 0 OR position(:hexed in t::text) > 0"
            )
            if await session.scalar(statement, {"word": word, "hexed": hexed}):
                found.append((table, word))
    return found


async def kinds_of(session: AsyncSession, subject_id: UUID) -> Sequence[str]:
    """What happened to a record, in order."""
    kinds = select(Change.kind).where(Change.subject_id == subject_id).order_by(Change.id)
    return (await session.scalars(kinds)).all()


async def test_nothing_that_names_or_describes_the_person_stays(
    people: People, session: AsyncSession
) -> None:
    person = await whole_person(people, session)
    words = [word for name, word in WORDS.items() if name != "direction"]
    in_the_open = set(words) - {WORDS["phone"]}  # that one is sealed
    assert {word for _, word in await found_in_database(session, words)} == in_the_open
    for given in ({"password": "not this one"}, {"password": None}, {}):
        wrong = await person.client.post("/me:erase", json=given)
        assert wrong.json()["errors"][0]["pointer"] == "/password"
    done = await person.client.post("/me:erase", json={"password": PASSWORD})
    assert done.status_code == 204, done.text
    assert await found_in_database(session, words) == []
    # The demand's own text holds the direction, too; it is the enterprise's.
    places = {table for table, _ in await found_in_database(session, [WORDS["direction"]])}
    assert places <= {"demands"}
    assert (await person.client.get("/me")).status_code == 401


async def test_what_was_counted_still_counts(people: People, session: AsyncSession) -> None:
    person = await whole_person(people, session)
    [before] = [m for m in person.run["matches"] if m["expert"]["id"] == str(person.expert_id)]
    await person.client.post("/me:erase", json={"password": PASSWORD})
    match = await session.get_one(Match, before["id"])
    assert (match.rank, match.score) == (before["rank"], before["score"])
    assert sum(c["value"] for c in match.contributions) - match.score < 1e-6
    assert match.features
    verdicts = await session.scalars(select(Judgment.verdict))
    assert verdicts.all() == ["unsuitable"]
    staff = await people.coordinator()
    listed = (await staff.get(f"/match-runs/{person.run['id']}/matches")).json()["items"]
    assert [item["expert"]["name"] for item in listed] == ["已注销"]


async def test_the_next_match_knows_the_person_no_more(
    people: People, session: AsyncSession
) -> None:
    person = await whole_person(people, session)
    await person.client.post("/me:erase", json={"password": PASSWORD})
    run = await scenes.match(await people.coordinator(), person.run["demand_id"])
    assert run["matches"] == []


async def test_staff_erase_a_profile_on_request(people: People, session: AsyncSession) -> None:
    person = await whole_person(people, session)
    path = f"/experts/{person.expert_id}:erase"
    for other, status in (
        (await people.coordinator(GUANGZHOU), 403),
        (await people.evaluator(), 403),
        (await people.expert(), 404),
    ):
        assert (await other.post(path)).status_code == status
    assert (await (await people.coordinator()).post(path)).status_code == 204
    assert (await person.client.get("/me")).status_code == 200
    shown = (await (await people.administrator()).get(f"/experts/{person.expert_id}")).json()
    assert (shown["name"], shown["state"], shown["evidence"]) == ("已注销", "removed", [])
    assert (await kinds_of(session, person.expert_id))[-2:] == ["expert.removed", "expert.erased"]
    assert (shown["region_code"], shown["disciplines"]) == ("330000", ["540"])


async def test_what_was_erased_is_not_filled_again(people: People, session: AsyncSession) -> None:
    """Retention looks for a name and finds none: what came afterwards would stay for ever."""
    person = await whole_person(people, session)
    path, staff = f"/experts/{person.expert_id}", await people.administrator()
    assert (await staff.post(f"{path}:erase")).status_code == 204
    consent = {"purpose": "matching", "is_given": True, "text_version": TEXT_VERSION}
    account = {"account_id": str((await people.account(Role.EXPERT)).id)}
    for method, part, body in (
        ("PUT", "/contact", {"phone": WORDS["phone"]}),
        ("POST", ":declare-consent", consent),
        ("POST", ":link-account", account),
        ("POST", f"/evidence/{person.expert_id}:grade", {"grade": "verified"}),
    ):
        answer = await staff.request(method, path + part, json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state"), part
    assert (await staff.get(path)).json()["allowed_actions"] == []
    assert (await staff.get(f"{path}/contact")).json()["phone"] == ""
    assert (await staff.post(f"{path}:erase")).status_code == 204


async def test_an_enterprises_person_leaves_its_contact_fields(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    account = await people.account(Role.ENTERPRISE)
    membership_id = await people.join(account, organization)
    account.password_hash = (await whole_person(people, session)).account.password_hash
    contact = {"contact_name": "周某", "contact_phone": "1", "contact_email": account.email}
    mine = await scenes.demand(session, organization, **contact)
    others = await scenes.demand(
        session, organization, **contact | {"contact_email": "other@test.invalid"}
    )
    ids = mine.id, others.id
    client = await people.client(account)
    assert (await client.post("/me:erase", json={"password": PASSWORD})).status_code == 204
    session.expire_all()
    left = [(await session.get_one(Demand, i)).contact_name for i in ids]
    assert left == ["", "周某"]
    membership = await session.get_one(Membership, membership_id)
    assert (membership.state, membership.version) == ("revoked", 2)
    assert await kinds_of(session, membership_id) == ["membership.revoked"]


async def test_a_former_member_leaves_the_contact_fields(
    people: People, session: AsyncSession
) -> None:
    organization, staff = await people.organization(), await people.coordinator()
    account = await people.account(Role.EXPERT, region_code=YIWU)
    organization.contact_email = account.email
    await session.commit()
    own = await people.client(account)
    asked = await own.post("/memberships", json={"organization_id": str(organization.id)})
    path = f"/memberships/{asked.json()['id']}"
    assert (await staff.post(f"{path}:approve")).status_code == 200
    assert (await staff.post(f"{path}:revoke")).status_code == 200
    again = await own.post("/memberships", json={"organization_id": str(organization.id)})
    assert again.json()["state"] == "requested"
    assert (await own.post("/me:erase", json={"password": PASSWORD})).status_code == 204
    await session.refresh(organization)
    assert organization.contact_email == ""


async def test_who_only_asked_to_belong_empties_no_contact(
    client: AsyncClient, people: People, session: AsyncSession
) -> None:
    """Nobody has checked their address, nor to whom they belong."""
    code, email = credit_code(7), "info@dachang.test.invalid"
    organization = await people.organization()
    organization.unified_social_credit_code = code
    contact = {"contact_name": "王", "contact_phone": "0579", "contact_email": email}
    for name, value in contact.items():
        setattr(organization, name, value)
    demand = await scenes.demand(session, organization, **contact)
    _, registered = await register(
        client, people, registration(email, unified_social_credit_code=code)
    )
    account = await people.account(Role.EXPERT)
    expert = await people.client(account)
    asked = await expert.post("/memberships", json={"organization_id": str(organization.id)})
    await expert.post(f"/memberships/{asked.json()['id']}:revoke")
    assert (await registered.post("/me:erase", json={"password": PASSWORD})).status_code == 204
    account.email = email  # which is free again
    await session.commit()
    assert (await expert.post("/me:erase", json={"password": PASSWORD})).status_code == 204
    for record in (organization, demand):
        await session.refresh(record)
        assert {name: getattr(record, name) for name in contact} == contact


@pytest.mark.parametrize("is_first", [True, False])
async def test_who_introduced_an_unverified_organization_leaves_its_contact(
    client: AsyncClient, people: People, session: AsyncSession, is_first: bool
) -> None:
    email = "own@test.invalid"
    body = registration(email, contact_email=email)
    before = body if is_first else registration("first@test.invalid", contact_email=email)
    made, own = await register(client, people, before)
    if not is_first:
        _, own = await register(client, people, body)
    assert (await own.post("/me:erase", json={"password": PASSWORD})).status_code == 204
    organization = await session.get_one(Organization, UUID(made["organization_id"]))
    assert (organization.contact_email, organization.contact_phone == "") == (
        "" if is_first else email,
        is_first,
    )


async def test_who_has_no_password_is_erased_without(people: People, session: AsyncSession) -> None:
    account = await people.account(Role.EXPERT)
    account.password_hash = ""
    await session.commit()
    client = await people.client(account)
    assert (await client.post("/me:erase", json={})).status_code == 204
    await session.refresh(account)
    assert (account.display_name, account.is_active) == ("已注销", False)


async def test_a_profile_made_beside_the_erasure_is_erased_with_it(
    people: People, session: AsyncSession
) -> None:
    account = await people.account(Role.EXPERT)
    account.password_hash = ""
    await session.commit()
    client = await people.client(account)
    expert = Expert(name="赶在前面", kind=ExpertKind.EXPERT, state=ExpertState.DRAFT)
    expert.account_id, expert.search = account.id, search_vector([])
    session.add(expert)
    assert await stays_open(session, account.id)
    await session.flush()  # under way
    erasing = asyncio.create_task(client.post("/me:erase", json={}))
    await asyncio.wait([erasing], timeout=0.5)
    await session.commit()
    assert (await erasing).status_code == 204
    assert await found_in_database(session, ["赶在前面"]) == []


async def test_no_profile_is_made_for_an_account_that_is_being_erased(
    people: People, session: AsyncSession
) -> None:
    accounts = [await people.account(Role.EXPERT, region_code=YIWU) for _ in range(2)]
    own, staff = await people.client(accounts[0]), await people.coordinator(YIWU)
    nobodys = await scenes.expert(session, "某人", "某方向")
    for account in accounts:
        account.is_active = False
    await session.flush()  # under way
    made = own.post("/experts", json={"name": "落在后面", "region_code": YIWU})
    body = {"account_id": str(accounts[1].id)}
    linked = staff.post(f"/experts/{nobodys.id}:link-account", json=body)
    tasks = [asyncio.create_task(request) for request in (made, linked)]
    await asyncio.wait(tasks, timeout=0.5)
    await session.commit()
    assert [(await task).status_code for task in tasks] == [401, 409]
    assert await found_in_database(session, ["落在后面"]) == []
    await session.refresh(nobodys)
    assert nobodys.account_id is None


async def test_an_erasure_lets_a_step_of_the_same_expert_end(
    people: People, session: AsyncSession, locks: Locks
) -> None:
    scene = await dockings.recommended(people, session)
    docking_id = await dockings.docked(scene)
    await dockings.taken(scene.staff, docking_id, "invite")
    await session.execute(text("LOCK docking_steps IN SHARE MODE"))  # the step's last part
    stepping = asyncio.create_task(dockings.step(scene.person, docking_id, "accept-invitation"))
    await locks.wait(1)
    erasing = asyncio.create_task(scene.person.post("/me:erase", json={"password": PASSWORD}))
    await locks.wait(2)
    await session.rollback()
    assert ((await stepping)[0], (await erasing).status_code) == (200, 204)


async def test_an_erased_account_is_not_opened_again(people: People, session: AsyncSession) -> None:
    account = await people.account(Role.ENTERPRISE, region_code=YIWU)
    client, path = await people.client(account), f"/accounts/{account.id}"
    assert (await client.post("/me:erase", json={"password": PASSWORD})).status_code == 204
    for staff in (await people.administrator(), await people.coordinator(YIWU)):
        assert (await staff.get(path)).json()["allowed_actions"] == []
        for answer in (
            await staff.patch(path, json={"is_active": True}),
            await staff.post(f"{path}:issue-password-reset"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    await session.refresh(account)
    assert not account.is_active
    wish = {"email": account.email}
    assert (await client.post("/auth:request-password-reset", json=wish)).status_code == 202
    assert (await (await people.administrator()).get("/queue")).json()["items"] == []


async def test_the_database_opens_no_erased_record_again(
    people: People, session: AsyncSession
) -> None:
    person = await whole_person(people, session)
    assert (await person.client.post("/me:erase", json={"password": PASSWORD})).status_code == 204
    for statement in ("UPDATE accounts SET is_active = true", "UPDATE experts SET state = 'draft'"):
        with pytest.raises(IntegrityError, match="erased_for_good"):
            await session.execute(text(f"{statement} WHERE erased_at IS NOT NULL"))
        await session.rollback()


async def test_why_somebody_was_removed_stays_known(people: People, session: AsyncSession) -> None:
    staff = await people.coordinator()
    for cause, kept in ((RemovalCause.DECEASED, "deceased"), (None, "requested")):
        expert = await scenes.expert(session, "某人", "某方向")
        path = f"/experts/{expert.id}"
        if cause is not None:
            body = {"cause": cause, "reason": "家属告知"}
            assert (await staff.post(f"{path}:remove", json=body)).status_code == 200
        assert (await staff.post(f"{path}:erase")).status_code == 204
        shown = (await (await people.administrator()).get(path)).json()
        assert shown["removal_cause"] == kept


async def test_kept_answers_go_with_the_person(people: People, session: AsyncSession) -> None:
    """Those of others, too, that show the person among many; what shows nobody of them stays."""
    person = await whole_person(people, session)  # a match is kept under the staff's key
    staff = await people.coordinator()
    body = {"name": "他人", "region_code": YIWU}
    await staff.post("/experts", json=body, headers={"Idempotency-Key": "others"})
    match_id = await session.scalar(select(Match.id).where(Match.expert_id == person.expert_id))
    verdict = {"verdict": "unsuitable", "reason": WORDS["reason"]}
    path = f"/matches/{match_id}:judge"
    await staff.post(path, json=verdict, headers={"Idempotency-Key": "judged"})
    keys = select(KeptAnswer.key).order_by(KeptAnswer.key)
    assert (await session.scalars(keys)).all() == ["judged", "kept", "others"]
    assert (await person.client.post("/me:erase", json={"password": PASSWORD})).status_code == 204
    await session.commit()
    assert (await session.scalars(keys)).all() == ["others"]


async def test_kept_answers_of_colleagues_go_that_name_the_person(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    account = await people.account(Role.ENTERPRISE)
    await people.join(account, organization)
    colleague = await people.enterprise(organization)
    body = {"title": "浅色黄变", "organization_id": str(organization.id)}
    body |= {"contact_email": account.email, "contact_name": "张三"}
    key = {"Idempotency-Key": "colleague"}
    first = await colleague.post("/demands", json=body, headers=key)
    assert first.status_code == 201, first.text
    person = await people.client(account)
    assert (await person.post("/me:erase", json={"password": PASSWORD})).status_code == 204
    again = await colleague.post("/demands", json=body | {"contact_email": ""}, headers=key)
    assert "idempotent-replayed" not in again.headers
    shown = (await colleague.get(f"/demands/{first.json()['id']}")).json()
    assert (shown["contact_email"], shown["contact_name"]) == ("", "")


async def test_nothing_more_is_said_of_an_erased_expert(
    people: People, session: AsyncSession
) -> None:
    person = await whole_person(people, session)
    staff = await people.coordinator()
    match_id = await session.scalar(select(Match.id).where(Match.expert_id == person.expert_id))
    review_id = await session.scalar(select(MatchReview.id))
    assert (await person.client.post("/me:erase", json={"password": PASSWORD})).status_code == 204
    verdict = {"verdict": "unsuitable", "reason": WORDS["reason"]}
    answer = await staff.post(f"/matches/{match_id}:judge", json=verdict)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    path = f"/match-reviews/{review_id}:answer"
    assert (await staff.post(path, json={"answer": WORDS["review"]})).status_code in (404, 409)


async def test_only_demands_that_name_the_person_are_locked(
    people: People, session: AsyncSession
) -> None:
    """What somebody else writes at that moment is waited for only where it is about them."""
    organization = await people.organization()
    account = await people.account(Role.ENTERPRISE)
    await people.join(account, organization)
    named = await scenes.demand(session, organization, contact_email=account.email.upper())
    others = [
        await scenes.demand(session, organization, contact_email=email)
        for email in ("other@test.invalid", "")
    ]
    client = await people.client(account)
    ids = [demand.id for demand in others]
    await session.execute(select(Demand.id).where(Demand.id.in_(ids)).with_for_update())
    answer = await asyncio.wait_for(client.post("/me:erase", json={"password": PASSWORD}), 20)
    assert answer.status_code == 204
    await session.commit()
    await session.refresh(named)
    assert named.contact_email == ""


async def test_staff_are_not_erased_by_themselves(people: People) -> None:
    staff = await people.coordinator()
    assert (await staff.post("/me:erase", json={"password": PASSWORD})).status_code == 403


async def test_jobs_for_what_lies_outside_the_records_are_asked_for_once(
    people: People, session: AsyncSession, app: FastAPI
) -> None:
    for _ in range(2):
        expert = await scenes.expert(session, "某人", "某方向")
        await (await people.coordinator()).post(f"/experts/{expert.id}:erase")
    waiting = await session.scalars(
        text("SELECT task_name FROM procrastinate_jobs WHERE status = 'todo' ORDER BY 1")
    )
    assert waiting.all() == ["forget_vectors", "rebuild_indexes"]
