"""What a file leaves to people of other regions, and what strangers can do to it beforehand."""

from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient

from app.scopes import Sessions
from tests.app.bulk.files import (
    CREDIT_CODE,
    demand,
    expert,
    json_lines,
    organization,
    run,
)
from tests.app.organizations.test_registration import credit_code, registration
from tests.people import GUANGZHOU, YIWU, People


async def handed_in(
    sessions: Sessions, staff: AsyncClient, kind: str, *rows: dict[str, Any], **form: Any
) -> dict[str, Any]:
    """The import of the rows as somebody's file, run to its end."""
    files = {"file": ("a.jsonl", json_lines(*rows))}
    received = (await staff.post("/imports", files=files, data={"kind": kind, **form})).json()
    await run(sessions, UUID(received["id"]))
    body: dict[str, Any] = (await staff.get(f"/imports/{received['id']}")).json()
    return body


def told(body: dict[str, Any]) -> list[tuple[int, str]]:
    """Of all rows, but for what they lack."""
    found = [entry for entry in body["report"] if entry["outcome"] != "incomplete"]
    return [(entry["row"], entry["code"]) for entry in found]


async def listed(client: AsyncClient, kind: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await client.get(f"/{kind}")).json()["items"]
    return items


async def status_of(client: AsyncClient, path: str, **change: str) -> tuple[int, int]:
    """Of a reading, and of a change."""
    patched = await client.patch(path, json=change)
    return (await client.get(path)).status_code, patched.status_code


ROWS: dict[str, list[dict[str, Any]]] = {
    "organizations": [{"name": f"某大学{n}", "kind": "university"} for n in (1, 2)],
    "experts": [expert(n, region_code=None) for n in (1, 2)],
    "achievements": [{"name": f"抗酸胶膜{n}", "organization": "某研究院"} for n in (1, 2)],
    "demands": [demand(n, region_code=None) for n in (1, 2)],
}


@pytest.mark.parametrize("kind", ROWS)
async def test_a_file_without_regions_is_of_its_senders_region(
    sessions: Sessions, people: People, kind: str
) -> None:
    """Without one the staff of every region would read it in full, and could make it theirs."""
    staff, other = await people.coordinator(YIWU), await people.coordinator(GUANGZHOU)
    for again in (False, True):
        body = await handed_in(sessions, staff, kind, *ROWS[kind])
        assert (body["state"], body["rejected_count"]) == ("done", 0)
        assert ((1, "region_assumed") in told(body)) != again
        assert (2, "region_assumed") not in told(body)
        assert body["unchanged_count"] == (2 if again else 0)
    owners = await listed(staff, "organizations")
    for record in [*await listed(staff, kind), *owners]:
        assert record["region_code"] == YIWU
    for record in await listed(staff, kind):
        path = f"/{kind}/{record['id']}"
        read, written = await status_of(other, path, region_code=GUANGZHOU)
        assert (read, written) == ((200, 403) if kind == "organizations" else (404, 404))
        if kind == "experts":
            assert (await other.get(f"{path}/contact")).status_code == 404
    if kind == "demands":
        [owner] = owners
        assert await status_of(other, f"/organizations/{owner['id']}", region_code=GUANGZHOU) == (
            *(404, 404),
        )


async def test_a_known_enterprise_gives_its_demand_its_region(
    sessions: Sessions, people: People
) -> None:
    staff = await people.coordinator("330000")
    await people.organization("义乌某针织厂", region_code=YIWU)
    body = await handed_in(sessions, staff, "demands", demand(region_code=None))
    assert told(body) == []
    assert [found["region_code"] for found in await listed(staff, "demands")] == [YIWU]


async def test_an_administrators_file_may_leave_the_region_out(
    sessions: Sessions, people: People
) -> None:
    administrator = await people.administrator()
    body = await handed_in(sessions, administrator, "experts", expert(region_code=None))
    assert told(body) == [(1, "organization_unknown")], "and nothing of a region"
    assert [found["region_code"] for found in await listed(administrator, "experts")] == [None]


