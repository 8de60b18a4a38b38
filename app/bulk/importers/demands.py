"""Demands in bulk; an enterprise that is not known yet is registered with its first demand."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.bulk import repository, writing
from app.bulk.importers.importer import meant_by, require_jurisdiction, require_no_secrets
from app.bulk.kinds import ImportKind
from app.bulk.rows import DemandRow, Key
from app.database import Record
from app.demands import access, operations
from app.demands.completeness import faults
from app.demands.models import Demand, DemandState
from app.demands.schemas import DemandCreate
from app.demands.workflow import EDITABLE, settle
from app.interface.errors import Problem, invalid_field
from app.interface.language import Text
from app.interface.validation import FieldError
from app.organizations import operations as organizations
from app.organizations.actors import Actor
from app.organizations.models import Organization, OrganizationState
from app.organizations.schemas import OrganizationCreate

NOT_COLUMNS = frozenset({"organization_id"})
UNSAID = DemandCreate(title="-").model_dump(exclude={"organization_id"})

ENTERED = Text(
    "库中没有企业“{name}”，已新登记，待核验；如系名称写错，请改正后再导入",
    "No enterprise {name} was there: it was registered, and waits for verification",
)


class DemandImporter:
    subject: ClassVar[str] = "demand"
    edits: ClassVar[frozenset[str]] = frozenset({"demand.updated"})
    pool: ClassVar[str | None] = DemandState.PUBLISHED
    editable: ClassVar[frozenset[str]] = EDITABLE | {DemandState.PUBLISHED}
    admissible: ClassVar[frozenset[str]] = EDITABLE

    def __init__(self, session: AsyncSession, actor: Actor) -> None:
        self._session = session
        self._actor = actor
        self._by_name: dict[str, Organization] = {}
        self._by_code: dict[str, Organization] = {}
        self._entered_with: set[UUID] = set()  # demands that brought their enterprise

    async def meant(self, rows: Sequence[DemandRow]) -> list[Sequence[Demand]]:
        names = {row.organization for row in rows}
        codes = {code for row in rows if (code := row.unified_social_credit_code)}
        self._by_name, self._by_code = await repository.owning_organizations(
            self._session, names, codes
        )
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
        return row.region_code or (known.region_code if known else None)

    async def create(self, row: DemandRow) -> list[Record]:
        require_no_secrets(row.is_confidential)
        require_jurisdiction(self._actor, row.region_code)
        known = self._known(row)
        organization = known or await self._entered(row)
        require_jurisdiction(self._actor, organization.region_code)
        demand = Demand(
            state=DemandState.DRAFT,
            organization_id=organization.id,
            organization=organization,
            **(UNSAID | row.stated(DemandCreate, without=NOT_COLUMNS)),
        )
        if known is None:
            self._entered_with.add(demand.id)
        operations.index_text(demand)
        demand.region_code = demand.region_code or organization.region_code
        demand.industry_code = demand.industry_code or organization.industry_code
        return [demand]

    async def update(self, record: Demand, row: DemandRow) -> None:
        require_no_secrets(row.is_confidential)
        organization = self._known(row)
        states_owner = bool(row.organization or row.unified_social_credit_code)
        if states_owner and (organization is None or organization.id != record.organization_id):
            raise _another_owner()
        for name, value in row.stated(DemandCreate, without=NOT_COLUMNS).items():
            setattr(record, name, value)
        operations.index_text(record)

    def faults(self, record: Demand) -> Sequence[FieldError]:
        """Under the names that a file's columns have."""
        code = "/unified_social_credit_code"
        return [
            replace(fault, pointer=code) if fault.pointer == "/organization_id" else fault
            for fault in faults(record)
        ]

    def notes(self, record: Demand) -> Sequence[FieldError]:
        """An enterprise that was not there: the file may have misspelt a known one."""
        if record.id not in self._entered_with:
            return ()
        message = ENTERED.format(name=record.organization.name)
        return [FieldError(pointer="/organization", code="organization_entered", message=message)]

    def admit(self, record: Demand) -> None:
        settle(record, DemandState.PUBLISHED)

    def _meant(self, row: DemandRow, by_key: dict[Key, list[Demand]]) -> Sequence[Demand]:
        if row.external_id:
            return meant_by(row, by_key)
        organization = self._known(row)
        return by_key.get(("title", row.title, str(organization.id)), []) if organization else []

    def _known(self, row: DemandRow) -> Organization | None:
        """By credit code; else by name, unless both have codes, which then differ."""
        if code := row.unified_social_credit_code:
            if found := self._by_code.get(code):
                return found
            named = self._by_name.get(row.organization)
            return named if named and not named.unified_social_credit_code else None
        return self._by_name.get(row.organization)

    async def _entered(self, row: DemandRow) -> Organization:
        """A new enterprise, which waits for its verification as one that registers does."""
        if not row.organization:
            raise invalid_field("/organization", "missing", "请填写机构", "Name the organization")
        new = OrganizationCreate.model_validate(
            {"name": row.organization}
            | row.model_dump(include={"unified_social_credit_code", "region_code", "industry_code"})
        )
        organization = await organizations.add(
            self._session, self._actor, new, OrganizationState.REGISTERED
        )
        # Remembered, so that a later import of organizations may complete it.
        await writing.remember(self._session, ImportKind.ORGANIZATIONS, {organization.id: b""})
        self._by_name[organization.name] = organization
        if organization.unified_social_credit_code:
            self._by_code[organization.unified_social_credit_code] = organization
        return organization


def _another_owner() -> Problem:
    return invalid_field(
        "/organization",
        "another_organization",
        "该需求属于另一机构，导入不改变归属",
        "The demand belongs to another organization; an import does not move it",
    )
