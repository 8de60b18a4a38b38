"""Headings and Chinese values stand for fields and codes that exist."""

from collections import Counter

import pytest
from pydantic import ValidationError

from app.bulk.kinds import ImportKind
from app.bulk.rows import ROWS
from app.bulk.sheets.headings import CHINESE, field_of
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