@pytest.mark.parametrize("kind", ["experts", "achievements", "demands"])
async def test_what_a_coordinator_enters_without_a_region_is_of_their_own(
    people: People, kind: str
) -> None:
    staff, other = await people.coordinator(YIWU), await people.coordinator(GUANGZHOU)
    administrator = await people.administrator()
    owner = (await administrator.post("/organizations", json={"name": "某全国学会"})).json()
    assert owner["region_code"] is None
    bodies = {
        "experts": {"name": "林若溪", "organization_id": owner["id"]},
        "achievements": {"name": "抗酸胶膜", "organization_id": owner["id"]},
        "demands": {"title": "浅色黄变控制", "organization_id": owner["id"]},
    }
    for client, region in ((staff, YIWU), (administrator, None)):
        answer = await client.post(f"/{kind}", json=bodies[kind])
        assert (answer.status_code, answer.json()["region_code"]) == (201, region)
        path = f"/{kind}/{answer.json()['id']}"
        assert (await other.get(path)).status_code == (404 if region else 200)
        cleared = await client.patch(path, json={"region_code": None})
        assert (cleared.status_code, cleared.json()["region_code"]) == (200, region)


URUMQI = "650100"


async def registered(anybody: AsyncClient, **organization: Any) -> str:
    """The id of an organization that a stranger registers."""
    given = {"unified_social_credit_code": CREDIT_CODE, "region_code": YIWU, **organization}
    email = f"{given['unified_social_credit_code']}@test.invalid".lower()
    answer = await anybody.post("/organizations:register", json=registration(email, **given))
    assert answer.status_code == 201, answer.text
    organization_id: str = answer.json()["organization_id"]
    return organization_id


async def organizations(client: AsyncClient) -> dict[str, tuple[Any, ...]]:
    """Of each the code, the state and the region, by its id."""
    return {
        found["id"]: (found["unified_social_credit_code"], found["state"], found["region_code"])
        for found in await listed(client, "organizations")
    }


async def test_a_registration_under_a_known_name_is_nobodys_row(
    sessions: Sessions, people: People, client: AsyncClient
) -> None:
    """Before the first file it was captured by it, after it every file failed as ambiguous."""
    staff = await people.coordinator()
    row = {"name": "某大学", "kind": "university", "region_code": YIWU}
    vouching = {"admit": "true", "overwrite": "true"}
    first = await registered(client, name="某大学")
    body = await handed_in(sessions, staff, "organizations", row)
    assert (body["state"], body["created_count"], told(body)) == ("done", 1, [])
    second = await registered(
        client, name="某大学", unified_social_credit_code=credit_code(1), contact_name="某"
    )
    for is_rejected in (False, True):
        if is_rejected:
            for stranger in (first, second):
                path = f"/organizations/{stranger}:reject"
                assert (await staff.post(path, json={"reason": "冒名"})).status_code == 200
        for form in ({}, vouching):
            body = await handed_in(sessions, staff, "organizations", row, **form)
            assert (body["state"], body["rejected_count"], told(body)) == ("done", 0, [])
        found = await organizations(staff)
        state = "rejected" if is_rejected else "registered"
        assert found.pop(first) == (CREDIT_CODE, state, YIWU)
        assert found.pop(second) == (credit_code(1), state, YIWU)
        assert list(found.values()) == [(None, "verified", YIWU)]


