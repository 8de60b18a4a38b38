"""Demands in bulk; an enterprise that is not known yet is registered with its first demand."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.bulk import repository
from app.bulk.kinds import ImportKind
from app.bulk.rows import DemandRow, Key
from app.bulk.writing import inserting
from app.bulk.writing.importers.directory import Directory, code_withheld
from app.bulk.writing.importers.importer import (
    meant_by,
    require_jurisdiction,
)
from app.database import Record
from app.demands import access, operations
from app.demands.completeness import faults
from app.demands.models import Demand, DemandState
from app.demands.schemas import DemandCreate
from app.demands.workflow import EDITABLE, IMPORTABLE, PUBLIC, settle
from app.interface.errors import Invalid, Problem, invalid_field
from app.interface.language import Text
from app.interface.validation import FieldError, field_errors
from app.organizations import operations as organizations
from app.organizations.actors import Actor
from app.organizations.models import Organization, OrganizationState
from app.organizations.schemas import OrganizationCreate

NOT_COLUMNS = frozenset({"organization_id", "concepts"})
UNSAID = DemandCreate(title="-").model_dump(exclude={"organization_id"})

ENTERED = Text(
    "库中没有企业“{name}”，已新登记，待核验；如系名称写错，请改正后再导入",
    "No enterprise {name} was there: it was registered, and waits for verification",
)
NAMED_OTHERWISE = Text(
    "统一社会信用代码属于“{owner}”，与所填的“{name}”不同，已按代码归属；如代码写错，请改正",
    "The credit code is of {owner}, and not of {name}: the demand is theirs; correct a wrong code",
)


class DemandImporter:
    subject: ClassVar[str] = "demand"
    edits: ClassVar[frozenset[str]] = frozenset({"demand.updated"})
    pool: ClassVar[str] = DemandState.PUBLISHED
    pooled: ClassVar[frozenset[str]] = PUBLIC
    editable: ClassVar[frozenset[str]] = IMPORTABLE
    admissible: ClassVar[frozenset[str]] = EDITABLE
    unconfirmed: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, session: AsyncSession, actor: Actor) -> None:
        self._session = session
        self._actor = actor
        self._directory = Directory(actor)
        self._notes: dict[UUID, list[FieldError]] = {}  # by the new demand

    async def meant(self, rows: Sequence[DemandRow]) -> list[Sequence[Demand]]:
        names = {row.organization for row in rows}
        codes = {code for row in rows if (code := row.unified_social_credit_code)}
        self._directory = await Directory.of(self._session, self._actor, names=names, codes=codes)
        found = await repository.demands_meant(
            self._session,
            [row.external_id for row in rows if row.external_id],
            [row.title for row in rows if not row.external_id],
        )
        by_key: dict[Key, list[Demand]] = defaultdict(list)
        for demand in found:
            by_key["title", demand.title, str(demand.organization_id)].append(demand)
            if demand.external_id:
                by_key["external_id", demand.external_id].append(demand)
        return [self._meant(row, by_key) for row in rows]

    def is_visible(self, record: Demand) -> bool:
        return access.may_read(self._actor, record)

    def region_of(self, row: DemandRow) -> str | None:
        known = self._known(row)
        is_vouched_for = known is not None and self._directory.is_vouched_for(known)
        return row.region_code or (known.region_code if known and is_vouched_for else None)

    async def create(self, row: DemandRow) -> tuple[Demand, *tuple[Record, ...]]:
        require_jurisdiction(self._actor, row.region_code)
        known = self._known(row)
        notes = self._notes_of(row, known)
        organization = known or await self._enter(row)
        require_jurisdiction(self._actor, organization.region_code)
        demand = Demand(
            state=DemandState.DRAFT,
            organization_id=organization.id,
            organization=organization,
            **(UNSAID | row.stated(DemandCreate, without=NOT_COLUMNS)),
        )
        self._notes[demand.id] = notes
        operations.index_text(demand)
        demand.region_code = demand.region_code or organization.region_code
        demand.industry_code = demand.industry_code or organization.industry_code
        return (demand,)

    async def update(self, record: Demand, row: DemandRow) -> None:
        if not _may_be_owned_by(record.organization, row):
            raise _another_owner()
        operations.apply(record, row.stated(DemandCreate, without=NOT_COLUMNS))

    def faults(self, record: Demand) -> Sequence[FieldError]:
        """Under the names that a file's columns have."""
        code = "/unified_social_credit_code"
        return [
            replace(fault, pointer=code) if fault.pointer == "/organization_id" else fault
            for fault in faults(record)
        ]

    def notes(self, record: Demand) -> Sequence[FieldError]:
        """An enterprise that was not there, or has another name: the file may be wrong."""
        return self._notes.get(record.id, [])

    def admit(self, record: Demand) -> None:
        settle(record, DemandState.PUBLISHED)

    def _meant(self, row: DemandRow, by_key: dict[Key, list[Demand]]) -> Sequence[Demand]:
        if row.external_id:
            return meant_by(row, by_key)
        organization = self._known(row)
        return by_key.get(("title", row.title, str(organization.id)), []) if organization else []

    def _known(self, row: DemandRow) -> Organization | None:
        return self._directory.owner(row.organization, row.unified_social_credit_code)

    async def _enter(self, row: DemandRow) -> Organization:
        """A new enterprise, which waits for its verification as one that registers does."""
        if not row.organization:
            raise invalid_field("/organization", "missing", "请填写机构", "Name the organization")
        new = _enterprise(row, has_code=not self._is_code_taken(row))
        organization = await organizations.add(
            self._session, self._actor, new, OrganizationState.REGISTERED
        )
        # Remembered, so that a later import of organizations may complete it.
        await inserting.remember(self._session, ImportKind.ORGANIZATIONS, {organization.id: b""})
        self._directory.add(organization)
        return organization

    def _is_code_taken(self, row: DemandRow) -> bool:
        return self._directory.is_taken(row.unified_social_credit_code)

    def _notes_of(self, row: DemandRow, known: Organization | None) -> list[FieldError]:
        if known is not None:
            return _named_otherwise(row, known)
        message = ENTERED.format(name=row.organization)
        note = FieldError(pointer="/organization", code="organization_entered", message=message)
        return [note, code_withheld()] if self._is_code_taken(row) else [note]


