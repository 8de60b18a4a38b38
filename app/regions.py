"""Jurisdictions: the code of a region covers all codes that begin with its significant pairs."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, exists, func, true
from sqlalchemy.orm import InstrumentedAttribute

RegionColumn = InstrumentedAttribute[str | None]
Condition = ColumnElement[bool]


def prefix(region_code: str) -> str:
    """The significant pairs of a six-digit code (GB/T 2260): 330000 → "33", 330700 → "3307".

    >>> prefix("330782")
    '330782'
    """
    while region_code.endswith("00"):
        region_code = region_code[:-2]
    return region_code


def prefix_of(column: ColumnElement[str] | InstrumentedAttribute[str]) -> ColumnElement[str]:
    """The same rule as `prefix`, in SQL."""
    return func.regexp_replace(column, "(00)+$", "")


COUNTRY = "000000"


def parent(region_code: str) -> str:
    """The region one level up; the country's code above a province.

    >>> [parent(code) for code in ("330782", "330700", "330000")]
    ['330700', '330000', '000000']
    """
    significant = prefix(region_code)
    return significant[:-2].ljust(6, "0") if len(significant) > 2 else COUNTRY


def covers(jurisdiction: str | None, region_code: str | None) -> bool:
    """Whether a jurisdiction (None: the country) includes a region; no region belongs to all."""
    if jurisdiction is None or region_code is None:
        return True
    return region_code.startswith(prefix(jurisdiction))


def is_below(region_code: str, above: str | None) -> bool:
    """Whether a region lies inside another one (None: the country) and is not the same.

    >>> [is_below("330782", above) for above in ("330700", "330782", "330100", None)]
    [True, False, False, True]
    """
    return region_code not in (above, COUNTRY) and covers(above, region_code)


def covers_all(jurisdiction: str | None, region_codes: Collection[str]) -> bool:
    """Whether a jurisdiction includes every one of the regions, of which there has to be one."""
    return bool(region_codes) and all(covers(jurisdiction, code) for code in region_codes)


def in_region(column: ColumnElement[str | None] | RegionColumn, region_code: str) -> Condition:
    """Rows whose region lies in `region_code`."""
    return column.startswith(prefix(region_code), autoescape=True)


def any_in_jurisdiction(
    column: InstrumentedAttribute[list[str]], jurisdiction: str | None
) -> Condition:
    """Rows of whose regions one lies in `jurisdiction`."""
    code = func.unnest(column).column_valued("code")
    return exists().where(in_region(code, jurisdiction)) if jurisdiction else column != []


def in_jurisdiction(
    column: ColumnElement[str | None] | RegionColumn, jurisdiction: str | None
) -> Condition:
    """The same rule as `covers`, in SQL."""
    if jurisdiction is None:
        return true()
    return column.is_(None) | in_region(column, jurisdiction)


def all_in_jurisdiction(codes: ColumnElement[list[str]], jurisdiction: str | None) -> Condition:
    """The same rule as `covers_all`, in SQL."""
    return func.all_within(codes, "" if jurisdiction is None else prefix(jurisdiction))
