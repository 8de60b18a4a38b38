"""The second step of a sign-in: codes that count once, guesses that are bounded, ways back."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, RecoveryCode, Role, SecondFactor
from app.accounts.second_factor import FREE_FAILURES, LONGEST_LOCK
from app.accounts.secrets import hash_password
from app.changes.models import Change
from app.clock import get_moment
from app.encryption.keys import MARK
from tests.app.accounts.provider_sign_in import ProviderProcess, link
from tests.app.accounts.provider_sign_in import sign_in as sign_in_with_provider
from tests.app.audit.entries import entries_of
from tests.people import People

PASSWORD, EMAIL = "correct-horse-42", "li@test.invalid"
STEP = timedelta(seconds=30)


class Clock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)

    def advance(self, by: timedelta = STEP) -> None:
        self.moment += by


@pytest.fixture
def clock(app: FastAPI) -> Iterator[Clock]:
    clock = Clock()
    app.dependency_overrides[get_moment] = lambda: clock.moment
    yield clock
    del app.dependency_overrides[get_moment]


@pytest.fixture
async def account(session: AsyncSession) -> Account:
    account = Account(
        email=EMAIL,
        display_name="李",
        role=Role.COORDINATOR,
        region_code="330782",
        password_hash=await hash_password(PASSWORD),
        is_active=True,
    )
    session.add(account)
    await session.commit()
    return account


@pytest.fixture
async def owner(people: People, account: Account) -> AsyncClient:
    return await people.client(account)


def code_of(secret: str, moment: datetime) -> str:
    """As the authenticator shows it."""
    generator = TOTP(base64.b32decode(secret), 6, SHA1(), 30)
    return generator.generate(int(moment.timestamp())).decode()


async def enrol(owner: AsyncClient) -> str:
    answer = await owner.post("/me/second-factor:enrol", json={"password": PASSWORD})
    assert answer.status_code == 200, answer.text
    secret: str = answer.json()["secret"]
    return secret


async def set_up(owner: AsyncClient, clock: Clock) -> tuple[str, list[str]]:
    """The secret and the recovery codes; the next code is not used yet."""
    secret = await enrol(owner)
    body = {"code": code_of(secret, clock.moment)}
    answer = await owner.post("/me/second-factor:confirm", json=body)
    assert answer.status_code == 200, answer.text
    clock.advance()
    return secret, answer.json()["codes"]


async def first_step(client: AsyncClient, password: str = PASSWORD) -> Response:
    body = {"email": EMAIL, "password": password}
    return await client.post("/auth:sign-in", json=body)


async def challenge(client: AsyncClient) -> str:
    found: str = (await first_step(client)).json()["challenge"]
    return found


async def second_step(client: AsyncClient, code: str, challenge_: str | None = None) -> Response:
    body = {"challenge": challenge_ or await challenge(client), "code": code}
    return await client.post("/auth:finish-sign-in", json=body)


def wrong(secret: str, moment: datetime) -> str:
    """A code that fits at none of the moments around."""
    near = {code_of(secret, moment + STEP * n) for n in range(-3, 4)}
    return next(code for n in range(10) if (code := f"{n:06}") not in near)


def error_code(answer: Response) -> str:
    body = answer.json()
    code: str = body["errors"][0]["code"] if body["errors"] else body["code"]
    return code


async def test_from_enrolment_to_sign_in(
    client: AsyncClient, owner: AsyncClient, account: Account, clock: Clock, session: AsyncSession
) -> None:
    assert (await owner.get("/me/second-factor")).json()["is_active"] is False
    body = {"password": PASSWORD}
    enrolment = (await owner.post("/me/second-factor:enrol", json=body)).json()
    uri = urlsplit(enrolment["uri"])
    asked = parse_qs(uri.query)
    assert (uri.scheme, uri.netloc, uri.path) == ("otpauth", "totp", "/Shuangku:li%40test.invalid")
    assert (asked["secret"], asked["issuer"]) == ([enrolment["secret"]], ["Shuangku"])
    assert "access_token" in (await first_step(client)).json(), "it does not count yet"

    code = {"code": code_of(enrolment["secret"], clock.moment)}
    codes = (await owner.post("/me/second-factor:confirm", json=code)).json()["codes"]
    assert (len(set(codes)), {len(c) for c in codes}) == (10, {19})
    state = (await owner.get("/me/second-factor")).json()
    assert (state["is_active"], state["recovery_codes_left"]) == (True, 10)
    assert (await owner.get("/me")).json()["has_second_factor"] is True

    clock.advance()
    step = (await first_step(client)).json()
    assert set(step) == {"challenge", "expires_in"}
    done = await second_step(client, code_of(enrolment["secret"], clock.moment), step["challenge"])
    assert done.status_code == 200, done.text
    headers = {"Authorization": f"Bearer {done.json()['access_token']}"}
    assert (await client.get("/me", headers=headers)).json()["id"] == str(account.id)
    kinds = list(await session.scalars(select(Change.kind).order_by(Change.id)))
    assert kinds == ["account.second_factor_enrolled", "account.second_factor_set_up"]
    for action in ("POST /auth:sign-in", "POST /auth:finish-sign-in"):
        assert {e.account_id for e in await entries_of(session, action=action)} == {account.id}


async def test_what_the_database_holds(
    owner: AsyncClient, clock: Clock, session: AsyncSession
) -> None:
    secret, codes = await set_up(owner, clock)
    stored = await session.scalar(text("SELECT secret FROM second_factors"))
    assert stored is not None
    assert stored.startswith(MARK)
    rows = list[str]()
    for table in ("second_factors", "recovery_codes", "changes"):
        rows += await session.scalars(text(f"SELECT {table}::text FROM {table}"))
    assert len(rows) == 13
    assert not any(word in str(rows) for word in (secret, *codes))


async def test_the_first_step_alone_opens_nothing(
    client: AsyncClient, owner: AsyncClient, clock: Clock
) -> None:
    await set_up(owner, clock)
    token = await challenge(client)
    headers = {"Authorization": f"Bearer {token}"}
    assert (await client.get("/me", headers=headers)).status_code == 401
    assert (
        await client.post("/auth:refresh", json={"refresh_token": token[:100]})
    ).status_code == 401


async def test_only_a_challenge_is_one(
    client: AsyncClient, owner: AsyncClient, account: Account, clock: Clock, app: FastAPI
) -> None:
    secret, _ = await set_up(owner, clock)
    tokens, code = app.state.access_tokens, code_of(secret, clock.moment)
    too_old = datetime.now(UTC) - timedelta(minutes=6)
    for forged in (
        tokens.write(account.id),
        tokens.challenges().write(account.id, issued_at=too_old),
        (await challenge(client))[:-4] + "AAAA",
        "nonsense",
    ):
        answer = await second_step(client, code, forged)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    assert (await second_step(client, code)).status_code == 200


async def test_a_wrong_password_learns_nothing_of_the_second_factor(
    client: AsyncClient, owner: AsyncClient, clock: Clock
) -> None:
    before = (await first_step(client, "wrong-horse-42")).json() | {"request_id": ""}
    await set_up(owner, clock)
    after = (await first_step(client, "wrong-horse-42")).json() | {"request_id": ""}
    assert before == after


@pytest.mark.parametrize(
    ("drift", "is_right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
async def test_clocks_may_be_a_step_off(
    client: AsyncClient, owner: AsyncClient, clock: Clock, drift: int, is_right: bool
) -> None:
    secret, _ = await set_up(owner, clock)
    clock.advance(STEP * 3)
    answer = await second_step(client, code_of(secret, clock.moment + STEP * drift))
    assert (answer.status_code == 200) == is_right


async def test_a_code_counts_once(client: AsyncClient, owner: AsyncClient, clock: Clock) -> None:
    secret = await enrol(owner)
    confirming = code_of(secret, clock.moment)
    await owner.post("/me/second-factor:confirm", json={"code": confirming})
    assert error_code(await second_step(client, confirming)) == "wrong_code"
    clock.advance()
    code, earlier = code_of(secret, clock.moment), code_of(secret, clock.moment - STEP)
    assert (await second_step(client, code)).status_code == 200
    for spent in (code, earlier):
        assert error_code(await second_step(client, spent)) == "wrong_code"


async def test_of_parallel_uses_of_a_code_one_counts(
    client: AsyncClient, owner: AsyncClient, clock: Clock
) -> None:
    secret, _ = await set_up(owner, clock)
    token, code = await challenge(client), code_of(secret, clock.moment)
    answers = await asyncio.gather(*(second_step(client, code, token) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422, 422]


async def test_a_recovery_code_counts_once_however_it_is_typed(
    client: AsyncClient, owner: AsyncClient, clock: Clock
) -> None:
    _, codes = await set_up(owner, clock)
    assert (await second_step(client, codes[0])).status_code == 200
    assert error_code(await second_step(client, codes[0])) == "wrong_code"
    typed = codes[1].upper().replace("-", " ")
    assert (await second_step(client, typed)).status_code == 200
    assert (await owner.get("/me/second-factor")).json()["recovery_codes_left"] == 8


async def test_a_recovery_code_is_its_owners(
    client: AsyncClient, owner: AsyncClient, people: People, clock: Clock, session: AsyncSession
) -> None:
    await set_up(owner, clock)
    other_account = await people.account(Role.EXPERT)
    other_account.password_hash = ""
    await session.commit()
    _, others = await set_up(await people.client(other_account), clock)
    assert error_code(await second_step(client, others[0])) == "wrong_code"


async def test_guesses_are_bounded(
    client: AsyncClient, owner: AsyncClient, clock: Clock, session: AsyncSession
) -> None:
    """However long somebody guesses who has the password: after a day, one guess a day."""
    secret, _ = await set_up(owner, clock)
    began, guesses, token = clock.moment, 0, await challenge(client)
    while clock.moment - began < timedelta(days=30):
        answer = await second_step(client, wrong(secret, clock.moment), token)
        if answer.status_code == 422:
            guesses += 1
            continue
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_guesses")
        right = await second_step(client, code_of(secret, clock.moment), token)
        assert right.status_code == 429, "a right code is not looked at, either"
        clock.advance(timedelta(seconds=int(answer.headers["Retry-After"])))
    assert FREE_FAILURES + 10 < guesses < 50
    factor = await session.scalar(select(SecondFactor))
    assert factor is not None
    assert factor.failed_count == guesses
    clock.advance(LONGEST_LOCK)
    assert (await second_step(client, code_of(secret, clock.moment))).status_code == 200
    clock.advance()
    for _ in range(FREE_FAILURES - 1):
        await second_step(client, wrong(secret, clock.moment), token)
    assert (await second_step(client, code_of(secret, clock.moment))).status_code == 200


async def test_parallel_guesses_are_all_counted(
    client: AsyncClient, owner: AsyncClient, account: Account, clock: Clock, session: AsyncSession
) -> None:
    """And told of, with whose they were: the challenge says so."""
    secret, _ = await set_up(owner, clock)
    token, code = await challenge(client), wrong(secret, clock.moment)
    answers = await asyncio.gather(*(second_step(client, code, token) for _ in range(15)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(422), statuses.count(429)) == (FREE_FAILURES, 10)
    entries = await entries_of(session, action="POST /auth:finish-sign-in", account_id=account.id)
    codes = [entry.code for entry in entries]
    assert (codes.count("invalid"), codes.count("too_many_guesses")) == (FREE_FAILURES, 10)


async def test_guesses_count_wherever_codes_are_asked_for(
    client: AsyncClient, owner: AsyncClient, clock: Clock
) -> None:
    secret, _ = await set_up(owner, clock)
    body = {"password": PASSWORD, "code": wrong(secret, clock.moment)}
    for _ in range(FREE_FAILURES):
        assert (await owner.post("/me/second-factor:disable", json=body)).status_code == 422
    assert (await second_step(client, code_of(secret, clock.moment))).status_code == 429


async def test_a_new_password_ends_challenges(
    client: AsyncClient, owner: AsyncClient, clock: Clock
) -> None:
    secret, _ = await set_up(owner, clock)
    token = await challenge(client)
    body = {"current_password": PASSWORD, "new_password": "another-horse-42"}
    assert (await owner.post("/me:change-password", json=body)).status_code == 200
    answer = await second_step(client, code_of(secret, clock.moment), token)
    assert answer.status_code == 401


async def test_a_shut_account_does_not_finish(
    client: AsyncClient, owner: AsyncClient, account: Account, clock: Clock, session: AsyncSession
) -> None:
    secret, _ = await set_up(owner, clock)
    token = await challenge(client)
    await session.refresh(account)
    account.is_active = False
    await session.commit()
    answer = await second_step(client, code_of(secret, clock.moment), token)
    assert answer.status_code == 401
    assert (await first_step(client)).status_code == 401


async def test_enrolment_asks_for_the_password_and_replaces_only_what_never_counted(
    owner: AsyncClient, clock: Clock
) -> None:
    for body in ({}, {"password": "wrong-horse-42"}):
        answer = await owner.post("/me/second-factor:enrol", json=body)
        assert answer.json()["errors"][0]["pointer"] == "/password"
    given_up = await enrol(owner)
    secret = await enrol(owner)
    for old_or_wrong in (code_of(given_up, clock.moment), wrong(secret, clock.moment)):
        answer = await owner.post("/me/second-factor:confirm", json={"code": old_or_wrong})
        assert error_code(answer) == "wrong_code"
    body = {"code": code_of(secret, clock.moment)}
    assert (await owner.post("/me/second-factor:confirm", json=body)).status_code == 200
    clock.advance()
    body = {"code": code_of(secret, clock.moment)}
    assert (await owner.post("/me/second-factor:confirm", json=body)).status_code == 409
    again = await owner.post("/me/second-factor:enrol", json={"password": PASSWORD})
    assert again.status_code == 409


async def test_renewed_recovery_codes_take_the_place_of_the_old_ones(
    client: AsyncClient, owner: AsyncClient, account: Account, clock: Clock, session: AsyncSession
) -> None:
    secret, old = await set_up(owner, clock)
    assert (await second_step(client, old[0])).status_code == 200
    body = {"password": PASSWORD, "code": code_of(secret, clock.moment)}
    answer = await owner.post("/me/second-factor:renew-recovery-codes", json=body)
    assert answer.status_code == 200, answer.text
    new = answer.json()["codes"]
    assert (len(set(new)), len({*new, *old})) == (10, 20)
    assert error_code(await second_step(client, old[1])) == "wrong_code"
    assert (await second_step(client, new[1])).status_code == 200
    assert (await owner.get("/me/second-factor")).json()["recovery_codes_left"] == 9
    change = await session.scalar(select(Change).order_by(Change.id.desc()))
    assert change is not None
    assert (change.kind, change.subject_id) == ("account.recovery_codes_renewed", account.id)
    [entry] = await entries_of(session, action="POST /me/second-factor:renew-recovery-codes")
    assert (entry.account_id, entry.fields) == (account.id, ["code", "password"])


async def test_renewing_needs_password_code_and_a_factor_in_force(
    client: AsyncClient, owner: AsyncClient, clock: Clock
) -> None:
    path = "/me/second-factor:renew-recovery-codes"
    body = {"password": PASSWORD, "code": "492039"}
    assert (await owner.post(path, json=body)).status_code == 404
    code = code_of(await enrol(owner), clock.moment)
    assert (await owner.post(path, json=body | {"code": code})).status_code == 404
    secret, codes = await set_up(owner, clock)
    code = code_of(secret, clock.moment)
    for body, expected in (
        ({"code": code}, "missing"),
        ({"code": code, "password": "wrong-horse-42"}, "wrong_password"),
        ({"code": wrong(secret, clock.moment), "password": PASSWORD}, "wrong_code"),
    ):
        assert error_code(await owner.post(path, json=body)) == expected
    assert (await second_step(client, codes[0])).status_code == 200


async def test_disabling_needs_password_and_code(
    client: AsyncClient, owner: AsyncClient, clock: Clock, session: AsyncSession
) -> None:
    secret, codes = await set_up(owner, clock)
    code = code_of(secret, clock.moment)
    for body, expected in (
        ({"code": code}, "missing"),
        ({"code": code, "password": "wrong-horse-42"}, "wrong_password"),
        ({"code": wrong(secret, clock.moment), "password": PASSWORD}, "wrong_code"),
    ):
        assert error_code(await owner.post("/me/second-factor:disable", json=body)) == expected
    body = {"code": codes[3], "password": PASSWORD}
    assert (await owner.post("/me/second-factor:disable", json=body)).status_code == 204
    assert "access_token" in (await first_step(client)).json()
    assert list(await session.scalars(select(RecoveryCode))) == []
    assert (await owner.post("/me/second-factor:disable", json=body)).status_code == 404


async def test_administrators_reset_it_for_somebody(
    client: AsyncClient,
    owner: AsyncClient,
    account: Account,
    people: People,
    clock: Clock,
    session: AsyncSession,
) -> None:
    await set_up(owner, clock)
    administrator, coordinator = await people.administrator(), await people.coordinator()
    path = f"/accounts/{account.id}:reset-second-factor"
    assert (await coordinator.post(path)).status_code == 403
    shown = (await administrator.get(f"/accounts/{account.id}")).json()
    assert "reset-second-factor" in shown["allowed_actions"]
    assert (await administrator.post(path)).status_code == 204
    assert (await owner.get("/me")).status_code == 401, "whoever found the telephone is out"
    assert "access_token" in (await first_step(client)).json()
    assert (await administrator.post(path)).status_code == 404
    change = await session.scalar(select(Change).order_by(Change.id.desc()))
    assert change is not None
    assert (change.kind, change.subject_id) == ("account.second_factor_reset", account.id)
    assert change.actor_id not in (None, account.id)


async def test_nobody_resets_their_own(
    people: People, account: Account, clock: Clock, session: AsyncSession
) -> None:
    account.role, account.region_code = Role.ADMINISTRATOR, None
    await session.commit()
    owner = await people.client(account)
    await set_up(owner, clock)
    answer = await owner.post(f"/accounts/{account.id}:reset-second-factor")
    assert answer.status_code == 409


async def test_keys_neither_enrol_nor_disable(owner: AsyncClient, clock: Clock) -> None:
    key = (await owner.post("/api-keys", json={"name": "系统", "password": PASSWORD})).json()["key"]
    secret, _ = await set_up(owner, clock)
    owner.headers["Authorization"] = f"Bearer {key}"
    code = code_of(secret, clock.moment)
    for verb, body in (
        ("enrol", {"password": PASSWORD}),
        ("confirm", {"code": code}),
        ("renew-recovery-codes", {"password": PASSWORD, "code": code}),
        ("disable", {"password": PASSWORD, "code": code}),
    ):
        answer = await owner.post(f"/me/second-factor:{verb}", json=body)
        assert answer.status_code == 403, verb


async def test_a_provider_does_not_spare_the_second_step(
    clients: Any,
    client: AsyncClient,
    owner: AsyncClient,
    account: Account,
    clock: Clock,
    provider: ProviderProcess,
) -> None:
    assert (await link(owner, provider, PASSWORD)).status_code == 201
    secret, _ = await set_up(owner, clock)
    step = (await sign_in_with_provider(client, provider)).json()
    assert "access_token" not in step
    done = await second_step(client, code_of(secret, clock.moment), step["challenge"])
    assert done.status_code == 200


@pytest.fixture
async def strict(app: FastAPI) -> AsyncIterator[None]:
    """The settings are what they were when the test is over."""
    before = app.state.settings
    yield
    app.state.settings = before


async def test_staff_may_have_to_set_one_up_first(
    app: FastAPI,
    owner: AsyncClient,
    people: People,
    clock: Clock,
    strict: None,
) -> None:
    key = (await owner.post("/api-keys", json={"name": "系统", "password": PASSWORD})).json()["key"]
    app.state.settings = app.state.settings.model_copy(update={"staff_need_second_factor": True})
    refused = await owner.get("/accounts")
    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_needed")
    with_key = await owner.get("/accounts", headers={"Authorization": f"Bearer {key}"})
    assert with_key.json()["code"] == "second_factor_needed"
    assert (await owner.get("/demands")).status_code == 403
    assert (await owner.get("/me")).json()["has_second_factor"] is False
    assert (await owner.get("/me/second-factor")).status_code == 200
    assert (await (await people.expert()).get("/demands")).status_code == 200
    await set_up(owner, clock)
    assert (await owner.get("/accounts")).status_code == 200
