"""Who sees which fields of a demand, and who may write for whom."""

from uuid import uuid4

from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.demands.models import DemandState
from app.demands.schemas import DemandBody, PublicDemand
from app.demands.workflow import PUBLIC, SOUGHT
from tests.app.demands.forms import COMPLETE, enter, store
from tests.people import GUANGZHOU, JINHUA, YIWU, ZHEJIANG, People

PUBLIC_FIELDS = {
    "id",
    "created_at",
    "updated_at",
    "version",
    "title",
    "state",
    "public_summary",
    "keywords",
    "technology_field",
    "industry_code",
    "region_code",
    "is_open_bid",
    "published_at",
    "allowed_actions",
}
SECRET_WORDS = ("王织", "0579-85550100", "退货率", "150℃", "前处理", "50.5", "测试袜厂")


def test_the_public_part_is_exactly_what_this_file_says() -> None:
    assert set(PublicDemand.model_fields) == PUBLIC_FIELDS


async def test_in_full_for_the_enterprise_and_the_staff_of_its_region(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization("测试袜厂")
    demand = await store(session, organization)
    entitled = [
        await people.enterprise(organization),
        await people.coordinator(YIWU),
        await people.coordinator(JINHUA),
        await people.coordinator(ZHEJIANG),
        await people.coordinator(None),
        await people.administrator(),
    ]
    for reader in entitled:
        single = (await reader.get(f"/demands/{demand.id}")).json()
        (listed,) = (await reader.get("/demands")).json()["items"]
        assert single == listed
        assert set(single) == set(DemandBody.model_fields)
        assert single["problem"] == COMPLETE["problem"]
        assert single["contact_phone"] == COMPLETE["contact_phone"]
        assert single["organization_name"] == "测试袜厂"


async def test_match_is_offered_to_those_who_may_of_a_published_demand(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    staff, enterprise = await people.coordinator(), await people.enterprise(organization)
    for state in DemandState:
        demand = await store(session, organization, state=state)
        for reader, may in ((staff, state in SOUGHT), (enterprise, False)):
            offered = (await reader.get(f"/demands/{demand.id}")).json()["allowed_actions"]
            assert ("match" in offered) == may, (state, offered)


async def test_the_public_part_for_other_readers(people: People, session: AsyncSession) -> None:
    organization = await people.organization("测试袜厂")
    demand = await store(session, organization)
    for reader in (await people.coordinator(GUANGZHOU), await people.evaluator()):
        answer = await reader.get(f"/demands/{demand.id}")
        listed = await reader.get("/demands")
        single = answer.json()
        assert [single] == listed.json()["items"]
        assert {name for name, value in single.items() if value is not None} <= PUBLIC_FIELDS
        assert single["title"] == COMPLETE["title"]
        assert single["allowed_actions"] == []
        for word in (*SECRET_WORDS, str(organization.id)):
            assert word not in answer.text + listed.text


async def test_what_is_not_published_is_nothing_to_outsiders(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    hidden = [s for s in DemandState if s not in PUBLIC]
    demands = [await store(session, organization, state=state) for state in hidden]
    for reader in (await people.coordinator(GUANGZHOU), await people.evaluator()):
        for demand in demands:
            assert (await reader.get(f"/demands/{demand.id}")).status_code == 404
        assert (await reader.get("/demands?count=exact")).json()["total"] == 0


async def test_published_demands_are_nothing_to_other_enterprises_and_experts(
    people: People, session: AsyncSession, client: AsyncClient
) -> None:
    demand = await store(session, await people.organization())
    for reader in (await people.enterprise(), await people.expert()):
        assert (await reader.get(f"/demands/{demand.id}")).status_code == 404
        answer = (await reader.get("/demands?count=exact")).json()
        assert (answer["items"], answer["total"]) == ([], 0)
        patched = await reader.patch(f"/demands/{demand.id}", json={"title": "x"})
        assert patched.status_code in (403, 404)
    assert (await client.get(f"/demands/{demand.id}")).status_code == 401
    assert (await client.get("/demands")).status_code == 401
    assert (await client.post("/demands", json=COMPLETE)).status_code == 401
    assert (await client.patch(f"/demands/{demand.id}", json={})).status_code == 401


async def test_a_filter_does_not_tell_what_the_public_part_hides(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    await store(session, organization, discipline="43010")
    outsiders = (await people.coordinator(GUANGZHOU), await people.evaluator())
    entitled = (await people.enterprise(organization), await people.coordinator(YIWU))
    for filters in ({"organization_id": str(organization.id)}, {"discipline": "430"}):
        query = filters | {"count": "exact"}
        for reader in outsiders:
            answer = (await reader.get("/demands", params=query)).json()
            assert (answer["items"], answer["total"]) == ([], 0), filters
        for reader in entitled:
            assert (await reader.get("/demands", params=query)).json()["total"] == 1


async def test_a_search_does_not_find_the_words_of_the_full_text(
    people: People, session: AsyncSession
) -> None:
    organization = await people.organization("测试袜厂")
    await store(session, organization, ownership_of_results="双方共有")
    for reader in (await people.coordinator(GUANGZHOU), await people.evaluator()):
        assert len((await reader.get("/demands", params={"text": "黄变"})).json()["items"]) == 1
        for text in ("退货率", "150", "前处理", "王织", "测试袜厂", "0579", "双方共有"):
            found = await reader.get("/demands", params={"text": text})
            assert found.json()["items"] == [], text


async def test_nobody_writes_for_an_organization_that_is_not_theirs(people: People) -> None:
    organization = await people.organization(region_code=YIWU)
    body = COMPLETE | {"organization_id": str(organization.id)}
    cases = [
        (await people.enterprise(), 403),
        (await people.coordinator(GUANGZHOU), 403),
        (await people.evaluator(), 403),
        (await people.expert(), 403),
        (await people.coordinator(YIWU), 201),
        (await people.administrator(), 201),
    ]
    for client, status in cases:
        assert (await client.post("/demands", json=body)).status_code == status
    stranger = await people.coordinator(GUANGZHOU)
    trick = body | {"region_code": GUANGZHOU}
    assert (await stranger.post("/demands", json=trick)).status_code == 403


async def test_the_organization_may_go_unsaid_only_where_there_is_one(people: People) -> None:
    staff = await people.coordinator()
    answer = await staff.post("/demands", json=COMPLETE)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/organization_id")
    unknown = await staff.post("/demands", json=COMPLETE | {"organization_id": str(uuid4())})
    assert unknown.json()["errors"][0]["code"] == "unknown_organization"
    organization = await people.organization(region_code=JINHUA)
    draft = await enter(await people.enterprise(organization))
    assert draft["organization_id"] == str(organization.id)
    assert draft["region_code"] == JINHUA
