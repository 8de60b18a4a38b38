"""The shipped code tables, and the field types that accept only codes that stand in them."""

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

DATA = Path(__file__).parent / "data"


@cache
def rows(table: str) -> tuple[dict[str, str], ...]:
    """Every row of `data/<table>.csv`, in file order."""
    with (DATA / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


@cache
def names(table: str) -> Mapping[str, str]:
    """Code → Chinese name."""
    return MappingProxyType({row["code"]: row["name"] for row in rows(table)})


@cache
def branches(table: str, code: str) -> tuple[str, ...]:
    """The code and everything below it in a tree: a section's divisions and their groups."""
    found = {code}
    for row in rows(table):  # parents stand before their children
        if row["parent_code"] in found:
            found.add(row["code"])
    return tuple(sorted(found))


def _listed_in(table: str, zh: str, en: str) -> AfterValidator:
    def check(code: str) -> str:
        if code not in names(table):
            message = (f"{zh}中没有代码 {code}", f"There is no code {code} in {en}")
            raise PydanticCustomError("unknown_code", "unknown code", {"text": message})
        return code

    return AfterValidator(check)


RegionCode = Annotated[
    str,
    Field(pattern=r"^\d{6}$", examples=["330782"], description="GB/T 2260"),
    _listed_in("regions", "行政区划（GB/T 2260）", "GB/T 2260"),
]
IndustryCode = Annotated[
    str,
    Field(pattern=r"^([A-T]|\d{2,3})$", examples=["17"], description="GB/T 4754-2017"),
    _listed_in("industries", "国民经济行业分类（GB/T 4754）", "GB/T 4754"),
]
DisciplineCode = Annotated[
    str,
    Field(pattern=r"^\d{3}(\d{2}){0,2}$", examples=["540"], description="GB/T 13745-2009"),
    _listed_in("disciplines", "学科分类（GB/T 13745）", "GB/T 13745"),
]
TechnologyField = Annotated[
    str,
    Field(pattern=r"^[a-z_]{1,40}$", examples=["new_materials"]),
    _listed_in("technology_fields", "技术领域", "the technology fields"),
]
CountryCode = Annotated[
    str,
    Field(pattern=r"^[A-Z]{2}$", examples=["CN"], description="ISO 3166-1"),
    _listed_in("countries", "国家和地区代码（ISO 3166-1）", "ISO 3166-1"),
]
