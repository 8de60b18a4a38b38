"""One row of each kind: the domain's own Create body, and the columns that only files have."""

import hashlib
from abc import abstractmethod
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from app.achievements.schemas import AchievementCreate
from app.bulk.kinds import ImportKind
from app.demands.schemas import DemandCreate
from app.experts.models import EvidenceKind, Grade
from app.experts.schemas import EvidenceFields, ExpertCreate
from app.interface.schemas import Body, ContactEmail, Line, Phone, text_of
from app.organizations.schemas import CreditCode, OrganizationCreate

# Says which record a row means: by what ("external_id", "name" …) and the values.
Key = tuple[str, ...]


def _as_item(value: object) -> object:
    """A title alone is an item, too."""
    return {"title": value} if isinstance(value, str) else value


class EvidenceRow(EvidenceFields):
    title: Annotated[str, text_of(500, min_length=1)]
    grade: Grade = Grade.SELF_STATED


UNSAID_OF_EVIDENCE = EvidenceRow(title="-").model_dump()

EvidenceColumn = Annotated[
    list[Annotated[EvidenceRow, BeforeValidator(_as_item)]], Field(max_length=200)
]

EVIDENCE_COLUMNS = {
    "publications": EvidenceKind.PUBLICATION,
    "patents": EvidenceKind.PATENT,
    "projects": EvidenceKind.PROJECT,
    "awards": EvidenceKind.AWARD,
    "achievements": EvidenceKind.ACHIEVEMENT,
}


class Row(Body):
    """What every row can do."""

    @abstractmethod
    def identities(self) -> list[Key]:
        """The key that decides, then the others under which the same record may be meant."""

    def stated(self, body: type[Body], *, without: frozenset[str] = frozenset()) -> dict[str, Any]:
        """The fields of the domain's body that the row states."""
        wanted = set(body.model_fields) - without
        return self.model_dump(include=wanted, exclude_unset=True)

    def fingerprint(self) -> bytes:
        """The same for the same statement, in whatever file or order of columns it stands."""
        return hashlib.sha256(self.model_dump_json(exclude_unset=True).encode()).digest()


class OrganizationRow(Row, OrganizationCreate):
    def identities(self) -> list[Key]:
        by_name: Key = ("name", self.name)
        code = self.unified_social_credit_code
        return [("code", code), by_name] if code else [by_name]


class ExpertRow(Row, ExpertCreate):
    organization: Line = ""
    phone: Phone = ""
    email: ContactEmail = ""
    publications: EvidenceColumn = []
    patents: EvidenceColumn = []
    projects: EvidenceColumn = []
    awards: EvidenceColumn = []
    achievements: EvidenceColumn = []

    def identities(self) -> list[Key]:
        return _identities(self.external_id, ("name", self.name, self.organization))

    def evidence_values(self) -> list[dict[str, Any]]:
        """What the items of all columns state, as values of `Evidence`."""
        return [
            item.model_dump(exclude={"kind"}, exclude_unset=True) | {"kind": kind}
            for column, kind in EVIDENCE_COLUMNS.items()
            for item in getattr(self, column)
        ]


class DemandRow(Row, DemandCreate):
    organization: Line = ""
    unified_social_credit_code: CreditCode | None = None

    def identities(self) -> list[Key]:
        owner = self.unified_social_credit_code or self.organization
        return _identities(self.external_id, ("title", self.title, owner))


class AchievementRow(Row, AchievementCreate):
    organization: Line = ""

    def identities(self) -> list[Key]:
        return _identities(self.external_id, ("name", self.name, self.organization))


def _identities(external_id: str | None, by_name: Key) -> list[Key]:
    return [("external_id", external_id), by_name] if external_id else [by_name]


ROWS: dict[ImportKind, type[Row]] = {
    ImportKind.ORGANIZATIONS: OrganizationRow,
    ImportKind.EXPERTS: ExpertRow,
    ImportKind.DEMANDS: DemandRow,
    ImportKind.ACHIEVEMENTS: AchievementRow,
}