@pytest.mark.parametrize("held", ["elsewhere", "rejected"])
async def test_a_registration_that_holds_a_code_holds_no_file_up(
    sessions: Sessions, people: People, client: AsyncClient, held: str
) -> None:
    """The enterprise is entered without the code, which is unique, until staff free it."""
    staff, administrator = await people.coordinator(), await people.administrator()
    stranger = await registered(
        client, name="他厂", region_code=URUMQI if held == "elsewhere" else YIWU
    )
    if held == "rejected":
        await staff.post(f"/organizations/{stranger}:reject", json={"reason": "冒名"})
    before = (await organizations(administrator))[stranger]
    rows = [demand(n, region_code=None) for n in (1, 2)]
    body = await handed_in(sessions, staff, "demands", *rows)
    assert (body["state"], body["created_count"]) == ("done", 2)
    assert [code for _, code in told(body) if code != "region_assumed"] == [
        *("organization_entered", "credit_code_held"),
    ]
    changed = [row | {"budget": "60"} for row in rows]
    body = await handed_in(sessions, staff, "demands", *changed)
    assert (body["state"], body["updated_count"], told(body)) == ("done", 2, [])
    for found in await listed(staff, "demands"):
        assert (found["organization_name"], found["region_code"]) == ("义乌某针织厂", YIWU)
    row = organization(name="义乌某针织厂", unified_social_credit_code=CREDIT_CODE)
    new = organization(name="他厂", unified_social_credit_code=credit_code(1))
    body = await handed_in(sessions, staff, "organizations", row, new, admit="true")
    assert (body["state"], told(body)) == ("done", [(1, "credit_code_held")])
    assert (body["created_count"], body["updated_count"]) == (1, 1)
    every = await organizations(administrator)
    assert every.pop(stranger) == before
    assert sorted(every.values(), key=str) == [
        (credit_code(1), "verified", YIWU),
        (None, "verified", YIWU),
    ]
    [ours] = [one for one, values in every.items() if values[0] is None]
    code = {"unified_social_credit_code": None}
    freed = await administrator.patch(f"/organizations/{stranger}", json=code)
    given = await staff.patch(
        f"/organizations/{ours}", json={"unified_social_credit_code": CREDIT_CODE}
    )
    assert (freed.status_code, given.status_code) == (200, 200)
    body = await handed_in(sessions, staff, "demands", *changed)
    assert (body["unchanged_count"], told(body)) == (2, [])


async def test_a_registration_of_ones_own_region_is_met_by_its_code_alone(
    sessions: Sessions, people: People, client: AsyncClient
) -> None:
    """A file need not overwrite to put right what nobody confirmed; its people stay outside."""
    staff = await people.coordinator()
    stranger = await registered(client, name="他厂")
    row = organization(name="义乌某针织厂", unified_social_credit_code=CREDIT_CODE)
    for form, state in (({}, "registered"), ({"admit": "true"}, "verified")):
        body = await handed_in(sessions, staff, "organizations", row, **form)
        assert (body["state"], body["updated_count"]) == ("done", 1)
        assert told(body) == ([] if form else [(1, "registration_met")])
        assert await organizations(staff) == {stranger: (CREDIT_CODE, state, YIWU)}
    shown = (await staff.get(f"/organizations/{stranger}")).json()
    assert shown["name"] == "义乌某针织厂"
    [membership] = await listed(staff, "memberships")
    assert membership["state"] == "requested"
    await staff.patch(f"/organizations/{stranger}", json={"introduction": "针织"})
    changed = row | {"introduction": "袜业"}
    body = await handed_in(sessions, staff, "organizations", changed)
    assert told(body) == [(1, "edited_since_import")]


async def test_a_registration_decides_nothing_of_its_demands(
    sessions: Sessions, people: People, client: AsyncClient
) -> None:
    """Neither their region, nor, once it is rejected, whether their file goes on."""
    staff = await people.coordinator("330000")
    stranger = await registered(client, name="义乌某针织厂")
    row = demand(region_code=None)
    await handed_in(sessions, staff, "demands", row)
    [found] = await listed(staff, "demands")
    assert (found["organization_id"], found["region_code"]) == (stranger, "330000")
    await staff.post(f"/organizations/{stranger}:reject", json={"reason": "冒名"})
    body = await handed_in(sessions, staff, "demands", row | {"budget": "60"})
    assert (body["state"], body["updated_count"], told(body)) == ("done", 1, [])


async def test_a_registration_by_another_name_takes_no_demand(
    sessions: Sessions, people: People, client: AsyncClient
) -> None:
    """Whoever has registered a code that is not theirs reads nothing of its enterprise."""
    staff = await people.coordinator()
    stranger = await registered(client, name="皮包公司")
    body = await handed_in(sessions, staff, "demands", demand(), admit="true")
    assert told(body) == [(1, "organization_entered"), (1, "credit_code_held")]
    [found] = await listed(staff, "demands")
    assert found["organization_id"] != stranger


async def test_names_that_differ_from_their_codes_are_told(
    sessions: Sessions, people: People
) -> None:
    """A mistyped code that is another's gives demands away, and renames firms."""
    staff = await people.coordinator()
    row = organization(name="义乌某针织厂", unified_social_credit_code=CREDIT_CODE)
    await handed_in(sessions, staff, "organizations", row)
    body = await handed_in(sessions, staff, "demands", demand(organization="义乌某饰品厂"))
    assert told(body) == [(1, "named_otherwise")]
    body = await handed_in(sessions, staff, "organizations", row | {"name": "义乌戊公司"})
    assert (body["updated_count"], told(body)) == (1, [(1, "renamed")])


