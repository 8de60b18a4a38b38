"""Every SELECT on whom the indexes hold, and what they keep: statistics and vectors."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Text, any_, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from app.achievements.models import Achievement, AchievementState
from app.database import Record
from app.demands.models import Demand
from app.demands.workflow import SOUGHT
from app.experts.models import Expert, ExpertState
from app.matches.models import Pool, StoredModel, StoredVector
from matching import IndexModel

KEYS_PER_QUERY = 5_000

MEMBERS: Mapping[Pool, tuple[type[Record], ColumnElement[bool]]] = {
    Pool.EXPERTS: (Expert, Expert.state == ExpertState.IN_POOL),
    Pool.DEMANDS: (Demand, Demand.state.in_(SOUGHT)),
    Pool.ACHIEVEMENTS: (Achievement, Achievement.state == AchievementState.PUBLISHED),
}


async def member_ids(session: AsyncSession, pool: Pool) -> Sequence[UUID]:
    """The ids of all records that belong to the pool now, in a fixed order."""
    table, is_member = MEMBERS[pool]
    return (await session.scalars(select(table.id).where(is_member).order_by(table.id))).all()


async def demands_of(session: AsyncSession, organization_ids: Sequence[UUID]) -> Sequence[UUID]:
    """The ids of the organizations' demands that are in the pool now."""
    _, is_member = MEMBERS[Pool.DEMANDS]
    owned = Demand.organization_id.in_(organization_ids)
    return (await session.scalars(select(Demand.id).where(owned, is_member))).all()


async def member_count(session: AsyncSession, pool: Pool) -> int:
    table, is_member = MEMBERS[pool]
    return await session.scalar(select(func.count(table.id)).where(is_member)) or 0


async def encodable_count(session: AsyncSession) -> int:
    """How many experts of the pool let an external encoder have their texts."""
    _, is_member = MEMBERS[Pool.EXPERTS]
    counted = select(func.count(Expert.id)).where(is_member, Expert.is_external_encoding_allowed)
    return await session.scalar(counted) or 0


async def newest(session: AsyncSession, pool: Pool) -> StoredModel | None:
    """The version in force, without its content."""
    return await session.scalar(_newest(pool))


async def newest_id(session: AsyncSession, pool: Pool) -> UUID | None:
    """Its id."""
    return await session.scalar(_newest(pool).with_only_columns(StoredModel.id))


async def newest_with_content(session: AsyncSession, pool: Pool) -> StoredModel | None:
    """The version in force, with the statistics themselves."""
    return await session.scalar(_newest(pool).options(undefer(StoredModel.content)))


def _newest(pool: Pool) -> Select[StoredModel]:
    return (
        select(StoredModel)
        .where(StoredModel.pool == pool, StoredModel.format == IndexModel.FORMAT)
        .order_by(StoredModel.created_at.desc(), StoredModel.id.desc())
        .limit(1)
    )


async def forget_all_but(count: int, session: AsyncSession, pool: Pool) -> None:
    """Delete the older versions of each format: another release may read its own."""
    age = func.row_number().over(
        partition_by=StoredModel.format,
        order_by=(StoredModel.created_at.desc(), StoredModel.id.desc()),
    )
    ranked = select(StoredModel.id, age.label("age")).where(StoredModel.pool == pool).subquery()
    old = select(ranked.c.id).where(ranked.c.age > count)
    await session.execute(delete(StoredModel).where(StoredModel.id.in_(old)))


async def find_vectors(
    session: AsyncSession, encoder: str, keys: Sequence[str], *, is_query: bool
) -> dict[str, bytes]:
    """What is stored of the keys, by key."""
    found: dict[str, bytes] = {}
    for start in range(0, len(keys), KEYS_PER_QUERY):
        rows = await session.execute(
            select(StoredVector.key, StoredVector.vector).where(
                StoredVector.encoder == encoder,
                StoredVector.is_query == is_query,
                StoredVector.key.in_(keys[start : start + KEYS_PER_QUERY]),
            )
        )
        found |= {row[0]: row[1] for row in rows}
    return found


async def add_vectors(
    session: AsyncSession, encoder: str, vectors: Mapping[str, bytes], *, is_query: bool
) -> None:
    """Keep the vectors; one that another process stored first stays."""
    if not vectors:
        return
    rows = [
        {"encoder": encoder, "is_query": is_query, "key": key, "vector": vector}
        for key, vector in sorted(vectors.items())
    ]
    await session.execute(insert(StoredVector).on_conflict_do_nothing(), rows)


async def keep_vectors(session: AsyncSession, keys: Collection[str], *, is_query: bool) -> None:
    """Delete all other vectors of this side, of every encoder."""
    is_used = StoredVector.key == any_(bindparam("keys", type_=ARRAY(Text)))
    await session.execute(
        delete(StoredVector).where(StoredVector.is_query == is_query, ~is_used),
        {"keys": list(keys)},
        execution_options={"synchronize_session": False},
    )


async def vector_bytes(session: AsyncSession, encoder: str) -> int | None:
    """How many bytes a stored vector of this encoder has."""
    size = func.octet_length(StoredVector.vector)
    return await session.scalar(select(size).where(StoredVector.encoder == encoder).limit(1))
