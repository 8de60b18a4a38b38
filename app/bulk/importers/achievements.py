"""Achievements in bulk."""

from collections import defaultdict
from collections.abc import Sequence
from typing import ClassVar

from sqlalchemy.ext.asyncio import AsyncSession

from app.achievements import operations
from app.achievements.completeness import missing_fields
from app.achievements.models import Achievement, AchievementState
from app.achievements.schemas import AchievementCreate
from app.achievements.workflow import EDITABLE
from app.bulk import repository
from app.bulk.importers.importer import meant_by, require_no_secrets, require_scope
from app.bulk.rows import AchievementRow, Key
from app.database import Record
from app.lifecycle import Party
from app.organizations.access import Actor
from app.organizations.models import Organization, OrganizationState
from app.validation import FieldError

NOT_COLUMNS = frozenset({"organization_name", "organization_id"})


class AchievementImporter:
    subject: ClassVar[str] = "achievement"
    edits: ClassVar[frozenset[str]] = frozenset({"achievement.updated"})
    pool: ClassVar[str | None] = AchievementState.PUBLISHED
    editable: ClassVar[frozenset[str]] = EDITABLE[Party.STAFF]
    admissible: ClassVar[frozenset[str]] = frozenset(
        {AchievementState.REGISTERED, AchievementState.REVIEWED}
    )

    def __init__(self, session: AsyncSession, actor: Actor) -> None:
        self._session = session
        self._actor = actor
        self._organizations: dict[str, Organization] = {}

    async def meant(self, rows: Sequence[AchievementRow]) -> list[Sequence[Achievement]]:
        names = {row.organization for row in rows}
        self._organizations, _ = await repository.organizations_by_name(self._session, names)
        found = await repository.achievements_meant(
            self._session,
            [row.external_id for row in rows if row.external_id],
            [row.name for row in rows if not row.external_id],
        )
        by_key: dict[Key, list[Achievement]] = defaultdict(list)
        for achievement in found:
            by_key["name", achievement.name, achievement.organization_name].append(achievement)
            if achievement.external_id:
                by_key["external_id", achievement.external_id].append(achievement)
        return [meant_by(row, by_key) for row in rows]

    async def create(self, row: AchievementRow) -> list[Record]:
        require_no_secrets(row.is_confidential)
        require_scope(self._actor, row.region_code)
        values = AchievementCreate(name=row.name).model_dump()
        achievement = Achievement(state=AchievementState.REGISTERED, **values)
        self._set(achievement, row)
        return [achievement]

    async def update(self, record: Achievement, row: AchievementRow) -> None:
        require_no_secrets(row.is_confidential)
        self._set(record, row)

    def faults(self, record: Achievement) -> Sequence[FieldError]:
        return missing_fields(record)

    def admit(self, record: Achievement) -> None:
        record.state = AchievementState.PUBLISHED

    def _set(self, achievement: Achievement, row: AchievementRow) -> None:
        """An organization that is not known by its name stays a name."""
        for name, value in row.stated(AchievementCreate, without=NOT_COLUMNS).items():
            setattr(achievement, name, value)
        if "organization" in row.model_fields_set:
            organization = self._organizations.get(row.organization)
            is_known = organization and organization.state is OrganizationState.VERIFIED
            achievement.organization_name = row.organization
            achievement.organization_id = organization.id if organization and is_known else None
        operations.index_text(achievement)
