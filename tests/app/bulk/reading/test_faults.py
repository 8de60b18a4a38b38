"""A fault is told with the file's own heading, the bad value, and what should stand there."""

from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.bulk.kinds import ImportKind, ImportMode
from app.bulk.reading.faults import MAX_VALUE, faults_of
from app.bulk.rows import ROWS
from app.experts.models import ExpertContact
from app.interface.language import Text
from app.scopes import Sessions
from tests.app.bulk.files import csv_file, demand, expert, imported, organization, workbook
from tests.people import YIWU, People


def messages(kind: ImportKind, row: dict[str, Any]) -> list[Text]:
    with pytest.raises(ValidationError) as refused:
        ROWS[kind].model_validate(row)
    return [fault.message for fault in faults_of(kind, refused.value, row)]


@pytest.mark.parametrize(
    ("kind", "row", "said"),
    [
        ("organizations", organization(region_code="义乌"), "“义乌”：格式不正确（6 位行政区划代码"),
        ("organizations", organization(region_code="999999"), "“999999”：行政区划（GB/T 2260）中"),
        (
            "organizations",
            organization(kind="公司"),
            "“公司”：可填：企业、高校、科研院所、学会、园区、政府部门",
        ),
        (
            "organizations",
            organization(unified_social_credit_code="913307"),
            "“913307”：格式不正确（18 位数字与大写字母",
        ),
        ("demands", demand(budget="面议"), "“面议”：应为数字（金额；不写单位按万元"),
        ("demands", demand(is_open_bid="也许"), "“也许”：应为 true 或 false（是 或 否）"),
        ("demands", demand(period_until_on="明年"), "（日期，如 2026-03-01"),
        ("demands", demand(technology_field="纺织"), "可填：电子信息"),
        ("experts", expert(email="not-mail"), "不是电子邮箱（电子邮箱 名称@域名）"),
        ("demands", demand(contact_email="not@mail"), "不是电子邮箱"),
        ("organizations", organization(contact_email="无"), "不是电子邮箱"),
        ("experts", expert(disciplines=["430", "纺织"]), "“纺织”：格式不正确（学科代码"),
    ],
)
def test_the_value_and_what_should_stand_there(kind: str, row: dict[str, Any], said: str) -> None:
    [(zh, en)] = messages(ImportKind(kind), row)
    assert said in zh
    assert en != zh


@pytest.mark.parametrize("cell", ["是", True, "true"])
async def test_what_is_classified_is_not_told_as_badly_written(
    sessions: Sessions, cell: object
) -> None:
    rows = (("成果名称", "是否涉密"), ("某成果", cell))
    body = await imported(sessions, "achievements", workbook(*rows), filename="a.xlsx")
    [entry] = body.report
    assert entry.message_zh == "“是”：涉密内容不得录入本系统，请按保密规定办理"
    assert entry.message_en.startswith("“是”: Classified content must not be entered here")
    assert "yes or no" not in entry.message_en


@pytest.mark.parametrize(
    "cell",
    [
        *("9.13308E+17", "913307820000000000"),
        *(9.13307820000000e17, 91330782000000001, 9133078200000001),
    ],
)
async def test_a_credit_code_that_a_spreadsheet_rounded(sessions: Sessions, cell: object) -> None:
    rows = (("机构名称", "统一社会信用代码"), ("某某厂", cell))
    body = await imported(sessions, "organizations", workbook(*rows), filename="a.xlsx")
    [entry] = body.report
    assert "请将该列设为文本" in entry.message_zh
    [(zh, _)] = messages(
        ImportKind.ORGANIZATIONS, organization(unified_social_credit_code="913307")
    )
    assert "设为文本" not in zh


@pytest.mark.parametrize("cell", ["91330782000000001", "913307820000000002", 913307820000001])
async def test_a_credit_code_that_no_spreadsheet_rounded(sessions: Sessions, cell: object) -> None:
    """Text was kept as it was typed, and so were fifteen digits: the code is simply wrong."""
    rows = (("机构名称", "统一社会信用代码"), ("某某厂", cell))
    body = await imported(sessions, "organizations", workbook(*rows), filename="a.xlsx")
    [entry] = body.report
    assert entry.message_zh.startswith(f"“{cell}”：")
    assert "设为文本" not in entry.message_zh


def test_what_is_private_or_long_is_not_repeated() -> None:
    [(zh, en)] = messages(ImportKind.EXPERTS, expert(orcid="0000-0002-1825-0098"))
    assert "0098" not in zh + en
    assert "16 位" in zh
    [(zh, _)] = messages(ImportKind.ORGANIZATIONS, organization(region_code="义" * 5_000))
    assert "义" * MAX_VALUE in zh
    assert "义" * (MAX_VALUE + 1) not in zh


async def test_a_contacts_email_is_one_over_http_too(session: AsyncSession, people: People) -> None:
    """What is stored from before is shown as it is."""
    staff = await people.coordinator()
    created = await staff.post("/experts", json={"name": "林若溪", "region_code": YIWU})
    path = f"/experts/{created.json()['id']}/contact"
    for email, status in (("not-mail", 422), ("", 200), ("lin@test.invalid", 200)):
        answer = await staff.put(path, json={"email": email, "phone": "000-0001"})
        assert answer.status_code == status
        assert status == 200 or answer.json()["errors"][0]["code"] == "bad_email"
    contact = (await session.scalars(select(ExpertContact))).one()
    contact.email = "not-mail"
    await session.commit()
    assert (await staff.get(path)).json()["email"] == "not-mail"


async def test_columns_are_called_what_the_file_calls_them(sessions: Sessions) -> None:
    file = csv_file(
        ("单位名称", "机构类别*", "所属行业"),
        ("某大学", "大学", "17"),
        ("某公司", "公司", "999"),
        ("", "企业", "17"),
    )
    body = await imported(
        sessions, "organizations", file, filename="a.csv", mode=ImportMode.PARTIAL
    )
    assert body.created_count == 1
    told = [(entry.row, entry.field, entry.heading) for entry in body.report]
    assert told == [
        (3, "kind", "机构类别*"),
        (3, "industry_code", "所属行业"),
        (4, "name", "单位名称"),
    ]
