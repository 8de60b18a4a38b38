"""Four levels: up, down and sideways; who carries a demand, and who sees it."""

from itertools import product
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.demands.models import DemandState
from tests.app.demands.forms import store
from tests.app.matches import scenes
from tests.people import GUANGZHOU, JINHUA, YIWU, ZHEJIANG, People

HANGZHOU, PUJIANG = "330100", "330726"
REASON = {"reason": "本县无对口专家"}


def to(region_code: str) -> dict[str, str]:
    return REASON | {"region_code": region_code}


async def post(client: AsyncClient, demand: Any, verb: str, body: Any = REASON) -> tuple[int, Any]:
    answer = await client.post(f"/demands/{demand.id}:{verb}", json=body)
    return answer.status_code, answer.json()


async def test_an_answer_is_not_repeated_to_whom_the_demand_is_shared_with_no_more(
    people: People, session: AsyncSession
) -> None:
    """A run names candidates; under its key it was given again for a day, whatever had changed."""
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    home, other = await people.coordinator(), await people.coordinator(PUJIANG)
    await post(home, demand, "share", to(PUJIANG))
    path, key = f"/demands/{demand.id}:match", {"Idempotency-Key": "again"}
    first, again = [await other.post(path, json={}, headers=key) for _ in range(2)]
    assert (first.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    await post(home, demand, "end-share", to(PUJIANG))
    ended = await other.post(path, json={}, headers=key)
    assert (ended.status_code, ended.json()["code"]) == (403, "forbidden")
    await post(home, demand, "share", to(PUJIANG))
    assert (await other.post(path, json={}, headers=key)).content == first.content


async def test_up_through_all_levels(people: People, session: AsyncSession) -> None:
    demand = await store(session, await people.organization())
    for region, above in ((YIWU, JINHUA), (JINHUA, ZHEJIANG), (ZHEJIANG, "000000")):
        status, shown = await post(await people.coordinator(region), demand, "submit-up")
        assert (status, shown["handed_to_region_code"]) == (200, above)
        lower = await people.coordinator(region)
        assert (await post(lower, demand, "submit-up"))[0] == 403, "another level carries it"
        assert (await lower.get(f"/demands/{demand.id}")).json()["problem"], "and still reads it"
    assert (await post(await people.coordinator(None), demand, "submit-up"))[0] == 409
    listed = (await (await people.coordinator()).get(f"/demands/{demand.id}/handovers")).json()
    assert [item["to_region_code"] for item in listed["items"]] == ["000000", ZHEJIANG, JINHUA]
    assert {item["reason"] for item in listed["items"]} == {REASON["reason"]}


@pytest.mark.parametrize("place", [None, JINHUA, "000000"])
async def test_what_is_offered_is_what_is_done(
    people: People, session: AsyncSession, place: str | None
) -> None:
    """Whoever handed a demand on still reads it, and is not offered what others do now."""
    organization = await people.organization()
    staff = [await people.coordinator(region) for region in (YIWU, JINHUA, ZHEJIANG, None)]
    bodies = {
        "submit-up": REASON,
        "dispatch": to(PUJIANG),
        "share": to(HANGZHOU),
        "end-share": to(PUJIANG),
    }
    shares: dict[DemandState, list[str]] = {
        DemandState.PUBLISHED: [PUJIANG],
        DemandState.REFUSED: [PUJIANG],
        DemandState.SUBMITTED: [],
    }
    for client, state, verb in product(staff, shares, bodies):
        demand = await store(
            session,
            organization,
            state=state,
            handed_to_region_code=place,
            shared_region_codes=list(shares[state]),
        )
        offered = (await client.get(f"/demands/{demand.id}")).json()["allowed_actions"]
        status, answer = await post(client, demand, verb, bodies[verb])
        assert (verb in offered) == (status == 200), (state, verb, answer)
        now = (await client.get(f"/demands/{demand.id}")).json()
        assert status != 200 or answer["version"] == now["version"], verb


async def test_down_to_whom_it_suits(people: People, session: AsyncSession) -> None:
    """From the level that carries it: what lies beside or above it is no 下派."""
    demand = await store(session, await people.organization())
    province, hangzhou = await people.coordinator(ZHEJIANG), await people.coordinator(HANGZHOU)
    assert (await hangzhou.get(f"/demands/{demand.id}")).json()["problem"] is None
    assert (await post(hangzhou, demand, "dispatch", to(HANGZHOU)))[0] == 403
    for beside_or_above in (HANGZHOU, PUJIANG, JINHUA, ZHEJIANG, YIWU, GUANGZHOU):
        status, refused = await post(province, demand, "dispatch", to(beside_or_above))
        assert (status, refused["errors"][0]["code"]) == (422, "not_below"), beside_or_above
    for above in (JINHUA, ZHEJIANG):
        assert (await post(province, demand, "submit-up"))[1]["handed_to_region_code"] == above
    for elsewhere in (ZHEJIANG, GUANGZHOU):
        assert (await post(province, demand, "dispatch", to(elsewhere)))[0] == 422
    status, shown = await post(province, demand, "dispatch", to(HANGZHOU))
    assert (status, shown["handed_to_region_code"]) == (200, HANGZHOU)
    seen = (await hangzhou.get(f"/demands/{demand.id}")).json()
    assert seen["problem"]
    assert {"submit-up", "share"} <= set(seen["allowed_actions"])
    assert (await post(hangzhou, demand, "submit-up"))[0] == 200
    back = (await post(province, demand, "dispatch", to(YIWU)))[1]
    assert back["handed_to_region_code"] is None
    assert (await hangzhou.get(f"/demands/{demand.id}")).json()["problem"] is None


async def test_of_no_region_is_dispatched_below_ones_own(
    people: People, session: AsyncSession
) -> None:
    """It is the staff's of every region; who has nothing below is not offered it."""
    organization = await people.organization()
    for region, offers in ((YIWU, False), (JINHUA, True), (None, True)):
        client = await people.coordinator(region)
        demand = await store(session, organization, region_code=None)
        shown = (await client.get(f"/demands/{demand.id}")).json()
        assert ("dispatch" in shown["allowed_actions"]) == offers, region
        assert (await post(client, demand, "dispatch", to(YIWU)))[0] == (200 if offers else 422)


async def test_sideways_to_read_and_to_look_for_experts(
    people: People, session: AsyncSession
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    home, other = await people.coordinator(), await people.coordinator(PUJIANG)
    assert (await other.post(f"/demands/{demand.id}:match", json={})).status_code == 403
    shared = (await post(home, demand, "share", to(PUJIANG)))[1]
    assert shared["shared_region_codes"] == [PUJIANG]
    assert (await post(home, demand, "share", to(PUJIANG)))[0] == 409
    seen = (await other.get(f"/demands/{demand.id}")).json()
    assert seen["problem"]
    assert seen["allowed_actions"] == ["match", "propose-team"]
    listed = (await other.get("/demands")).json()["items"]
    assert [item["problem"] for item in listed] == [seen["problem"]]
    run = await scenes.match(other, demand.id)
    assert {m["allowed_actions"] == [] for m in run["matches"]} == {True}
    assert await scenes.judge(other, run["matches"][0]["id"], "suitable") == 403
    judgments = await other.get(f"/matches/{run['matches'][0]['id']}/judgments")
    assert judgments.status_code == 403
    ended = (await post(home, demand, "end-share", to(PUJIANG)))[1]
    assert ended["shared_region_codes"] == []
    assert (await other.get(f"/demands/{demand.id}")).json()["problem"] is None
    assert (await other.get(f"/match-runs/{run['id']}")).status_code == 404
    assert await scenes.judge(other, run["matches"][0]["id"], "suitable") == 404
    assert (await post(home, demand, "end-share", to(PUJIANG)))[0] == 409


@pytest.mark.parametrize("verb", ["withdraw", "update", "share", "submit-up"])
async def test_a_partner_changes_nothing(people: People, session: AsyncSession, verb: str) -> None:
    demand = await store(session, await people.organization(), shared_region_codes=[PUJIANG])
    other = await people.coordinator(PUJIANG)
    if verb == "update":
        answer = await other.patch(f"/demands/{demand.id}", json={"title": "改"})
        assert answer.status_code == 403
    else:
        assert (await post(other, demand, verb, to(PUJIANG) if verb == "share" else REASON))[
            0
        ] == 403


async def test_a_share_is_no_way_to_move_a_demand_elsewhere(
    people: People, session: AsyncSession
) -> None:
    """Whoever would only be a partner afterwards moves it out of their own region, too."""
    demand = await store(
        session,
        await people.organization(),
        state=DemandState.RETURNED,
        shared_region_codes=[YIWU],
    )
    answer = await (await people.coordinator()).patch(
        f"/demands/{demand.id}", json={"region_code": GUANGZHOU}
    )
    assert (answer.status_code, answer.json()["detail"]) == (403, "不能移出自己的管辖地区")


async def test_a_draft_is_the_enterprises_own(people: People, session: AsyncSession) -> None:
    demand = await store(session, await people.organization(), state=DemandState.DRAFT)
    staff = await people.coordinator()
    for verb, body in (("submit-up", REASON), ("dispatch", to(PUJIANG)), ("share", to(PUJIANG))):
        status, problem = await post(await people.coordinator(JINHUA), demand, verb, body)
        assert (status, problem["code"]) == (409, "wrong_state") or verb == "dispatch"
    assert "share" not in (await staff.get(f"/demands/{demand.id}")).json()["allowed_actions"]


async def test_each_level_may_look_at_its_own_queue(people: People, session: AsyncSession) -> None:
    organization = await people.organization()
    demand = await store(session, organization, state=DemandState.SUBMITTED)
    await store(session, organization, state=DemandState.SUBMITTED)
    city, county = await people.coordinator(JINHUA), await people.coordinator()

    async def waiting(client: AsyncClient, level: str) -> int:
        queue = (await client.get("/queue", params={"level": level})).json()
        assert sum(queue["counts"].values()) == len(queue["items"])
        return len(queue["items"])

    assert (await waiting(city, "all"), await waiting(city, "own")) == (2, 0)
    await post(county, demand, "submit-up")
    assert (await waiting(city, "all"), await waiting(city, "own")) == (2, 1)
    assert (await waiting(county, "all"), await waiting(county, "own")) == (2, 1)


async def test_list_agrees_with_reading_one_by_one(people: People, session: AsyncSession) -> None:
    organization = await people.organization()
    places = [None, JINHUA, HANGZHOU, "000000"]
    shares: list[list[str]] = [[], [PUJIANG], [GUANGZHOU, HANGZHOU]]
    demands = [
        await store(
            session, organization, handed_to_region_code=place, shared_region_codes=list(shared)
        )
        for place in places
        for shared in shares
    ]
    for region in (YIWU, PUJIANG, JINHUA, HANGZHOU, ZHEJIANG, GUANGZHOU, "440000", None):
        reader = await people.coordinator(region)
        listed = (await reader.get("/demands")).json()["items"]
        in_full = {item["id"] for item in listed if item["problem"]}
        # By what only the full text holds one finds only what one reads in full.
        query = {"organization_id": str(organization.id)}
        found = (await reader.get("/demands", params=query)).json()["items"]
        assert {item["id"] for item in found} == in_full, region
        for demand in demands:
            shown = (await reader.get(f"/demands/{demand.id}")).json()
            assert bool(shown["problem"]) == (str(demand.id) in in_full), region
