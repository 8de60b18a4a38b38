"""What an import does to the pools: create, update, leave alone, refuse, roll back."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.achievements.models import Achievement, AchievementState
from app.bulk.kinds import ImportMode
from app.bulk.report import MAX_ENTRIES, MAX_FIELD
from app.changes.models import Change
from app.experts import repository
from app.experts.models import Evidence, Expert, ExpertContact
from app.experts.schemas import MAX_EVIDENCE
from app.organizations.models import Organization
from app.progress.models import OperationState
from app.scopes import Sessions
from tests.app.bulk.files import (
    CREDIT_CODE,
    codes,
    count_of,
    counts,
    demand,
    expert,
    imported,
    json_lines,
    organization,
)
from tests.people import YIWU, People

PARTIAL = ImportMode.PARTIAL


async def expert_id(session: AsyncSession, external_id: str = "E1") -> UUID:
    found = await session.scalar(select(Expert.id).where(Expert.external_id == external_id))
    assert found is not None
    return found


async def test_the_same_file_twice_changes_nothing(
    sessions: Sessions, session: AsyncSession
) -> None:
    content = json_lines(*(expert(n) for n in range(450)))
    assert counts(await imported(sessions, "experts", content)) == (450, 0, 0, 0)
    versions = select(func.sum(Expert.version), func.count(Change.id)).join(
        Change, Change.subject_id == Expert.id
    )
    before = (await session.execute(versions)).one()
    assert counts(await imported(sessions, "experts", content)) == (0, 0, 450, 0)
    assert (await session.execute(versions)).one() == before


async def test_an_imported_expert_is_found_and_whole(sessions: Sessions, people: People) -> None:
    staff = await people.coordinator()
    row = expert(kind="academician", academy_division="工程院", elected_year=2013)
    await imported(sessions, "experts", json_lines(row), is_admitting=True)
    for text in ("林若", "linruoxi", "染整", "针织物"):
        page = (await staff.get("/experts", params={"text": text})).json()
        assert [item["external_id"] for item in page["items"]] == ["E1"]
    shown = (await staff.get(f"/experts/{page['items'][0]['id']}")).json()
    assert (shown["state"], shown["missing"]) == ("in_pool", [])
    assert {(item["title"], item["grade"]) for item in shown["evidence"]} == {
        ("针织物、袜类的功能整理", "self_stated"),
        ("染色牢度", "documented"),
    }
    contact = (await staff.get(f"/experts/{shown['id']}/contact")).json()
    assert contact["phone"] == "000-0001"


async def test_a_changed_row_updates_only_what_it_states(
    sessions: Sessions, session: AsyncSession
) -> None:
    await imported(sessions, "experts", json_lines(expert()))
    changed = {
        "external_id": "E1",
        "name": "林若溪",
        "title": "研究员",
        "email": "lin@test.invalid",
        "publications": [{"title": "染色牢度", "year": 2024}, "新论文"],
        "is_do_not_contact": True,
        "reduced_capacity": 1,
        "reduced_until_on": "2027-02-28",
    }
    body = await imported(sessions, "experts", json_lines(changed))
    assert counts(body) == (0, 1, 0, 0)
    found = await repository.find(session, await expert_id(session))
    assert found is not None
    assert (found.name, found.title, found.disciplines) == ("林若溪", "研究员", ["430"])
    asked = (found.is_do_not_contact, found.reduced_capacity, found.reduced_until_on)
    assert asked == (True, 1, date(2027, 2, 28))
    evidence = {item.title: item.year for item in found.evidence}
    assert evidence == {"针织物、袜类的功能整理": None, "染色牢度": 2024, "新论文": None}
    contact = await session.scalar(select(ExpertContact))
    assert contact is not None
    assert (contact.phone, contact.email) == ("000-0001", "lin@test.invalid")


async def test_a_title_alone_leaves_an_item_as_it_is(
    sessions: Sessions, session: AsyncSession, people: People
) -> None:
    staff = await people.account(Role.COORDINATOR, region_code=YIWU)
    whole = {
        "title": "染色牢度",
        "abstract": "超细旦锦纶",
        "keywords": ["锦纶"],
        "year": 2024,
        "identifier": "10.1/2",
        "grade": "verified",
    }
    await imported(sessions, "experts", json_lines(expert(publications=[whole])))
    await session.execute(update(Evidence).values(verified_by_id=staff.id))
    await session.commit()
    texts = (Evidence.abstract, Evidence.keywords, Evidence.year, Evidence.identifier)
    states = select(*texts, Evidence.grade, Evidence.verified_by_id)
    item: Any
    for item, stated in (
        ("染色牢度", ("超细旦锦纶", ["锦纶"], 2024, "10.1/2", "verified", staff.id)),
        (
            {"title": "染色牢度", "year": 2025},
            ("超细旦锦纶", ["锦纶"], 2025, "10.1/2", "documented", None),  # nobody verified that
        ),
        (
            {"title": "染色牢度", "grade": "self_stated", "abstract": ""},
            ("", ["锦纶"], 2025, "10.1/2", "self_stated", None),
        ),
    ):
        body = await imported(sessions, "experts", json_lines(expert(publications=[item])))
        assert counts(body) == (0, 1, 0, 0), codes(body)
        assert (await session.execute(states)).one() == stated


@pytest.mark.parametrize(
    ("path", "body"),
    [("", {"title": "院长"}), ("/contact", {"phone": "000-9999"})],
)
async def test_what_was_edited_since_is_not_overwritten_silently(
    sessions: Sessions, session: AsyncSession, people: People, path: str, body: dict[str, str]
) -> None:
    content = json_lines(expert())
    await imported(sessions, "experts", content)
    staff = await people.coordinator()
    address = f"/experts/{await expert_id(session)}{path}"
    edited = await (staff.put if path else staff.patch)(address, json=body)
    assert edited.status_code == 200
    for rows in (content, json_lines(expert(title="主任"))):
        refused = await imported(sessions, "experts", rows, mode=PARTIAL)
        assert codes(refused) == [(1, "", "edited_since_import")]
        entry = refused.report[0]
        assert "命令加 --overwrite，接口加 overwrite=true" in entry.message_zh
    key, value = next(iter(body.items()))
    assert (await staff.get(address)).json()[key] == value
    forced = await imported(sessions, "experts", content, is_overwriting=True)
    assert counts(forced) == (0, 1, 0, 0)
    assert (await staff.get(address)).json()[key] == expert()[key]
    assert counts(await imported(sessions, "experts", content)) == (0, 0, 1, 0)


async def test_a_review_is_no_edit(
    sessions: Sessions, session: AsyncSession, people: People
) -> None:
    await imported(sessions, "experts", json_lines(expert()))
    staff = await people.coordinator()
    for verb in ("submit", "begin-review", "recommend", "admit"):
        answer = await staff.post(f"/experts/{await expert_id(session)}:{verb}")
        assert answer.status_code == 200
    changed = json_lines(expert(title="主任"))
    assert counts(await imported(sessions, "experts", changed)) == (0, 1, 0, 0)


async def test_what_never_came_by_import_counts_as_edited(
    sessions: Sessions, people: People
) -> None:
    staff = await people.coordinator()
    body = {"name": "林若溪", "organization_name": "某大学", "region_code": YIWU}
    await staff.post("/experts", json=body)
    row = {"name": "林若溪", "organization": "某大学", "title": "教授"}
    refused = await imported(sessions, "experts", json_lines(row))
    assert codes(refused) == [(1, "", "edited_since_import")]
    forced = await imported(sessions, "experts", json_lines(row), is_overwriting=True)
    assert counts(forced) == (0, 1, 0, 0)


async def test_a_record_under_review_or_removed_is_left_alone(
    sessions: Sessions, session: AsyncSession, people: People
) -> None:
    await imported(sessions, "experts", json_lines(expert()))
    staff = await people.coordinator()
    path = f"/experts/{await expert_id(session)}"
    await staff.post(path + ":submit")
    changed = json_lines(expert(title="主任"))
    assert codes(await imported(sessions, "experts", changed)) == [(1, "", "wrong_state")]
    await staff.post(path + ":remove", json={"cause": "requested"})
    assert codes(await imported(sessions, "experts", changed)) == [(1, "", "wrong_state")]


async def test_an_ambiguous_key_is_refused(sessions: Sessions, session: AsyncSession) -> None:
    same = {"name": "林若溪", "organization": "某大学"}
    both = json_lines(same | {"external_id": "A"}, same | {"external_id": "B"})
    assert counts(await imported(sessions, "experts", both)) == (2, 0, 0, 0)
    body = await imported(sessions, "experts", json_lines(same))
    assert codes(body) == [(1, "", "ambiguous")]
    other = json_lines(same | {"organization": "别的大学"})
    assert counts(await imported(sessions, "experts", other)) == (1, 0, 0, 0)
    assert await count_of(session, Expert) == 3


async def test_a_record_named_twice_in_a_file_is_refused(sessions: Sessions) -> None:
    rows = json_lines(expert(), expert(), {"name": "林若溪1", "organization": "某大学"})
    body = await imported(sessions, "experts", rows, mode=PARTIAL)
    assert counts(body) == (1, 0, 0, 2)
    assert codes(body) == [(2, "", "repeated_in_file"), (3, "", "repeated_in_file")]


BAD_ROWS = (
    expert(1, elected_year="soon"),
    expert(2, disciplines=["430", "999"]),
    expert(3, colour="red"),
    expert(4, orcid="0000-0002-1825-0098"),
    expert(5, publications=[{"grade": "verified"}]),
    {"external_id": "E6"},
)
BAD_CODES = [
    (1, "elected_year", "int_type"),
    (2, "disciplines/1", "unknown_code"),
    (3, "colour", "extra_forbidden"),
    (4, "orcid", "bad_orcid"),
    (5, "publications/0/title", "missing"),
    (6, "name", "missing"),
    (7, "", "json_invalid"),
]


async def test_every_refused_row_is_reported(sessions: Sessions) -> None:
    content = json_lines(*BAD_ROWS) + b"\n[1]\n" + json_lines(expert(8))
    body = await imported(sessions, "experts", content, mode=PARTIAL)
    assert counts(body) == (1, 0, 0, 7)
    assert codes(body) == BAD_CODES
    assert body.state is OperationState.DONE
    assert all(entry.message_zh and entry.message_en for entry in body.report)


async def test_all_or_nothing_keeps_nothing(sessions: Sessions, session: AsyncSession) -> None:
    rows = [expert(n) for n in range(300)] + [expert(300, title="字" * 301)]
    body = await imported(sessions, "experts", json_lines(*rows))
    assert (body.state, counts(body)) == (OperationState.FAILED, (0, 0, 0, 1))
    assert codes(body) == [(301, "title", "string_too_long")]
    assert await count_of(session, Expert) == 0
    assert await session.scalar(select(func.count()).where(Change.kind == "expert.created")) == 0


async def test_partial_keeps_what_is_valid_around_what_the_database_refuses(
    sessions: Sessions, session: AsyncSession
) -> None:
    orcid = "0000-0002-1825-0097"
    rows = [expert(n, orcid=orcid if n in (3, 40) else None) for n in range(60)]
    body = await imported(sessions, "experts", json_lines(*rows), mode=PARTIAL)
    assert (body.state, counts(body)) == (OperationState.DONE, (59, 0, 0, 1))
    assert codes(body) == [(41, "", "conflict")]
    assert await count_of(session, Expert) == 59


async def test_evidence_is_bounded_over_all_columns_and_files(
    sessions: Sessions, session: AsyncSession
) -> None:
    def titles(column: str, count: int) -> dict[str, Any]:
        return {column: [f"{column}{number}" for number in range(count)]}

    full = expert(**titles("publications", 200), **titles("patents", 200))
    files: tuple[tuple[dict[str, Any], list[Any]], ...] = (
        (full | titles("projects", 101), [(1, "", "too_long")]),
        (full, []),
        (expert(publications=[], **titles("awards", 101)), [(1, "", "too_long")]),
        (expert(publications=[], **titles("awards", 100)), []),
        (full | {"title": "院士"}, []),  # adds nothing
        (expert(publications=[], **titles("achievements", 1)), [(1, "", "too_long")]),
    )
    for row, refused in files:
        body = await imported(sessions, "experts", json_lines(row), mode=PARTIAL)
        assert codes(body) == refused
    assert await session.scalar(select(func.count()).select_from(Evidence)) == MAX_EVIDENCE
    assert await session.scalar(select(Expert.title)) == "院士"


async def test_a_contact_from_before_addresses_were_checked_is_renewed(
    sessions: Sessions, session: AsyncSession
) -> None:
    await imported(sessions, "experts", json_lines(expert()))
    contact = (await session.scalars(select(ExpertContact))).one()
    contact.email = "not-mail"
    await session.commit()
    row = json_lines(expert(phone="000-0009"))
    body = await imported(sessions, "experts", row, is_overwriting=True)
    assert (counts(body), codes(body)) == ((0, 1, 0, 0), [])
    await session.refresh(contact)
    assert (contact.phone, contact.email) == ("000-0009", "not-mail")


async def test_the_report_is_bounded_and_says_so(sessions: Sessions) -> None:
    rows = [{"external_id": f"E{n}"} for n in range(MAX_ENTRIES + 1)]
    body = await imported(sessions, "experts", json_lines(*rows), mode=PARTIAL)
    assert (body.rejected_count, len(body.report)) == (MAX_ENTRIES + 1, MAX_ENTRIES)
    assert body.is_report_cut


@pytest.mark.parametrize("kind", ["demands", "achievements"])
async def test_what_is_classified_is_not_stored(
    sessions: Sessions, session: AsyncSession, kind: str
) -> None:
    row = demand() if kind == "demands" else {"name": "成果", "region_code": YIWU}
    body = await imported(sessions, kind, json_lines(row | {"is_confidential": True}))
    assert codes(body) == [(1, "is_confidential", "confidential")]
    assert await count_of(session, Organization) == 0


@pytest.mark.parametrize("mark", [{}, {"is_confidential": False}])
async def test_what_was_registered_as_classified_is_not_admitted(
    sessions: Sessions, session: AsyncSession, mark: dict[str, bool]
) -> None:
    """Nor by a row that leaves the mark of secrecy out, or says otherwise."""
    row = {"name": "成果", "region_code": YIWU}
    await imported(sessions, "achievements", json_lines(row))
    await session.execute(update(Achievement).values(is_confidential=True))
    await session.commit()
    options: dict[str, Any] = {"is_admitting": True, "is_overwriting": True}
    body = await imported(sessions, "achievements", json_lines(row | mark), **options)
    assert (1, "is_confidential", "confidential") in codes(body)
    assert await session.scalar(select(Achievement.state)) is AchievementState.REGISTERED


async def test_a_field_that_no_report_can_hold(sessions: Sessions) -> None:
    rows = json_lines(expert(), {"\0名" + "x" * 5_000: 1}, {"publications": [{"\0": 1}]})
    body = await imported(sessions, "experts", rows)
    assert (body.state, body.rejected_count) == (OperationState.FAILED, 2)
    assert [name[:2] for _, name, code in codes(body) if code == "extra_forbidden"] == ["名x", "pu"]
    assert max(len(name) for _, name, _ in codes(body)) <= MAX_FIELD


async def test_organizations_are_known_by_code_then_by_name(
    sessions: Sessions, session: AsyncSession
) -> None:
    code = CREDIT_CODE
    await imported(sessions, "organizations", json_lines(organization()))
    for row, expected in (
        (organization(unified_social_credit_code=code), (0, 1, 0, 0)),
        (organization(2, unified_social_credit_code=code), (0, 1, 0, 0)),
        (organization(2), (0, 1, 0, 0)),
        (organization(2, unified_social_credit_code="91999999DEM000014G"), (1, 0, 0, 0)),
        (organization(2), (0, 0, 0, 1)),
    ):
        assert counts(await imported(sessions, "organizations", json_lines(row))) == expected
    assert await count_of(session, Organization) == 2


async def test_achievements_from_a_chinese_sheet(
    sessions: Sessions, session: AsyncSession, people: People
) -> None:
    owner = await people.organization("某研究院")
    headings = "成果名称,完成单位,完成人,成果属性,成果水平,所处阶段,体现形式,关键词,成果简介"
    values = "抗酸胶膜,某研究院,许嘉树、邱文涛,改进,国内领先,中试,新材料,胶膜；抗酸,水滑石"
    more = ("技术领域,所在地区,知识产权,转化方式", "新材料及应用,330782,发明专利；标准,许可")
    sheet = f"{headings},{more[0]}\n{values},{more[1]}\n".encode("gb18030")
    for expected in ((1, 0, 0, 0), (0, 0, 1, 0)):
        body = await imported(
            sessions, "achievements", sheet, filename="成果.csv", is_admitting=True
        )
        assert (counts(body), codes(body)) == (expected, [])
    found = (await session.scalars(select(Achievement))).one()
    assert (found.state, found.organization_id) == ("published", owner.id)
    assert (found.people, found.level) == (["许嘉树", "邱文涛"], "domestic_leading")
    assert found.intellectual_property == ["invention_patent", "standard"]
