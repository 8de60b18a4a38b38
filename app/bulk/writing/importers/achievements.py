"""Achievements in bulk."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, ClassVar

from sqlalchemy.ext.asyncio import AsyncSession

from app.achievements import access, operations
from app.achievements.completeness import faults
from app.achievements.models import Achievement, AchievementState
from app.achievements.schemas import AchievementCreate
from app.achievements.workflow import EDITABLE, settle
from app.bulk import repository
from app.bulk.rows import AchievementRow, Key
from app.bulk.writing.importers.directory import Directory
from app.bulk.writing.importers.importer import (
    in_columns,
    meant_by,
    organization_values,
    require_jurisdiction,
    unknown_employer,
)
from app.database import Record
from app.interface.validation import FieldError
from app.organizations.actors import Actor
from app.transitions import Party

NOT_COLUMNS = frozenset({"organization_name", "organization_id"})
UNSAID = AchievementCreate(name="-").model_dump()


class AchievementImporter:
    subject: ClassVar[str] = "achievement"
    edits: ClassVar[frozenset[str]] = frozenset({"achievement.updated"})
    pool: ClassVar[str] = AchievementState.PUBLISHED
    pooled: ClassVar[frozenset[str]] = frozenset({AchievementState.PUBLISHED})
    editable: ClassVar[frozenset[str]] = EDITABLE[Party.STAFF]
    admissible: ClassVar[frozenset[str]] = frozenset(
        {AchievementState.REGISTERED, AchievementState.REVIEWED}
    )
    unconfirmed: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, session: AsyncSession, actor: Actor) -> None:
        self._session = session
        self._actor = actor
        self._directory = Directory(actor)
        self._told = set[str]()

    async def meant(self, rows: Sequence[AchievementRow]) -> list[Sequence[Achievement]]:
        names = {row.organization for row in rows}
        self._directory = await Directory.of(self._session, self._actor, names=names)
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

    def is_visible(self, record: Achievement) -> bool:
        return access.may_read(self._actor, record)

    def region_of(self, row: AchievementRow) -> str | None:
        return row.region_code

    async def create(self, row: AchievementRow) -> tuple[Achievement, *tuple[Record, ...]]:
        require_jurisdiction(self._actor, row.region_code)
        values = UNSAID | self._values(row)
        achievement = Achievement(state=AchievementState.REGISTERED, **values)
        operations.index_text(achievement)
        return (achievement,)

    async def update(self, record: Achievement, row: AchievementRow) -> None:
        for name, value in self._values(row).items():
            setattr(record, name, value)
        operations.index_text(record)

    def faults(self, record: Achievement) -> Sequence[FieldError]:
        return in_columns(faults(record))

    def notes(self, record: Achievement) -> Sequence[FieldError]:
        return unknown_employer(record, self._told)

    def admit(self, record: Achievement) -> None:
        settle(record, AchievementState.PUBLISHED)

    def _values(self, row: AchievementRow) -> dict[str, Any]:
        stated = row.stated(AchievementCreate, without=NOT_COLUMNS)
        return stated | organization_values(row, self._directory)
