"""Every SELECT on service records, and the statement that forgets who rendered one."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app import queries
from app.corps.models import Corps, CorpsMember
from app.dockings.models import Docking, Side
from app.dockings.services.models import ServiceRecord
from app.dockings.services.schemas import ServiceRecordQuery


def _records() -> Select[ServiceRecord]:
    """Each with its docking or its corps, which decide who may read it."""
    docking, corps = selectinload(ServiceRecord.docking), selectinload(ServiceRecord.corps)
    return select(ServiceRecord).options(
        docking.joinedload(Docking.demand),
        docking.joinedload(Docking.expert),
        corps.selectinload(Corps.members).joinedload(CorpsMember.expert),
    )


async def find(
    session: AsyncSession, record_id: UUID, *, is_for_update: bool = False
) -> ServiceRecord | None:
    """The record; see `queries.find_one`."""
    statement = _records().where(ServiceRecord.id == record_id)
    return await queries.find_one(session, statement, ServiceRecord, is_for_update=is_for_update)


async def count_in_docking(session: AsyncSession, docking_id: UUID, side: Side) -> int:
    """How many one side has entered in a docking."""
    in_docking = (ServiceRecord.docking_id == docking_id, ServiceRecord.side == side)
    return await session.scalar(select(func.count()).where(*in_docking)) or 0


async def count_of_corps(session: AsyncSession, corps_id: UUID, side: Side) -> int:
    """How many services without a docking members, or staff, have entered for a corps."""
    of_corps = (ServiceRecord.corps_id == corps_id, ServiceRecord.docking_id.is_(None))
    statement = select(func.count()).where(*of_corps, ServiceRecord.side == side)
    return await session.scalar(statement) or 0


def listed(query: ServiceRecordQuery, readable: ColumnElement[bool]) -> Select[ServiceRecord]:
    """Readable records that meet the filters."""
    names = ("docking_id", "corps_id", "organization_id", "kind", "state")
    wanted = queries.equals(ServiceRecord, query, names)
    if query.served_on_gte is not None:
        wanted.append(ServiceRecord.served_on >= query.served_on_gte)
    if query.served_on_lte is not None:
        wanted.append(ServiceRecord.served_on <= query.served_on_lte)
    return (
        _records()
        .outerjoin(ServiceRecord.docking)
        .outerjoin(Docking.demand)
        .outerjoin(Docking.expert)
        .outerjoin(ServiceRecord.corps)
        .where(readable, *wanted)
    )


async def forget_expert(
    session: AsyncSession, expert_id: UUID, name: str, corps_ids: Collection[UUID], somebody: str
) -> Sequence[UUID]:
    """Empty what is said of a service that they rendered for a corps, and take their name out of
    what is said of the corps' others; the records' ids."""
    is_theirs = ServiceRecord.expert_id == expert_id
    of_corps = ServiceRecord.corps_id.in_(corps_ids) & ServiceRecord.docking_id.is_(None)
    words = {
        column.key: case(
            (is_theirs, ""), else_=func.left(func.replace(column, name, somebody), most)
        )
        for column, most in (
            (ServiceRecord.summary, 5_000),
            (ServiceRecord.state_reason, 500),
            (ServiceRecord.place, 300),
        )
    }
    statement = (
        update(ServiceRecord)
        .where(or_(is_theirs, of_corps))
        .values(**words, expert_id=case((is_theirs, None), else_=ServiceRecord.expert_id))
        .returning(ServiceRecord.id)
        .execution_options(synchronize_session=False)
    )
    return (await session.scalars(statement)).all()
