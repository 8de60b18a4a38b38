"""Every SELECT and UPDATE of imports, and every SELECT of the records that rows may mean."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload, undefer

from app import queries
from app.achievements.models import Achievement
from app.bulk.kinds import ImportKind
from app.bulk.models import Import, ImportedRow
from app.bulk.schemas import ImportQuery
from app.changes.models import Change
from app.database import Record
from app.demands.models import Demand
from app.experts.models import Expert, ExpertState
from app.organizations.models import Organization, OrganizationState
from app.progress.models import Operation

RecordT = TypeVar("RecordT", bound=Record)
RENAMED_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What an import last wrote to a record, and whether somebody has edited it since."""

    fingerprint: bytes
    is_edited_since: bool


async def find_with_report(session: AsyncSession, import_id: UUID) -> Import | None:
    return await session.get(
        Import, import_id, options=[undefer(Import.report)], populate_existing=True
    )


async def find_with_content(session: AsyncSession, import_id: UUID) -> Import | None:
    """The import with the file's bytes."""
    return await session.get(
        Import, import_id, options=[undefer(Import.content_sealed)], populate_existing=True
    )


async def write(session: AsyncSession, import_id: UUID, **values: object) -> None:
    """Straight to the row: several sessions follow one import."""
    statement = update(Import).where(Import.id == import_id).values(values)
    await session.execute(statement.execution_options(synchronize_session=False))


def listed(query: ImportQuery, readable: ColumnElement[bool]) -> Select[Import]:
    statement = select(Import).where(readable, *queries.equals(Import, query, ("kind",)))
    if query.state is not None:
        statement = statement.where(Import.operation.has(Operation.state == query.state))
    return statement


async def histories(
    session: AsyncSession, kind: ImportKind, record_ids: Sequence[UUID], edits: Collection[str]
) -> dict[UUID, History]:
    """Of those records that an import wrote; `edits` are the kinds of change that edit them."""
    written = await session.execute(
        select(ImportedRow.record_id, ImportedRow.fingerprint, ImportedRow.change_id).where(
            ImportedRow.kind == kind, ImportedRow.record_id.in_(record_ids)
        )
    )
    edited = await session.execute(
        select(Change.subject_id, func.max(Change.id))
        .where(Change.subject_id.in_(record_ids), Change.kind.in_(edits))
        .group_by(Change.subject_id)
    )
    last_edit: dict[UUID, int] = {row[0]: row[1] for row in edited}
    return {
        record_id: History(
            fingerprint=fingerprint, is_edited_since=last_edit.get(record_id, 0) > change_id
        )
        for record_id, fingerprint, change_id in written
    }


async def last_change_id(session: AsyncSession) -> int:
    """The youngest change that this transaction sees, its own included."""
    return await session.scalar(select(func.max(Change.id))) or 0


async def organizations_meant(
    session: AsyncSession, codes: Collection[str], names: Collection[str], *, is_locked: bool
) -> Sequence[Organization]:
    """Those that hold one of the credit codes, and those of a name that staff vouch for."""
    statement = select(Organization).where(_holds(codes) | _is_called(names))
    if is_locked:
        return await _locked(session, statement)
    return (await session.scalars(statement)).all()


async def vouched_for(session: AsyncSession, organizations: Sequence[Organization]) -> set[UUID]:
    """The ids of those that staff vouch for."""
    ids = [organization.id for organization in organizations]
    found = await session.scalars(
        select(Organization.id).where(Organization.id.in_(ids), _is_vouched_for())
    )
    return set(found)


def _holds(codes: Collection[str]) -> ColumnElement[bool]:
    return Organization.unified_social_credit_code.in_(codes)


def _is_called(names: Collection[str]) -> ColumnElement[bool]:
    """A name alone means nobody who only registered: anybody may, under any name."""
    return Organization.name.in_(names) & _is_vouched_for()


def _is_vouched_for() -> ColumnElement[bool]:
    """Verified, or brought by a file and not rejected since."""
    came_by_import = exists().where(
        ImportedRow.kind == ImportKind.ORGANIZATIONS, ImportedRow.record_id == Organization.id
    )
    is_rejected = Organization.state == OrganizationState.REJECTED
    return or_(Organization.state == OrganizationState.VERIFIED, came_by_import & ~is_rejected)


async def experts_meant(
    session: AsyncSession, external_ids: Sequence[str], names: Sequence[str]
) -> Sequence[Expert]:
    """Those of one of the external ids or names, with evidence, locked."""
    statement = select(Expert).where(
        or_(Expert.external_id.in_(external_ids), Expert.name.in_(names))
    )
    return await _locked(session, statement.options(selectinload(Expert.evidence)))


async def is_anybody_erased_since(session: AsyncSession, moment: datetime) -> bool:
    """Whether an expert was erased since then, of whichever region."""
    erased = select(Expert.id).where(Expert.state == ExpertState.REMOVED, Expert.erased_at > moment)
    return await session.scalar(erased.limit(1)) is not None


async def demands_meant(
    session: AsyncSession, external_ids: Sequence[str], titles: Sequence[str]
) -> Sequence[Demand]:
    """Those of one of the external ids or titles, with organizations, locked."""
    statement = select(Demand).where(
        or_(Demand.external_id.in_(external_ids), Demand.title.in_(titles))
    )
    return await _locked(session, statement)


async def achievements_meant(
    session: AsyncSession, external_ids: Sequence[str], names: Sequence[str]
) -> Sequence[Achievement]:
    """Those of one of the external ids or names, locked."""
    return await _locked(
        session,
        select(Achievement).where(
            or_(Achievement.external_id.in_(external_ids), Achievement.name.in_(names))
        ),
    )


async def misnamed_experts(session: AsyncSession) -> Sequence[tuple[Expert, str]]:
    """A batch of those who bear another name than their organization, with evidence, locked."""
    statement = (
        select(Expert, Organization.name)
        .join(Organization, Organization.id == Expert.organization_id)
        .where(Expert.organization_name != Organization.name)
        .options(selectinload(Expert.evidence))
    )
    batch = statement.order_by(Expert.id).limit(RENAMED_AT_ONCE).with_for_update(of=Expert)
    return [(expert, name) for expert, name in await session.execute(batch)]


async def misnamed_achievements(session: AsyncSession) -> Sequence[tuple[Achievement, str]]:
    """The same of achievements."""
    statement = (
        select(Achievement, Organization.name)
        .join(Organization, Organization.id == Achievement.organization_id)
        .where(Achievement.organization_name != Organization.name)
    )
    batch = (
        statement.order_by(Achievement.id).limit(RENAMED_AT_ONCE).with_for_update(of=Achievement)
    )
    return [(achievement, name) for achievement, name in await session.execute(batch)]


async def _locked(session: AsyncSession, statement: Select[RecordT]) -> Sequence[RecordT]:
    """The records, locked, but for those that the scope may only read: they are refused later.

    In the order of the ids, as a batch locks them, so that the two do not deadlock.
    """
    [entity] = statement.column_descriptions  # not what is joined to it
    record = entity["entity"]
    ids = statement.with_only_columns(record.id).order_by(record.id)
    await session.execute(ids.with_for_update(of=record))
    fresh = statement.execution_options(populate_existing=True)
    return (await session.scalars(fresh)).all()