@pytest.mark.parametrize("kind", ["demands", "organizations"])
async def test_a_name_tells_of_no_enterprise_that_is_hidden(
    sessions: Sessions, people: People, kind: str
) -> None:
    """What a file of another region brought is answered as a name that nobody has."""
    staff, other = await people.coordinator(YIWU), await people.coordinator(GUANGZHOU)
    secret = demand(organization="秘密企业", external_id=None, unified_social_credit_code=None)
    assert (await handed_in(sessions, staff, "demands", secret))["created_count"] == 1
    assert await listed(other, "organizations") == []
    rows = {
        "demands": [
            secret | {"organization": name, "region_code": GUANGZHOU}
            for name in ("秘密企业", "无人企业")
        ],
        "organizations": [
            organization(name=name, region_code=GUANGZHOU) for name in ("秘密企业", "无人企业")
        ],
    }
    body = await handed_in(sessions, other, kind, *rows[kind])
    assert (body["state"], body["created_count"]) == ("done", 2)
    of_first, of_second = ({code for row, code in told(body) if row == n} for n in (1, 2))
    assert of_first == of_second
    found = await listed(other, "organizations")
    assert {one["region_code"] for one in found} == {GUANGZHOU}
    mine = [one for one in await listed(staff, "organizations") if one["region_code"] == YIWU]
    assert [one["name"] for one in mine] == ["秘密企业"]
    again = secret | {"budget": "60"}
    assert (await handed_in(sessions, staff, "demands", again))["updated_count"] == 1
    completed = organization(name="秘密企业")
    assert (await handed_in(sessions, staff, "organizations", completed))["updated_count"] == 1


async def test_a_code_means_no_namesake_of_another_region(
    sessions: Sessions, people: People
) -> None:
    """The demand would be refused for its owner's region; a name alone means whoever there is."""
    await people.organization("义乌某针织厂", region_code=GUANGZHOU)
    staff = await people.coordinator(YIWU)
    body = await handed_in(sessions, staff, "demands", demand())
    assert (body["state"], told(body)) == ("done", [(1, "organization_entered")])
    found = (await organizations(staff)).values()
    assert (CREDIT_CODE, "registered", YIWU) in found
    unnumbered = demand(2, unified_social_credit_code=None)
    assert (await handed_in(sessions, staff, "demands", unnumbered))["created_count"] == 1
    assert {one["organization_name"] for one in await listed(staff, "demands")} == {"义乌某针织厂"}
    assert len(await organizations(staff)) == 2


async def test_an_employer_is_that_of_the_senders_region(
    sessions: Sessions, people: People
) -> None:
    """Of several verified ones of a name; else the one there is, wherever it lies."""
    elsewhere = await people.organization("某研究院", region_code=GUANGZHOU)
    staff = await people.coordinator(YIWU)
    await handed_in(sessions, staff, "demands", demand(organization="某研究院"))  # unverified, here
    await handed_in(sessions, staff, "experts", expert(organization="某研究院"))
    [found] = await listed(staff, "experts")
    assert found["organization_id"] == str(elsewhere.id)
    ours = await people.organization("某研究院", region_code=YIWU)
    await handed_in(sessions, staff, "experts", expert(name="第二位", organization="某研究院"))
    owners = {e["name"]: e["organization_id"] for e in await listed(staff, "experts")}
    assert owners["第二位"] == str(ours.id)


async def test_a_row_with_a_code_means_no_namesake_of_another_region(
    sessions: Sessions, people: People
) -> None:
    administrator, staff = await people.administrator(), await people.coordinator(YIWU)
    await administrator.post("/organizations", json={"name": "同名公司", "region_code": GUANGZHOU})
    row = {"name": "同名公司", "region_code": YIWU, "unified_social_credit_code": CREDIT_CODE}
    body = await handed_in(sessions, staff, "organizations", row)
    assert body["rejected_count"] == 0
    assert {"同名公司"} == {o["name"] for o in await listed(staff, "organizations")}
