"""What an entry says: of writes, sensitive reads, refusals, jobs and commands."""

import asyncio
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import func, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, Role
from app.accounts.secrets import hash_password
from app.bulk import operations as bulk
from app.bulk.kinds import ImportKind
from app.bulk.operations import Upload
from app.changes import operations as changes
from app.changes.models import Change
from app.demands.models import Demand
from app.interface.auditing import network_of
from app.jobs import observed, queue
from app.organizations.actors import SERVICE
from app.scopes import Scope, within
from app.settings import Settings
from tests.app.audit.entries import entries_of, entry_of, seal, write
from tests.app.bulk.files import expert, json_lines
from tests.app.demands.forms import COMPLETE, enter
from tests.app.experts.profiles import path_of, store
from tests.people import YIWU, People

PASSWORD = "correct-horse-42"


async def test_a_change_says_who_what_and_which_fields(
    people: People, session: AsyncSession
) -> None:
    enterprise = await people.enterprise()
    demand = await enter(enterprise)
    answer = await enterprise.patch(
        f"/demands/{demand['id']}", json={"budget": "81", "problem": "电话 13800000000"}
    )
    entry = await entry_of(session, "PATCH /demands/{demand_id}")
    account = (await session.scalars(select(Account))).one()
    assert (entry.account_id, entry.role) == (account.id, "enterprise")
    assert (entry.status, entry.code, entry.api_key_id) == (200, None, None)
    assert entry.record_ids == [UUID(demand["id"])]
    assert entry.fields == ["budget", "problem"]
    assert entry.request_id == answer.headers["x-request-id"]
    assert entry.network == "127.0.0.0/24"
    (change,) = await session.scalars(select(Change).where(Change.entry_id == entry.id))
    assert change.transaction_id == entry.transaction_id
    assert (change.kind, change.subject_id) == ("demand.updated", UUID(demand["id"]))


async def test_a_new_record_is_named(people: People, session: AsyncSession) -> None:
    demand = await enter(await people.enterprise())
    entry = await entry_of(session, "POST /demands")
    assert entry.record_ids == [UUID(demand["id"])]
    assert set(entry.fields) == set(COMPLETE)


async def test_a_key_is_named(people: People, session: AsyncSession) -> None:
    owner = await people.enterprise()
    key = (await owner.post("/api-keys", json={"name": "系统", "password": PASSWORD})).json()
    owner.headers["Authorization"] = f"Bearer {key['key']}"
    await enter(owner)
    entry = await entry_of(session, "POST /demands")
    assert entry.api_key_id == UUID(key["id"])
    reading = (await owner.post("/api-keys", json={"name": "x", "password": PASSWORD})).status_code
    refused = await entry_of(session, "POST /api-keys", status=403)
    assert (reading, refused.api_key_id) == (403, entry.api_key_id)


async def test_contacts_are_recorded_where_they_are_shown(
    people: People, session: AsyncSession
) -> None:
    """Whoever sees the public part has read nothing sensitive."""
    organization = await people.organization()
    await session.refresh(organization)
    member, stranger = await people.enterprise(organization), await people.enterprise()
    for client in (member, stranger):
        assert (await client.get(f"/organizations/{organization.id}")).status_code == 200
        assert (await client.get("/organizations")).status_code == 200
    one = await entry_of(session, "GET /organizations/{organization_id}")
    assert one.record_ids == [organization.id]
    listed = await entries_of(session, action="GET /organizations")
    assert [organization.id in entry.record_ids for entry in listed] == [True, False]
    assert len(listed[0].record_ids) == 1, "the other's contact was not shown"


async def test_other_reads_leave_nothing(people: People, session: AsyncSession) -> None:
    staff = await people.coordinator()
    record = await store(session)
    for path in ("/experts", path_of(record), "/me", "/operations", "/regions"):
        assert (await staff.get(path)).status_code == 200, path
    assert await entries_of(session) == []


async def test_who_was_shown_accounts_and_their_ways_in_is_recorded(
    people: People, client: AsyncClient, session: AsyncSession
) -> None:
    """Names in memberships, one's keys, and who awaits a reset code: by whom, and whose."""
    account = await people.account(Role.ENTERPRISE, region_code=YIWU)
    own, organization = await people.client(account), await people.organization()
    asked = await own.post("/memberships", json={"organization_id": str(organization.id)})
    membership = UUID(asked.json()["id"])
    await client.post("/auth:request-password-reset", json={"email": account.email})
    reader = await people.account(Role.COORDINATOR, region_code=YIWU)
    staff = await people.client(reader)
    for path in ("/memberships", f"/memberships/{membership}", "/queue"):
        assert (await staff.get(path)).status_code == 200, path
    assert (await own.get("/api-keys")).status_code == 200
    for action, who, whose in (
        ("GET /memberships", reader, {membership}),
        ("GET /memberships/{membership_id}", reader, {membership}),
        ("GET /queue", reader, {membership, account.id}),
        ("GET /api-keys", account, set[UUID]()),  # the caller's own
    ):
        entry = await entry_of(session, action)
        assert (entry.account_id, entry.status) == (who.id, 200), action
        assert set(entry.record_ids) == whose, action


