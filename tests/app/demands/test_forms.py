"""The provincial form: drafts are patient, `:submit` names every fault where it stands."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.demands.models import Demand, DemandState
from tests.app.demands.forms import (
    COMPLETE,
    CREDIT_CODES,
    OPEN_BID,
    enter,
    give_code,
    store,
    take_step,
)
from tests.people import GUANGZHOU, YIWU, People

ALWAYS = [
    "title",
    "problem",
    "key_indicators",
    "expected_outcome",
    "keywords",
    "period_until_on",
    "cooperation_mode",
    "technology_field",
    "industry_code",
    "region_code",
    "contact_name",
    "contact_phone",
]

CHOICES = frozenset({"period_until_on", "cooperation_mode", "technology_field", "industry_code"})


async def test_a_title_is_enough_for_a_draft_which_says_what_is_missing(people: People) -> None:
    enterprise = await people.enterprise()
    answer = await enterprise.post("/demands", json={"title": "浅色袜黄变"})
    assert answer.status_code == 201
    draft = answer.json()
    given = {"title", "region_code"}  # the organization's region
    assert draft["missing"] == [n for n in ALWAYS if n not in given] + ["organization_id"]
    status, body = await take_step(enterprise, draft["id"], "submit")
    assert status == 422
    assert [e["pointer"] for e in body["errors"]] == [f"/{name}" for name in draft["missing"]]
    assert {e["code"] for e in body["errors"]} == {"missing"}
    assert (await enterprise.get(f"/demands/{draft['id']}")).json()["state"] == "draft"


async def test_each_mandatory_field_is_asked_for_by_itself(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    await give_code(session, organization, CREDIT_CODES[0])
    enterprise = await people.enterprise(organization)
    draft = await enter(enterprise)
    assert draft["missing"] == []
    path = f"/demands/{draft['id']}"
    for name in set(ALWAYS) - {"title", "region_code"}:
        empty: Any = [] if name == "keywords" else None if name in CHOICES else ""
        patched = await enterprise.patch(path, json={name: empty})
        assert patched.json()["missing"] == [name]
        status, body = await take_step(enterprise, draft["id"], "submit")
        assert (status, [e["pointer"] for e in body["errors"]]) == (422, [f"/{name}"])
        await enterprise.patch(path, json={name: COMPLETE[name]})
    assert (await take_step(enterprise, draft["id"], "submit"))[0] == 200


LIMITS: list[tuple[dict[str, Any], list[str]]] = [
    ({"problem": "黄" * 501}, ["/problem"]),
    ({"key_indicators": "黄" * 501}, ["/key_indicators"]),
    ({"expected_outcome": "黄" * 501}, ["/expected_outcome"]),
    ({"problem": "黄" * 501, "expected_outcome": "黄" * 600}, ["/problem", "/expected_outcome"]),
    ({"keywords": ["一", "二", "三", "四", "五", "六"]}, ["/keywords"]),
    ({"period_from_on": "2028-01-01"}, ["/period_until_on"]),
    ({"activity_type": "basic_research"}, ["/discipline"]),
    (
        {"is_open_bid": True},
        ["/assessment_indicators", "/time_limit_months", "/ownership_of_results"],
    ),
    (OPEN_BID | {"time_limit_months": 37}, ["/time_limit_months"]),
    (OPEN_BID | {"assessment_indicators": " "}, ["/assessment_indicators"]),
]
JUST_WITHIN: list[dict[str, Any]] = [
    {"problem": "黄" * 500, "key_indicators": "黄" * 500, "expected_outcome": "黄" * 500},
    {"keywords": ["一", "二", "三", "四", "五"]},
    {"keywords": ["一"]},
    {"period_from_on": "2027-12-31"},
    {"activity_type": "basic_research", "discipline": "43010"},
    {"activity_type": "applied_research"},
    OPEN_BID | {"time_limit_months": 36},
    {"time_limit_months": 60},
    {"budget": None},
]


async def test_each_limit_is_named_once(people: People, session: AsyncSession) -> None:
    organization = await people.organization()
    await give_code(session, organization, CREDIT_CODES[0])
    enterprise = await people.enterprise(organization)
    for fields, pointers in LIMITS:
        draft = await enter(enterprise, **fields)
        status, body = await take_step(enterprise, draft["id"], "submit")
        assert (status, [e["pointer"] for e in body["errors"]]) == (422, pointers), fields


async def test_what_just_keeps_the_limits_is_accepted(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    await give_code(session, organization, CREDIT_CODES[0])
    enterprise = await people.enterprise(organization)
    for fields in JUST_WITHIN:
        draft = await enter(enterprise, **fields)
        status, body = await take_step(enterprise, draft["id"], "submit")
        assert (status, body.get("errors")) == (200, None), fields


async def test_the_organization_needs_its_credit_code(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    enterprise = await people.enterprise(organization)
    draft = await enter(enterprise)
    status, body = await take_step(enterprise, draft["id"], "submit")
    assert (status, [e["pointer"] for e in body["errors"]]) == (422, ["/organization_id"])
    await give_code(session, organization, CREDIT_CODES[0])
    assert (await take_step(enterprise, draft["id"], "submit"))[0] == 200


CLUMSY: list[tuple[dict[str, Any], str]] = [
    ({"title": None}, "/title"),
    ({"title": "  "}, "/title"),
    ({"title": "黄" * 301}, "/title"),
    ({"problem": "黄" * 5001}, "/problem"),
    ({"problem": "a\x00b"}, "/problem"),
    ({"keywords": "锦纶"}, "/keywords"),
    ({"keywords": ["锦纶", ""]}, "/keywords/1"),
    ({"keywords": ["锦纶"] * 21}, "/keywords"),
    ({"budget": -1}, "/budget"),
    ({"budget": "NaN"}, "/budget"),
    ({"budget": "Infinity"}, "/budget"),
    ({"budget": "0.00001"}, "/budget"),
    ({"budget": "12345678901"}, "/budget"),
    ({"currency": "元"}, "/currency"),
    ({"period_until_on": 1893456000}, "/period_until_on"),
    ({"period_until_on": "2027-02-30"}, "/period_until_on"),
    ({"cooperation_mode": "barter"}, "/cooperation_mode"),
    ({"technology_field": "alchemy"}, "/technology_field"),
    ({"industry_code": "999"}, "/industry_code"),
    ({"discipline": "999"}, "/discipline"),
    ({"region_code": "999999"}, "/region_code"),
    ({"time_limit_months": 0}, "/time_limit_months"),
    ({"time_limit_months": 1.5}, "/time_limit_months"),
    ({"is_confidential": "perhaps"}, "/is_confidential"),
    ({"is_confidential": True}, "/is_confidential"),
    ({"state": "published"}, "/state"),
    ({"published_at": "2026-01-01T00:00:00Z"}, "/published_at"),
    ({"titel": "x"}, "/titel"),
    ({"period_until_on": "0"}, "/period_until_on"),
    ({"period_until_on": "1700006400"}, "/period_until_on"),
]


async def test_what_cannot_be_meant_is_refused_at_the_door(people: People) -> None:
    enterprise = await people.enterprise()
    draft = await enter(enterprise)
    for fields, pointer in CLUMSY:
        answers = [
            await enterprise.post("/demands", json=COMPLETE | fields),
            await enterprise.patch(f"/demands/{draft['id']}", json=fields),
        ]
        for answer in answers:
            assert answer.status_code == 422, (fields, answer.text)
            assert [e["pointer"] for e in answer.json()["errors"]] == [pointer], fields


async def test_what_is_classified_is_not_stored(people: People, session: AsyncSession) -> None:
    """An old record that says so keeps its mark and its text, whoever wants otherwise."""
    organization = await people.organization()
    enterprise, staff = await people.enterprise(organization), await people.coordinator()
    secret = COMPLETE | {"is_confidential": True}
    for client in (enterprise, staff):
        answer = await client.post(
            "/demands", json=secret | {"organization_id": str(organization.id)}
        )
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "confidential")
    batch = await enterprise.post(
        "/demands:batch", json={"items": [{"action": "create", "data": secret}]}
    )
    [refused] = batch.json()["results"]
    assert [error["code"] for error in refused["problem"]["errors"]] == ["confidential"]
    assert await session.scalar(select(func.count()).select_from(Demand)) == 0
    await store(session, organization, state=DemandState.DRAFT, is_confidential=True)
    path = f"/demands/{await session.scalar(select(Demand.id))}"
    assert (await enterprise.patch(path, json=secret)).status_code == 422
    for client in (enterprise, staff):
        for change in ({"problem": "更多秘密"}, {"is_confidential": False}):
            answer = await client.patch(path, json=change)
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "confidential")
    assert await session.scalar(select(Demand.is_confidential))
    left = await enterprise.post(f"{path}:withdraw", json={"reason": "另行办理"})
    assert left.status_code == 200, left.text


MONEY = [("50.5", "50.5"), (50, "50"), ("0", "0"), ("9999999999.9999", "9999999999.9999")]


async def test_money_stays_a_decimal_and_the_same_text_when_read_again(people: People) -> None:
    enterprise = await people.enterprise()
    for sent, stored in [*MONEY, ("1e3", "1000"), ("0.1", "0.1"), ("-0", "0"), ("0e-99999", "0")]:
        draft = await enter(enterprise, budget=sent, currency="USD")
        read = (await enterprise.get(f"/demands/{draft['id']}")).json()
        assert (draft["budget"], read["budget"], read["currency"]) == (stored, stored, "USD")


async def test_a_patch_changes_what_it_names_and_nothing_else(people: People) -> None:
    enterprise = await people.enterprise()
    draft = await enter(enterprise)
    answer = await enterprise.patch(
        f"/demands/{draft['id']}", json={"budget": None, "keywords": ["黄变"]}
    )
    differs = {name for name, value in answer.json().items() if value != draft[name]}
    assert differs == {"budget", "keywords", "updated_at", "version"}


async def test_an_external_id_is_taken_once(people: People) -> None:
    enterprise = await people.enterprise()
    assert (await enter(enterprise, external_id="YW-1"))["external_id"] == "YW-1"
    answer = await enterprise.post("/demands", json=COMPLETE | {"external_id": "YW-1"})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


async def test_a_region_is_not_left_by_those_it_entitles(people: People) -> None:
    organization = await people.organization()
    staff = await people.coordinator(YIWU)
    draft = await enter(staff, organization_id=str(organization.id))
    answer = await staff.patch(f"/demands/{draft['id']}", json={"region_code": GUANGZHOU})
    assert answer.status_code == 403
    assert (await staff.get(f"/demands/{draft['id']}")).json()["region_code"] == YIWU
