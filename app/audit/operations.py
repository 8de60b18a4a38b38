"""Read the audit log: administrators all of it, others who read their own contact data."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import repository as account_repository
from app.audit import repository
from app.audit.models import AuditSeal
from app.audit.schemas import (
    AuditEntryBody,
    AuditEntryWithChanges,
    AuditFilters,
    AuditQuery,
    EntryChange,
    FaultBody,
    ReadingBody,
    ReadingQuery,
    SealBody,
    SealQuery,
)
from app.audit.verification import Fault, fault_of
from app.demands import operations as demands
from app.dockings import access as docking_access
from app.dockings import operations as dockings
from app.experts import operations as experts
from app.interface.auditing import hash_email
from app.interface.errors import Forbidden, NotFound, invalid_field
from app.interface.models import AuditEntry
from app.interface.pagination import Page, Pages
from app.organizations import access as organization_access
from app.organizations import operations as organizations
from app.organizations.actors import Actor
from app.scopes import Scope, borrowed
from app.settings import Settings

SORTS = {"happened_at": AuditEntry.happened_at}

# What shows a record's contacts, as regular expressions of PostgreSQL: whoever may change a demand
# or an organization is answered with all of it.
OF_DOCKING = r"^GET /dockings/\{docking_id\}/(demand|contacts)$"
OF_EXPERT = (
    r"^(GET|PUT) /experts/\{expert_id\}/contact$|^GET /experts/\{expert_id\}/personal-data$"
    r"|^GET /dockings/\{docking_id\}/contacts$"
)
OF_DEMAND = rf"^(GET|PATCH|POST) /demands(/\{{demand_id\}})?(:(?!match$)[a-z-]+)?$|{OF_DOCKING}"
OF_ORGANIZATION = r"^(GET|PATCH|POST) /organizations(/\{organization_id\})?(:[a-z-]+)?$"


async def search(pages: Pages, settings: Settings, query: AuditQuery) -> Page[AuditEntryBody]:
    email_hash = await attempted(pages.session, settings, query)
    return await pages.read(
        repository.listed(query, email_hash=email_hash),
        query=query,
        columns=SORTS,
        show=AuditEntryBody.of,
    )


async def attempted(session: AsyncSession, settings: Settings, query: AuditFilters) -> bytes | None:
    """How the log knows the e-mail of the account that the filters ask for."""
    if query.attempted_account_id is None:
        return None
    account = await account_repository.find(session, query.attempted_account_id)
    if account is None:
        raise invalid_field(
            "attempted_account_id", "unknown_account", "没有此账号", "No such account"
        )
    return hash_email(settings.secret_key.get_secret_value(), account.email)


async def get(session: AsyncSession, entry_id: UUID) -> AuditEntryWithChanges:
    """The entry, and what changed in its transaction."""
    entry = await repository.find(session, entry_id)
    if entry is None:
        raise NotFound()
    changes = await repository.changes_of(session, entry)
    return AuditEntryWithChanges(
        entry=AuditEntryBody.of(entry),
        changes=[EntryChange.model_validate(change) for change in changes],
    )


async def readings_of_expert(
    pages: Pages, actor: Actor, expert_id: UUID, query: ReadingQuery
) -> Page[ReadingBody]:
    """Who read the expert's contact, for whoever may read it, too."""
    await experts.get_in_full(pages.session, actor, expert_id)
    return await _readings(pages, expert_id, OF_EXPERT, query)


async def readings_of_demand(
    pages: Pages, actor: Actor, demand_id: UUID, query: ReadingQuery
) -> Page[ReadingBody]:
    """Who read the demand in full, contact included, for whoever may read it so, too."""
    await demands.get_in_full(pages.session, actor, demand_id)
    return await _readings(pages, demand_id, OF_DEMAND, query)


async def readings_of_docking(
    pages: Pages, actor: Actor, docking_id: UUID, query: ReadingQuery
) -> Page[ReadingBody]:
    """Who read the demand's full text, or how the sides reach each other, for its readers.

    By name as far as the two know each other.
    """
    docking = await dockings.get(pages.session, actor, docking_id)
    is_named = docking_access.may_name_readers(actor, docking)
    return await _readings(pages, docking_id, OF_DOCKING, query, is_named=is_named)


async def readings_of_organization(
    pages: Pages, actor: Actor, organization_id: UUID, query: ReadingQuery
) -> Page[ReadingBody]:
    """Who read the organization's contact, for its members and the staff of its region."""
    organization = await organizations.get(pages.session, actor, organization_id)
    if not organization_access.may_manage(actor, organization):
        raise Forbidden()
    return await _readings(pages, organization_id, OF_ORGANIZATION, query)


async def _readings(
    pages: Pages, record_id: UUID, actions: str, query: ReadingQuery, *, is_named: bool = True
) -> Page[ReadingBody]:
    async with borrowed(pages.session, Scope.READINGS, str(record_id)):
        found: Page[AuditEntry] = await pages.read(
            repository.listed_readings(record_id, actions),
            query=query,
            columns=SORTS,
            show=lambda entry: entry,
        )
        readers = [entry.account_id for entry in found.items if entry.account_id and is_named]
        names = await repository.names_of(pages.session, readers)
    return Page(
        items=[_reading(entry, names) for entry in found.items],
        next_cursor=found.next_cursor,
        total=found.total,
    )


def _reading(entry: AuditEntry, names: Mapping[UUID, str]) -> ReadingBody:
    return ReadingBody(
        id=entry.id,
        happened_at=entry.happened_at,
        account_id=entry.account_id,
        account_name=names.get(entry.account_id) if entry.account_id else None,
        role=entry.role,
        is_by_api_key=entry.api_key_id is not None,
    )


async def list_seals(pages: Pages, query: SealQuery) -> Page[SealBody]:
    """Seals with what is wrong with them now: each is checked against its entries."""
    found: Page[AuditSeal] = await pages.read(
        repository.listed_seals(),
        query=query,
        columns={"number": AuditSeal.number},
        show=lambda seal: seal,
    )
    last = await repository.last_seal(pages.session)
    dropped_through = last.dropped_through if last else 0
    return Page(
        items=[await _check(pages.session, seal, dropped_through) for seal in found.items],
        next_cursor=found.next_cursor,
        total=found.total,
    )


async def _check(session: AsyncSession, seal: AuditSeal, dropped_through: int) -> SealBody:
    previous = await repository.find_seal(session, seal.number - 1)
    fault = await fault_of(session, seal, previous, dropped_through)
    return SealBody(
        id=seal.id,
        number=seal.number,
        sealed_at=seal.sealed_at,
        entry_count=len(seal.entry_ids),
        first_entry_id=seal.entry_ids[0] if seal.entry_ids else None,
        is_dropped=seal.number <= dropped_through,
        previous_hash=seal.previous_hash.hex(),
        hash=seal.hash.hex(),
        fault=_show_fault(fault),
    )


def _show_fault(fault: Fault | None) -> FaultBody | None:
    return None if fault is None else FaultBody.model_validate(fault)