async def test_probing_is_recorded(people: People, session: AsyncSession) -> None:
    """Reading what others own is tried with their ids."""
    enterprise, unknown = await people.enterprise(), uuid4()
    record = await store(session)
    assert (await enterprise.get(path_of(record))).status_code == 404
    assert (await enterprise.get(f"/experts/{unknown}")).status_code == 404
    assert (await enterprise.get("/queue")).status_code == 403
    assert [(e.action, e.status, e.record_ids) for e in await entries_of(session)] == [
        ("GET /experts/{expert_id}", 404, [record.id]),
        ("GET /experts/{expert_id}", 404, [unknown]),
        ("GET /queue", 403, []),
    ]


async def test_a_refusal_names_its_problem_and_nothing_that_was_undone(
    people: People, session: AsyncSession
) -> None:
    enterprise = await people.enterprise()
    demand = await enter(enterprise, contact_phone="0579-85550100")
    path = f"/demands/{demand['id']}"
    stale = {"If-Match": '"99-x"'}
    assert (await enterprise.patch(path, json={}, headers=stale)).status_code == 412
    assert (await enterprise.post(f"{path}:publish")).status_code == 403
    assert (await enterprise.patch(path, json={"王": "13800000000"})).status_code == 422
    assert (await enterprise.patch(path, json={"contact_phone": 1})).status_code == 422
    assert (await enterprise.post(f"{path}:withdraw", json={"reason": "x"})).status_code == 200
    assert (await enterprise.patch(path, json={"title": "新"})).status_code == 409
    refused = [entry for entry in await entries_of(session) if entry.code]
    assert [(e.status, e.code, e.fields) for e in refused] == [
        (412, "precondition_failed", []),
        (403, "forbidden", []),
        (422, "invalid", []),
        (422, "invalid", []),
        (409, "wrong_state", ["title"]),
    ]
    assert {tuple(entry.record_ids) for entry in refused} == {(UUID(demand["id"]),)}


async def test_failed_sign_ins_count_by_address_which_nobody_can_read(
    client: AsyncClient, session: AsyncSession, settings: Settings
) -> None:
    for email in ("Wang@test.invalid", "wang@test.invalid", "li@test.invalid"):
        body = {"email": email, "password": PASSWORD}
        assert (await client.post("/auth:sign-in", json=body)).status_code == 401
    entries = await entries_of(session, action="POST /auth:sign-in")
    assert [(e.status, e.code, e.account_id) for e in entries] == [(401, "not_signed_in", None)] * 3
    first, again, other = [entry.email_hash for entry in entries]
    assert first == again != other
    assert first is not None
    assert len(first) == 16
    assert entries[0].fields == ["email", "password"]


async def test_signing_in_names_the_account(client: AsyncClient, session: AsyncSession) -> None:
    account = Account(
        email="li@test.invalid",
        display_name="李",
        role=Role.EXPERT,
        password_hash=await hash_password(PASSWORD),
    )
    session.add(account)
    await session.commit()
    body = {"email": account.email, "password": PASSWORD}
    tokens = (await client.post("/auth:sign-in", json=body)).json()
    used = {"refresh_token": tokens["refresh_token"]}
    assert (await client.post("/auth:refresh", json=used)).status_code == 200
    assert (await client.post("/auth:refresh", json=used)).status_code == 401
    assert [(e.action, e.status, e.code, e.account_id) for e in await entries_of(session)] == [
        ("POST /auth:sign-in", 200, None, account.id),
        ("POST /auth:refresh", 200, None, account.id),
        ("POST /auth:refresh", 401, "token_reused", account.id),
    ]


async def test_a_repetition_is_an_entry_without_a_change(
    people: People, session: AsyncSession
) -> None:
    enterprise = await people.enterprise()
    for _ in range(2):
        body, headers = {"title": "袜"}, {"Idempotency-Key": "once"}
        assert (await enterprise.post("/demands", json=body, headers=headers)).status_code == 201
    done, repeated = await entries_of(session, action="POST /demands")
    assert len(done.record_ids) == 1
    assert repeated.record_ids == []
    assert await session.scalar(select(func.count()).select_from(Demand)) == 1


@pytest.mark.own_database
async def test_work_without_its_entry_does_not_stay(people: People, session: AsyncSession) -> None:
    """The log is away: nothing is written; refusals still answer, and are told of afterwards."""
    enterprise = await people.enterprise()
    await session.execute(text("ALTER TABLE audit_entries RENAME TO lost"))
    await session.commit()
    try:
        answer = await enterprise.post("/demands", json={"title": "袜"})
        assert answer.status_code == 500
        assert await session.scalar(select(func.count()).select_from(Demand)) == 0
        assert await session.scalar(select(func.count()).select_from(Change)) == 0
        assert (await enterprise.post("/match-indexes:refit")).status_code == 403
        assert (await enterprise.post("/demands", json={"colour": 1})).status_code == 422
    finally:
        await session.rollback()
        await session.execute(text("ALTER TABLE lost RENAME TO audit_entries"))
        await session.commit()


