"""The importer of each kind."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.bulk.kinds import ImportKind
from app.bulk.writing.importers.achievements import AchievementImporter
from app.bulk.writing.importers.demands import DemandImporter
from app.bulk.writing.importers.experts import ExpertImporter
from app.bulk.writing.importers.importer import AnyImporter
from app.bulk.writing.importers.organizations import OrganizationImporter
from app.organizations.actors import Actor


def importer_of(kind: ImportKind, session: AsyncSession, actor: Actor) -> AnyImporter:
    match kind:
        case ImportKind.ORGANIZATIONS:
            return OrganizationImporter(session, actor)
        case ImportKind.EXPERTS:
            return ExpertImporter(session, actor)
        case ImportKind.DEMANDS:
            return DemandImporter(session, actor)
        case ImportKind.ACHIEVEMENTS:
            return AchievementImporter(session, actor)
