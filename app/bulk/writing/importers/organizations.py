"""Organizations in bulk: known by their credit code, or by name where one side has none."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.bulk.rows import OrganizationRow
from app.bulk.writing.importers.directory import Directory, code_withheld, may_be_meant
from app.bulk.writing.importers.importer import require_jurisdiction
from app.database import Record
from app.interface.language import Text
from app.interface.validation import FieldError
from app.organizations import operations
from app.organizations.actors import Actor
from app.organizations.models import Organization, OrganizationState
from app.organizations.schemas import OrganizationCreate
from app.organizations.workflow import settle

MET = Text(
    "该代码的企业此前已自行注册、尚未核验，已按本行更新；本行未写的内容（如联系人）仍为注册时所填，请核对",
    "Its enterprise had registered itself and was not verified: it now says what the row states;"
    " check the rest, such as its contacts",
)
RENAMED = Text(
    "该代码的机构原名“{before}”，已改为“{name}”；如代码写错，请改回",
    "The organization of this code was called {before}, and is {name} now; correct a wrong code",
)
UNSAID = OrganizationCreate(name="--").model_dump()


class OrganizationImporter:
    subject: ClassVar[str] = "organization"
    edits: ClassVar[frozenset[str]] = frozenset({"organization.updated"})
    pool: ClassVar[str] = OrganizationState.VERIFIED
    pooled: ClassVar[frozenset[str]] = frozenset({OrganizationState.VERIFIED})
    editable: ClassVar[frozenset[str]] = frozenset(OrganizationState)
    # Rejected ones are not: that was somebody's decision.
    admissible: ClassVar[frozenset[str]] = frozenset({OrganizationState.REGISTERED})
    unconfirmed: ClassVar[frozenset[str]] = frozenset({OrganizationState.REGISTERED})

    def __init__(self, session: AsyncSession, actor: Actor) -> None:
        self._session = session
        self._actor = actor
        self._directory = Directory(actor)
        self._notes: dict[UUID, FieldError] = {}

    async def meant(self, rows: Sequence[OrganizationRow]) -> list[Sequence[Organization]]:
        codes = [code for row in rows if (code := row.unified_social_credit_code)]
        names = [row.name for row in rows]
        self._directory = await Directory.of(
            self._session, self._actor, names=names, codes=codes, is_locked=True
        )
        return [self._directory.meant(row.name, row.unified_social_credit_code) for row in rows]

    def is_visible(self, record: Organization) -> bool:
        return may_be_meant(self._actor, record)

    def region_of(self, row: OrganizationRow) -> str | None:
        return row.region_code

    async def create(self, row: OrganizationRow) -> tuple[Organization, *tuple[Record, ...]]:
        """Staff vouch for what they import."""
        require_jurisdiction(self._actor, row.region_code)
        organization = Organization(state=OrganizationState.VERIFIED, **UNSAID)
        self._set(organization, row.stated(OrganizationCreate))
        return (organization,)

    async def update(self, record: Organization, row: OrganizationRow) -> None:
        stated = row.stated(OrganizationCreate)
        await operations.require_placeable(self._session, self._actor, record, stated)
        if not self._directory.is_vouched_for(record):
            self._notes[record.id] = FieldError(
                pointer="/unified_social_credit_code", code="registration_met", message=MET
            )
        elif record.name != row.name:
            renamed = RENAMED.format(before=record.name, name=row.name)
            self._notes[record.id] = FieldError(pointer="/name", code="renamed", message=renamed)
        self._set(record, stated)

    def faults(self, record: Organization) -> Sequence[FieldError]:
        return ()

    def notes(self, record: Organization) -> Sequence[FieldError]:
        note = self._notes.get(record.id)
        return [note] if note else []

    def admit(self, record: Organization) -> None:
        """An enterprise that came with a demand, or registered itself, is vouched for."""
        settle(record, OrganizationState.VERIFIED)

    def _set(self, record: Organization, stated: Mapping[str, Any]) -> None:
        """What the row states, but for a code that is not to be had."""
        values = dict(stated)
        if self._directory.is_held(values.get("unified_social_credit_code")):
            del values["unified_social_credit_code"]
            self._notes[record.id] = code_withheld()
        for name, value in values.items():
            setattr(record, name, value)
        operations.index_text(record)
