"""What people are told about columns is what files are read by."""

import csv
import io

import pytest

from app.bulk.cells import Shape
from app.bulk.columns import columns, template
from app.bulk.headings import field_of
from app.bulk.models import ImportKind
from app.bulk.rows import ROWS
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


async def test_staff_are_told(people: People) -> None:
    coordinator = await people.coordinator()
    told = (await coordinator.get("/import-columns", params={"kind": "demands"})).json()
    assert "技术需求名称" in next(c["headings"] for c in told if c["field"] == "title")
    file = await coordinator.get("/import-templates", params={"kind": "experts"})
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert file.content == template(ImportKind.EXPERTS)
    assert (await coordinator.get("/import-templates")).status_code == 422
