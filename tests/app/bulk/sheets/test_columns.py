"""What people are told about columns is what files are read by."""

import csv
import io

import pytest

from app.bulk.kinds import ImportKind
from app.bulk.rows import ROWS
from app.bulk.sheets.cells import Shape, field_values
from app.bulk.sheets.columns import columns, template
from app.bulk.sheets.explaining import explanation
from app.bulk.sheets.headings import field_of
from tests.people import People


@pytest.mark.parametrize("kind", ImportKind)
def test_every_heading_is_read_as_its_column(kind: ImportKind) -> None:
    told = columns(kind)
    assert {c.field for c in told} <= ROWS[kind].model_fields.keys()
    for column in told:
        assert all(field_of(kind, h) == column.field for h in [column.field, *column.headings])
    required = {name for name, f in ROWS[kind].model_fields.items() if f.is_required()}
    assert {c.field for c in told if c.is_required} == required


@pytest.mark.parametrize("kind", ImportKind)
def test_the_template_is_read_back(kind: ImportKind) -> None:
    [heads] = csv.reader(io.StringIO(template(kind).decode("utf-8-sig")))
    assert [field_of(kind, head) for head in heads] == [c.field for c in columns(kind)]


def test_words_are_those_of_the_cells() -> None:
    by_field = {column.field: column for column in columns(ImportKind.EXPERTS)}
    assert "院士" in by_field["kind"].words
    assert by_field["service_modes"].shape is Shape.LIST
    assert by_field["is_retired"].shape is Shape.BOOL
    assert by_field["country"].words == [], "249 countries have a route of their own"


@pytest.mark.parametrize("kind", ImportKind)
def test_every_example_is_read(kind: ImportKind) -> None:
    """A sheet of the examples alone is a valid row, but for the fields that are free."""
    free = {"name": "某某", "title": "某需求", "organization": "某厂"}
    told = {column.field: column.example for column in columns(kind)}
    cells: dict[str, object] = {f: told[f] or free.get(f, "") for f in told}
    filled = {field: cell for field, cell in cells.items() if cell}
    row = ROWS[kind].model_validate(field_values(kind, filled))
    assert filled.keys() <= row.model_fields_set


def test_codes_money_and_mail_have_a_format() -> None:
    by_field = {column.field: column for column in columns(ImportKind.DEMANDS)}
    for field in ("unified_social_credit_code", "region_code", "budget", "contact_email"):
        column = by_field[field]
        assert column.format_zh
        assert column.format_en
        assert column.example
    assert by_field["budget"].shape is Shape.AMOUNT
    assert "万元" in by_field["budget"].format_zh
    assert by_field["problem"].format_zh == ""


def test_choices_are_told_once_each_and_codes_with_where_they_are_found() -> None:
    """新材料 stands for 新材料及应用, too, and is read; as a choice of its own it would puzzle."""
    by_field = {column.field: column for column in columns(ImportKind.DEMANDS)}
    field = by_field["technology_field"]
    assert "新材料" in field.words
    choices = field.format_zh.removeprefix("可填：").split("、")
    assert len(choices) == len(field.format_en.removeprefix("one of ").split(", "))
    assert "新材料" not in choices
    for name, path in (("region_code", "/regions"), ("industry_code", "/industries")):
        assert f"见 GET {path}" in by_field[name].format_zh


@pytest.mark.parametrize("kind", ImportKind)
def test_the_explanation_tells_every_column(kind: ImportKind) -> None:
    told = explanation(kind)
    for column in columns(kind):
        assert f"· {column.field}\n" in told
        assert column.format_zh in told
        assert column.example in told


async def test_staff_are_told(people: People) -> None:
    coordinator = await people.coordinator()
    told = (await coordinator.get("/import-columns", params={"kind": "demands"})).json()
    assert "技术需求名称" in next(c["headings"] for c in told if c["field"] == "title")
    file = await coordinator.get("/import-templates", params={"kind": "experts"})
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert file.content == template(ImportKind.EXPERTS)
    assert (await coordinator.get("/import-templates")).status_code == 422
