"""Headings and Chinese values stand for fields and codes that exist."""

from collections import Counter

import pytest
from pydantic import ValidationError

from app.bulk.kinds import ImportKind
from app.bulk.rows import ROWS
from app.bulk.sheets.headings import CHINESE, field_of, nearest_heading
from app.bulk.sheets.labels import labels

KINDS = list(ImportKind)


@pytest.mark.parametrize("kind", KINDS)
def test_every_heading_is_a_field_of_the_row(kind: ImportKind) -> None:
    assert CHINESE[kind].keys() <= ROWS[kind].model_fields.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_no_heading_means_two_fields(kind: ImportKind) -> None:
    headings = Counter(name for names in CHINESE[kind].values() for name in names)
    assert [name for name, times in headings.items() if times > 1] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_chinese_value_is_accepted(kind: ImportKind) -> None:
    for field, values in labels(kind).items():
        is_list = field.endswith("s") or field == "intellectual_property"
        for code in values.values():
            with pytest.raises(ValidationError) as refused:
                ROWS[kind].model_validate({field: [code] if is_list else code, "no_such": 1})
            assert field not in {error["loc"][0] for error in refused.value.errors()}


@pytest.mark.parametrize(
    ("heading", "field"),
    [
        ("name", "name"),
        (" NAME ", "name"),
        ("*姓名", "name"),
        ("姓名（必填）", "name"),
        ("职称/职务", "title"),
        ("血型", None),
        ("", None),
    ],
)
def test_marks_beside_a_heading_are_allowed(heading: str, field: str | None) -> None:
    assert field_of(ImportKind.EXPERTS, heading) == field


@pytest.mark.parametrize(
    ("kind", "heading", "field"),
    [
        *((kind, "所在地", "region_code") for kind in KINDS),
        *((kind, "地区", "region_code") for kind in KINDS),
        (ImportKind.ORGANIZATIONS, "单位类型", "kind"),
        (ImportKind.EXPERTS, "代表性论文", "publications"),
        (ImportKind.DEMANDS, "难题名称", "title"),
        (ImportKind.DEMANDS, "技术难题名称", "title"),
        (ImportKind.DEMANDS, "难题描述", "problem"),
        (ImportKind.DEMANDS, "完成时间", "period_until_on"),
    ],
)
def test_headings_of_offices_are_known(kind: ImportKind, heading: str, field: str) -> None:
    assert field_of(kind, heading) == field


def test_the_nearest_heading_is_the_likest() -> None:
    assert nearest_heading(ImportKind.EXPERTS, "研究方面") == "研究方向"
    assert nearest_heading(ImportKind.DEMANDS, "难题描述（必填）*") == "难题描述"
    assert nearest_heading(ImportKind.DEMANDS, "keyword") == "keywords"
    assert nearest_heading(ImportKind.EXPERTS, "血型") is None
    assert nearest_heading(ImportKind.EXPERTS, "") is None
