"""The standard codes: complete as trees, the same in files, tables and answers, open to all."""

from typing import Any

import pytest
from httpx import AsyncClient
from pydantic import TypeAdapter, ValidationError

from app.reference.codes import (
    CountryCode,
    DisciplineCode,
    IndustryCode,
    RegionCode,
    TechnologyField,
    names,
    rows,
)

TREES, FLAT = ("regions", "industries", "disciplines"), ("technology_fields", "countries")


@pytest.mark.parametrize("table", TREES)
def test_parents_stand_before_their_children(table: str) -> None:
    """So that the foreign key holds while the migration fills the table."""
    seen: set[str] = set()
    for row in rows(table):
        assert row["parent_code"] in seen | {""}, row
        assert row["code"] not in seen, row
        assert row["name"].strip() == row["name"] != ""
        seen.add(row["code"])


async def test_answers_are_the_files(client: AsyncClient) -> None:
    for table in (*TREES, *FLAT):
        path = "/" + table.replace("_", "-")
        params = {"limit": 5000} if table in TREES else {}
        found = (await client.get(path, params=params)).json()
        assert {item["code"]: item["name"] for item in found} == names(table), table
        assert [item["code"] for item in found] == sorted(item["code"] for item in found)


async def test_filters_of_trees(client: AsyncClient) -> None:
    async def found(path: str, **params: Any) -> list[str]:
        answer = await client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return [item["name"] for item in answer.json()]

    assert "义乌市" in await found("/regions", parent_code="330700")
    assert await found("/regions", text="义乌") == ["义乌市"]
    assert len(await found("/regions", level="province")) == 34
    assert await found("/regions", text="%") == []
    assert len(await found("/industries", level="section")) == 20
    assert len(await found("/regions", limit=3)) == 3


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"text": "\x00"}, "text"),
        ({"text": "x" * 51}, "text"),
        ({"parent_code": "' OR 1=1"}, "parent_code"),
        ({"level": "galaxy"}, "level"),
        ({"limit": 0}, "limit"),
        ({"limit": 5001}, "limit"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_filters_are_bounded(client: AsyncClient, params: Any, pointer: str) -> None:
    answer = await client.get("/regions", params=params)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (RegionCode, "330782", ["999999", "33078", "330782\n", "３３０７８２", ""]),
        (IndustryCode, "17", ["Z", "00", "1", "c"]),
        (DisciplineCode, "540", ["000", "54", "54010101"]),
        (TechnologyField, "new_materials", ["New_materials", "magic"]),
        (CountryCode, "DE", ["XX", "de", "DEU"]),
    ],
)
def test_only_listed_codes_are_accepted(kind: Any, good: str, bad: list[str]) -> None:
    adapter = TypeAdapter[str](kind)
    assert adapter.validate_python(good) == good
    for code in bad:
        with pytest.raises(ValidationError):
            adapter.validate_python(code)
