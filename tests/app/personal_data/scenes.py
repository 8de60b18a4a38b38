"""A person of whom everything is held that can be held."""

from typing import Any, NamedTuple
from uuid import UUID

from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, ApiKey, RefreshToken, Role
from app.accounts.secrets import digest, hash_password
from app.clock import now, today
from app.experts.consents import TEXT_VERSION
from app.experts.models import Expert
from tests.app.matches import scenes
from tests.people import People

PASSWORD = "correct-horse-42"
# Words that stand nowhere else, each in another kind of place.
WORDS = {
    "name": "欧阳锦绣",
    "direction": "超细旦锦纶低温等离子染色",
    "evidence": "一种锦绣纹样的等离子着色装置",
    "abstract": "喷嘴阵列的锦绣参数",
    "phone": "0579-77665544",
    "email": "jinxiu.ouyang@test.invalid",
    "orcid": "0000-0002-1825-0097",
    "reason": "欧阳去年已拒绝",
    "review": "欧阳的专利没有算进去",
    "organization": "锦绣大学",
    "peace": "欧阳住院休养",
    "display": "欧阳老师",
}


class Whole(NamedTuple):
    account: Account
    expert_id: UUID
    client: AsyncClient
    run: dict[str, Any]


async def whole_person(people: People, session: AsyncSession) -> Whole:
    """Account, keys, profile, contact, consent, a match with a verdict and a review."""
    account = await people.account(Role.EXPERT)
    account.email, account.display_name = f"own.{WORDS['email']}", WORDS["display"]
    account.password_hash = await hash_password(PASSWORD)
    session.add_all(
        [
            RefreshToken(
                account_id=account.id, family_id=account.id, token_hash=b"1", expires_at=now()
            ),
            ApiKey(
                account_id=account.id,
                name=WORDS["display"],
                prefix="sk_",
                secret_hash=digest("x"),
                is_read_only=True,
            ),
        ]
    )
    await session.commit()
    client = await people.client(account)
    expert = await _profile(session, account)
    staff = await people.coordinator()
    await client.put(
        f"/experts/{expert.id}/contact", json={"phone": WORDS["phone"], "email": WORDS["email"]}
    )
    consent = {"purpose": "external_encoding", "is_given": True, "text_version": TEXT_VERSION}
    await client.post(f"/experts/{expert.id}:declare-consent", json=consent)
    return Whole(account, expert.id, client, await _match(people, session, staff, expert, client))


async def _profile(session: AsyncSession, account: Account) -> Expert:
    expert = await scenes.expert(
        session,
        WORDS["name"],
        WORDS["direction"],
        account_id=account.id,
        orcid=WORDS["orcid"],
        organization_name=WORDS["organization"],
        external_id=WORDS["name"],
        do_not_contact_reason=WORDS["peace"],
        reduced_capacity=1,
        reduced_until_on=today(),
    )
    expert.evidence[0].title = WORDS["evidence"]
    expert.evidence[0].abstract = WORDS["abstract"]
    await session.commit()
    return expert


async def _match(
    people: People, session: AsyncSession, staff: AsyncClient, expert: Expert, client: AsyncClient
) -> dict[str, Any]:
    demand = await scenes.demand(
        session, await people.organization(), problem=f"{WORDS['direction']}与着色装置"
    )
    excluded = [{"expert_id": str(expert.id), "reason": WORDS["reason"]}]
    await scenes.match(staff, demand.id, excluded=excluded)
    answer = await staff.post(
        f"/demands/{demand.id}:match", json={}, headers={"Idempotency-Key": "kept"}
    )
    run: dict[str, Any] = answer.json()
    [match] = [m for m in run["matches"] if m["expert"]["id"] == str(expert.id)]
    assert await scenes.judge(staff, match["id"], "unsuitable", WORDS["reason"]) == 201
    asked = await client.post(
        f"/matches/{match['id']}:request-review", json={"reason": WORDS["review"]}
    )
    assert asked.status_code == 201, asked.text
    return run
