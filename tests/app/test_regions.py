"""A region's code covers exactly what the tree of regions puts below it."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.reference.codes import names, rows
from app.reference.models import Region
from app.regions import COUNTRY, covers, parent, prefix, prefix_of

PARENTS = {row["code"]: row["parent_code"] for row in rows("regions")}


def _ancestors(code: str) -> set[str]:
    found = {code}
    while code := PARENTS[code]:
        found.add(code)
    return found


def test_a_region_covers_its_subtree() -> None:
    regions = [code for code in names("regions") if code.endswith("00")]
    regions += ["330782", "110105", "429004", "441900"]
    for code in names("regions"):
        expected = _ancestors(code) & set(regions)
        assert {region for region in regions if covers(region, code)} == expected


def test_county_covers_itself_only() -> None:
    assert covers("330782", "330782")
    assert not covers("330782", "330783")
    assert not covers("330782", "330700")


def test_country_and_no_region_belong_to_all() -> None:
    assert covers(None, "330782")
    assert covers("330782", None)


def test_prefix() -> None:
    assert [prefix(code) for code in ("330000", "331000", "330100", "330782")] == [
        "33",
        "3310",
        "3301",
        "330782",
    ]


async def test_a_prefix_is_the_same_in_sql(session: AsyncSession) -> None:
    found = await session.execute(select(Region.code, prefix_of(Region.code)))
    assert {tuple(row) for row in found} == {(code, prefix(code)) for code in PARENTS}


def test_the_level_above_is_the_parent_in_the_tree() -> None:
    """But for counties that a province governs itself: their group is no level with staff."""
    for code, above in PARENTS.items():
        assert covers(parent(code), code)
        if parent(code) in PARENTS or above == "":
            assert parent(code) == (above or COUNTRY)
