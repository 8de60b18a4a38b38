"""Sealed columns as the database has them."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

SEALED = {
    "demands": ("contact_name", "contact_phone", "contact_email"),
    "expert_contacts": ("phone", "email"),
    "organizations": ("contact_name", "contact_phone", "contact_email"),
}


async def stored(session: AsyncSession) -> list[str]:
    """Every non-empty value of every sealed column."""
    await session.rollback()
    found = list[str]()
    for table, columns in SEALED.items():
        for column in columns:
            statement = text(f"SELECT {column} FROM {table} WHERE {column} <> ''")
            found += list(await session.scalars(statement))
    return found
