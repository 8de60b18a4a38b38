"""Regions as scopes: a GB/T 2260 code covers every code that begins with its significant pairs."""

from sqlalchemy import ColumnElement, true
from sqlalchemy.orm import InstrumentedAttribute


def prefix(region_code: str) -> str:
    """The significant pairs of a six-digit code: 330000 → "33", 330700 → "3307".

    >>> prefix("330782")
    '330782'
    """
    while region_code.endswith("00"):
        region_code = region_code[:-2]
    return region_code


def covers(scope: str | None, region_code: str | None) -> bool:
    """Whether `scope` (None: the whole country) includes a region; no region belongs to all."""
    if scope is None or region_code is None:
        return True
    return region_code.startswith(prefix(scope))


def in_region(column: InstrumentedAttribute[str | None], region_code: str) -> ColumnElement[bool]:
    """Rows whose region lies in `region_code`."""
    return column.startswith(prefix(region_code), autoescape=True)


def in_scope(column: InstrumentedAttribute[str | None], scope: str | None) -> ColumnElement[bool]:
    """The same rule as `covers`, in SQL."""
    if scope is None:
        return true()
    return column.is_(None) | in_region(column, scope)