@pytest.mark.own_database
async def test_a_commit_that_fails_is_a_refusal_only(people: People, session: AsyncSession) -> None:
    """The entry of the work goes with the work; what was answered is recorded beside."""
    await session.execute(
        text(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE unique_violation; END $$"
        )
    )
    await session.execute(
        text(
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON demands "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
    )
    await session.commit()
    enterprise = await people.enterprise()
    assert (await enterprise.post("/demands", json={"title": "袜"})).status_code == 409
    entry = await entry_of(session, "POST /demands")
    assert (entry.status, entry.code, entry.record_ids) == (409, "conflict", [])


async def test_a_fault_is_recorded(
    app: FastAPI, people: People, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("app.demands.operations.create", fail)
    assert (
        await (await people.enterprise()).post("/demands", json={"title": "袜"})
    ).status_code == 500
    entry = await entry_of(session, "POST /demands")
    assert (entry.status, entry.code) == (500, "internal_error")


async def test_writers_do_not_wait_for_each_other(app: FastAPI, session: AsyncSession) -> None:
    """Two transactions hold their entries open at once, and the later one commits first."""
    sessions = app.state.sessions
    async with sessions() as slow, sessions() as quick:
        for writing, kind in ((slow, "expert.updated"), (quick, "demand.updated")):
            await changes.append(writing, kind, uuid4())
            await writing.flush()
        await slow.run_sync(lambda held: held.dispatch.before_commit(held))  # writes its entry
        async with asyncio.timeout(2):
            await quick.commit()
        assert len(await entries_of(session)) == 1
        await slow.rollback()


async def test_a_job_is_named(app: FastAPI, session: AsyncSession) -> None:
    content = json_lines(expert())
    upload = Upload(kind=ImportKind.EXPERTS, filename="a.jsonl", content=content)
    async with within(app.state.sessions, Scope.SERVICE).begin() as own:
        received = await bulk.receive(own, SERVICE, upload)
    await queue.run_worker_async(
        wait=False,
        install_signal_handlers=False,
        additional_context={"sessions": app.state.sessions},
        worker_middleware=[observed],
    )
    (entry,) = await entries_of(session, action="job run_import")
    kinds = await session.execute(select(Change.kind, Change.subject_id))
    subjects = {row.subject_id for row in kinds if row.kind != "import.created"}
    assert set(entry.record_ids) == subjects
    assert received.id in subjects
    assert entry.request_id is not None
    assert entry.request_id.startswith("job-")
    assert (entry.account_id, entry.status, entry.code) == (None, None, None)


async def test_a_savepoint_leaves_no_entry_of_its_own(app: FastAPI, session: AsyncSession) -> None:
    """Neither when it is released nor when it is rolled back, which undoes what it touched."""
    kept, undone, last = uuid4(), uuid4(), uuid4()
    async with app.state.sessions.begin() as own:
        async with own.begin_nested():
            await changes.append(own, "expert.created", kept)
        nested = await own.begin_nested()
        await changes.append(own, "expert.created", undone)
        await changes.append(own, "expert.updated", kept)
        await nested.rollback()
        await changes.append(own, "expert.updated", last)
    (entry,) = await entries_of(session)
    assert entry.record_ids == [kept, last]
    assert entry.action == "service"


async def test_the_next_transaction_of_a_session_says_anew(
    app: FastAPI, session: AsyncSession
) -> None:
    first, second = uuid4(), uuid4()
    async with app.state.sessions() as own:
        await changes.append(own, "expert.created", first)
        await own.commit()
        await changes.append(own, "expert.created", uuid4())
        await own.rollback()
        await changes.append(own, "expert.created", second)
        await own.commit()
        await own.commit()
    assert [entry.record_ids for entry in await entries_of(session)] == [[first], [second]]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET action = 'GET /'",
        "UPDATE audit_entries SET action = 'x' WHERE false",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
        "UPDATE audit_seals SET number = 2",
        "DELETE FROM audit_seals",
        "TRUNCATE audit_seals",
        "SELECT drop_audit_entries(0, 1)",
        "INSERT INTO audit_entries SELECT * FROM audit_entries ON CONFLICT (id) DO UPDATE "
        "SET action = 'x'",
    ],
)
@pytest.mark.own_database
async def test_the_database_refuses_to_rewrite(
    app: FastAPI, session: AsyncSession, statement: str
) -> None:
    await write(app, 2)
    await seal(app)
    for mode in ("origin", "replica"):  # triggers of the latter kind are usually off
        await session.execute(text(f"SET session_replication_role = {mode}"))
        with pytest.raises(ProgrammingError, match="refuses"):
            await session.execute(text(statement))
        await session.rollback()
    assert len(await entries_of(session, action="command test")) == 2


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("testclient", None),
        (None, None),
    ],
)
def test_no_whole_address_is_kept(address: str | None, network: str | None) -> None:
    assert network_of(address) == network