def _may_be_owned_by(owner: Organization, row: DemandRow) -> bool:
    """By credit code where both have one, else by name; a row need not name the owner."""
    code, its_code = row.unified_social_credit_code, owner.unified_social_credit_code
    if code and its_code:
        return code == its_code
    return row.organization == owner.name or not (row.organization or code)


def _enterprise(row: DemandRow, *, has_code: bool) -> OrganizationCreate:
    """What the row says of its enterprise, with its credit code unless somebody else holds that.

    Raises Invalid for a name that is none, like 无 or /.
    """
    wanted = {"region_code", "industry_code"} | (
        {"unified_social_credit_code"} if has_code else set()
    )
    also = row.model_dump(include=wanted)
    try:
        return OrganizationCreate.model_validate({"name": row.organization} | also)
    except ValidationError as error:  # of the name: all else was checked with the row
        found = field_errors(error.errors())
        raise Invalid(errors=[replace(fault, pointer="/organization") for fault in found]) from None


def _named_otherwise(row: DemandRow, owner: Organization) -> list[FieldError]:
    if row.organization in ("", owner.name):
        return []
    message = NAMED_OTHERWISE.format(owner=owner.name, name=row.organization)
    return [FieldError(pointer="/organization", code="named_otherwise", message=message)]


def _another_owner() -> Problem:
    return invalid_field(
        "/organization",
        "another_organization",
        "该需求属于另一机构，导入不改变归属",
        "The demand belongs to another organization; an import does not move it",
    )
