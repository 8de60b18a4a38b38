"""What the pool's filters find, and what they must not."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.experts.models import ExpertKind, ExpertState
from tests.app.experts.profiles import store
from tests.people import GUANGZHOU, JINHUA, YIWU, ZHEJIANG, People


@pytest.fixture
async def pool(people: People, session: AsyncSession) -> AsyncClient:
    """A reader of five experts."""
    await store(session, name="曾小贤", research_directions=["锦纶染整"], title="教授")
    await store(
        session,
        name="单田芳",
        research_directions=["耐火材料"],
        title="副教授",
        disciplines=["430"],
        technology_fields=["ocean"],
        region_code="330702",
    )
    await store(
        session,
        name="仇英",
        research_directions=[],
        specialities=["纳米涂层"],
        title="院士",
        disciplines=["43040"],
        kind=ExpertKind.ACADEMICIAN,
        academy_division="化学部",
        elected_year=2019,
        region_code=GUANGZHOU,
    )
    await store(
        session,
        name="Hans Müller",
        research_directions=[],
        introduction="LED phosphors, C++ modelling",
        title="Prof. 100%",
        kind=ExpertKind.OVERSEAS_TALENT,
        region_code=None,
        country="DE",
    )
    await store(
        session,
        name="李锦",
        research_directions=[],
        state=ExpertState.SUSPENDED,
        title="工程师_甲",
    )
    return await people.coordinator(None)


async def found(reader: AsyncClient, **filters: Any) -> set[str]:
    answer = await reader.get("/experts", params={**filters, "count": "exact"})
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["total"] == len(page["items"])
    return {item["name"] for item in page["items"]}


async def test_text(pool: AsyncClient) -> None:
    for text, names in (
        ("染整", {"曾小贤"}),
        ("錦綸染整", {"曾小贤"}),
        ("整", {"曾小贤"}),
        ("锦", {"曾小贤", "李锦"}),
        ("耐火", {"单田芳"}),
        ("耐火材料 单田", {"单田芳"}),
        ("材火", set()),
        ("曾小贤", {"曾小贤"}),
        ("小贤", {"曾小贤"}),
        ("zengxiaoxian", {"曾小贤"}),
        ("cengxiao", {"曾小贤"}),
        ("zxx", {"曾小贤"}),
        ("ZXX", {"曾小贤"}),
        ("cxx", {"曾小贤"}),
        ("單田芳", {"单田芳"}),
        ("shantianfang", {"单田芳"}),
        ("stf", {"单田芳"}),
        ("dantian", {"单田芳"}),
        ("qiuying", {"仇英"}),
        ("chouying", {"仇英"}),
        ("纳米涂层", {"仇英"}),
        ("müller", {"Hans Müller"}),
        ("MÜLL", {"Hans Müller"}),
        ("han", {"Hans Müller"}),
        ("phosphor", {"Hans Müller"}),
        ("ＬＥＤ", {"Hans Müller"}),
        ("c++", {"Hans Müller"}),
        ("浙江大学", {"曾小贤", "单田芳", "仇英", "Hans Müller", "李锦"}),
        ("染整 耐火", set()),
        ("不存在", set()),
        ("!!!", set()),
        ("' | 'a", set()),
        ("a:* | b", set()),
        ("\\", set()),
    ):
        assert await found(pool, text=text) == names, text


async def test_disciplines_include_their_branches(pool: AsyncClient) -> None:
    assert await found(pool, discipline="430") == {"单田芳", "仇英"}
    assert await found(pool, discipline="43040") == {"仇英"}
    assert await found(pool, discipline="540") == {"曾小贤", "Hans Müller", "李锦"}
    assert await found(pool, discipline="110") == set()


async def test_regions_include_their_counties(pool: AsyncClient) -> None:
    assert await found(pool, region_code=YIWU) == {"曾小贤", "李锦"}
    assert await found(pool, region_code=JINHUA) == {"曾小贤", "李锦", "单田芳"}
    assert await found(pool, region_code=ZHEJIANG) == {"曾小贤", "李锦", "单田芳"}
    assert await found(pool, region_code="440000") == {"仇英"}
    assert await found(pool, region_code="110000") == set()


async def test_other_filters(pool: AsyncClient) -> None:
    assert await found(pool, technology_field="ocean") == {"单田芳"}
    assert await found(pool, kind="academician") == {"仇英"}
    assert await found(pool, country="DE") == {"Hans Müller"}
    assert await found(pool, state="suspended") == {"李锦"}
    assert await found(pool, title="教授") == {"曾小贤", "单田芳"}
    assert await found(pool, title="%") == {"Hans Müller"}
    assert await found(pool, title="_") == {"李锦"}
    assert await found(pool, title="教授", region_code=YIWU, text="染整") == {"曾小贤"}
    assert await found(pool, organization_id="00000000-0000-7000-8000-000000000000") == set()


async def test_sorted_by_the_surnames_reading(pool: AsyncClient) -> None:
    answer = await pool.get("/experts", params={"sort": "name_pinyin"})
    listed = [item["name"] for item in answer.json()["items"]]
    assert listed == ["Hans Müller", "李锦", "仇英", "单田芳", "曾小贤"]


async def test_filters_are_bounded(pool: AsyncClient) -> None:
    for params in (
        {"text": ""},
        {"text": "  "},
        {"text": "文" * 101},
        {"text": "\x00"},
        {"title": "\x00"},
        {"title": "称" * 101},
        {"discipline": "999"},
        {"discipline": "%"},
        {"region_code": "999999"},
        {"country": "XX"},
        {"technology_field": "magic"},
        {"kind": "wizard"},
        {"state": "asleep"},
        {"organization_id": "1"},
    ):
        answer = await pool.get("/experts", params=params)
        assert answer.status_code == 422, params
        assert [error["pointer"] for error in answer.json()["errors"]] == list(params)


async def test_a_changed_profile_is_found_by_its_new_words(
    people: People, pool: AsyncClient
) -> None:
    [item] = (await pool.get("/experts", params={"text": "染整"})).json()["items"]
    body = {"research_directions": ["机器视觉"], "name": "朴树"}
    assert (await pool.patch(f"/experts/{item['id']}", json=body)).status_code == 200
    assert await found(pool, text="染整") == set()
    for text in ("机器视觉", "piaoshu", "ps"):
        assert await found(pool, text=text) == {"朴树"}
