"""Every SELECT on the code tables."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Base
from app.reference.models import Country, Discipline, Industry, Region, TechnologyField
from app.reference.schemas import CodeQuery

Tree = type[Region] | type[Industry] | type[Discipline]
Flat = type[TechnologyField] | type[Country]


async def find_in_tree(session: AsyncSession, table: Tree, query: CodeQuery) -> Sequence[Base]:
    """The codes below a parent, of a level, or with a text in their name."""
    statement = select(table).order_by(table.code).limit(query.limit)
    if query.parent_code is not None:
        statement = statement.where(table.parent_code == query.parent_code)
    if query.level is not None:
        statement = statement.where(table.level == query.level)
    if query.text is not None:
        statement = statement.where(table.name.contains(query.text, autoescape=True))
    return (await session.scalars(statement)).all()


async def find_all(session: AsyncSession, table: Flat) -> Sequence[Base]:
    return (await session.scalars(select(table).order_by(table.code))).all()
