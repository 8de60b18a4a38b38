"""Organizations in bulk: known by their credit code, or by name where one side has none."""

from collections.abc import Sequence
from typing import ClassVar

from sqlalchemy.ext.asyncio import AsyncSession

from app.bulk import repository
from app.bulk.importers.importer import require_jurisdiction
from app.bulk.rows import OrganizationRow
from app.database import Record
from app.interface.validation import FieldError
from app.organizations import access, operations
from app.organizations.actors import Actor
from app.organizations.models import Organization, OrganizationState
from app.organizations.schemas import OrganizationCreate
from app.organizations.workflow import settle

UNSAID = OrganizationCreate(name="--").model_dump()


class OrganizationImporter:
    subject: ClassVar[str] = "organization"
    edits: ClassVar[frozenset[str]] = frozenset({"organization.updated"})
    pool: ClassVar[str | None] = OrganizationState.VERIFIED
    editable: ClassVar[frozenset[str]] = frozenset(OrganizationState)
    # Rejected ones are not: that was somebody's decision.
    admissible: ClassVar[frozenset[str]] = frozenset({OrganizationState.REGISTERED})

    def __init__(self, session: AsyncSession, actor: Actor) -> None:
        self._session = session
        self._actor = actor

    async def meant(self, rows: Sequence[OrganizationRow]) -> list[Sequence[Organization]]:
        codes = [code for row in rows if (code := row.unified_social_credit_code)]
        names = [row.name for row in rows]
        found = await repository.organizations_meant(self._session, codes, names)
        return [_meant(row, found) for row in rows]

    def is_visible(self, record: Organization) -> bool:
        return access.may_read(self._actor, record)

    def region_of(self, row: OrganizationRow) -> str | None:
        return row.region_code

    async def create(self, row: OrganizationRow) -> list[Record]:
        """Staff vouch for what they import."""
        require_jurisdiction(self._actor, row.region_code)
        values = UNSAID | row.stated(OrganizationCreate)
        organization = Organization(state=OrganizationState.VERIFIED, **values)
        operations.index_text(organization)
        return [organization]

    async def update(self, record: Organization, row: OrganizationRow) -> None:
        stated = row.stated(OrganizationCreate)
        await operations.require_placeable(self._session, self._actor, record, stated)
        for name, value in stated.items():
            setattr(record, name, value)
        operations.index_text(record)

    def faults(self, record: Organization) -> Sequence[FieldError]:
        return ()

    def notes(self, record: Organization) -> Sequence[FieldError]:
        return ()

    def admit(self, record: Organization) -> None:
        """An enterprise that came with a demand, or registered itself, is vouched for."""
        settle(record, OrganizationState.VERIFIED)


def _meant(row: OrganizationRow, found: Sequence[Organization]) -> Sequence[Organization]:
    """By code; else by name, where not both have codes, which then are different bodies."""
    code = row.unified_social_credit_code
    by_code = [o for o in found if code and o.unified_social_credit_code == code]
    named = [o for o in found if o.name == row.name]
    return by_code or [o for o in named if not (code and o.unified_social_credit_code)]
