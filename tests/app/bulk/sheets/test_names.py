"""Names in the place of codes, in every column that has codes."""

import pytest

from app.bulk.kinds import ImportKind
from app.bulk.sheets.cells import field_values
from app.bulk.sheets.names import code_named, nearest
from app.scopes import Sessions
from tests.app.bulk.files import csv_file, imported


@pytest.mark.parametrize(
    ("kind", "field", "cell", "code"),
    [
        ("demands", "region_code", "义乌市", "330782"),
        ("demands", "region_code", "浙江省义乌市", "330782"),
        ("demands", "region_code", "金华市义乌市", "330782"),
        ("demands", "region_code", "浙江省 金华市 义乌市", "330782"),
        ("demands", "region_code", "北京市朝阳区", "110105"),
        ("demands", "region_code", "济源市", "419001"),
        ("demands", "region_code", "３３０７８２", "330782"),
        ("demands", "discipline", "纺织科学技术", "540"),
        ("demands", "discipline", "540 纺织科学技术", "540"),
        ("demands", "region_code", "330782 义乌市", "330782"),
        ("demands", "region_code", "330782-浙江省义乌市", "330782"),
        ("demands", "region_code", "110105 朝阳区", "110105"),
        ("organizations", "industry_code", "C17 纺织业", "17"),
        ("organizations", "industry_code", "17 纺织业", "17"),
        ("organizations", "industry_code", "C 制造业", "C"),
        ("organizations", "industry_code", "C291", "291"),
        ("experts", "disciplines", "540 纺织科学技术；110 数学", ["540", "110"]),
        ("demands", "technology_field", "新材料", "new_materials"),
        ("demands", "cooperation_mode", "委托开发", "commissioned"),
        ("organizations", "industry_code", "纺织业", "17"),
        ("organizations", "industry_code", "农、林、牧、渔业", "A"),
        ("experts", "languages", "中文、英语", ["zh", "en"]),
        ("experts", "languages", "zh、 en", ["zh", "en"]),
        ("experts", "disciplines", "430,540", ["430", "540"]),
        (
            "experts",
            "disciplines",
            "石油、天然气储存与运输工程，数学",
            [code_named("discipline", "石油、天然气储存与运输工程"), "110"],
        ),
        ("experts", "country", "刚果(布)", "CG"),
        (
            "experts",
            "disciplines",
            "数学、540；石油、天然气储存与运输工程",
            ["110", "540", code_named("discipline", "石油、天然气储存与运输工程")],
        ),
    ],
)
def test_a_name_stands_for_its_code(
    kind: str, field: str, cell: str, code: str | list[str]
) -> None:
    assert field_values(ImportKind(kind), {field: cell}) == {field: code}


@pytest.mark.parametrize("cell", ["朝阳区", "义乌", "某市"])
def test_what_is_unknown_or_ambiguous_is_left_for_the_schema(cell: str) -> None:
    assert field_values(ImportKind.DEMANDS, {"region_code": cell}) == {"region_code": cell}


@pytest.mark.parametrize(
    ("field", "cell"),
    [
        ("discipline", "540 数学"),
        ("region_code", "330782 东阳市"),
        ("industry_code", "A17 纺织业"),
        ("industry_code", "D17"),
    ],
)
def test_a_code_and_a_name_that_do_not_agree_are_left_for_the_schema(field: str, cell: str) -> None:
    assert code_named(field, cell) is None


def test_free_text_is_left_as_it_is() -> None:
    cells: dict[str, object] = {"title": "义乌市 － 改造", "problem": "数学"}
    assert field_values(ImportKind.DEMANDS, cells) == cells


def test_the_nearest_are_named() -> None:
    assert nearest("region_code", "义乌") == [("330782", "浙江省金华市义乌市")]
    assert nearest("region_code", "朝阳区") == [
        ("110105", "北京市朝阳区"),
        ("220104", "吉林省长春市朝阳区"),
    ]
    assert "540" in [code for code, _ in nearest("discipline", "纺织科学")]
    assert len(nearest("region_code", "市辖区新城区")) == 3
    assert nearest("region_code", "999999") == nearest("title", "义乌") == []


async def test_a_refusal_names_them(sessions: Sessions) -> None:
    file = csv_file(
        ("姓名", "所在地区", "学科"),
        ("甲", "义乌", "数学"),
        ("乙", "朝阳区", "织物学"),
    )
    body = await imported(sessions, "experts", file, filename="a.csv")
    told = {(entry.row, entry.field.partition("/")[0]): entry.message_zh for entry in body.report}
    assert told.keys() == {(2, "region_code"), (3, "region_code"), (3, "disciplines")}
    assert told[2, "region_code"].startswith("“义乌”：")
    assert told[2, "region_code"].endswith("；相近的有：330782 浙江省金华市义乌市")
    assert "110105 北京市朝阳区、220104 吉林省长春市朝阳区" in told[3, "region_code"]
