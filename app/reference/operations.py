"""The code tables as forms ask for them."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.reference import repository
from app.reference.repository import Flat, Tree
from app.reference.schemas import CodeBody, CodeQuery


async def in_tree(session: AsyncSession, table: Tree, query: CodeQuery) -> list[CodeBody]:
    found = await repository.find_in_tree(session, table, query)
    return [CodeBody.model_validate(row) for row in found]


async def in_list(session: AsyncSession, table: Flat) -> list[CodeBody]:
    return [CodeBody.model_validate(row) for row in await repository.find_all(session, table)]
