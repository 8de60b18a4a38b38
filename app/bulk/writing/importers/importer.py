"""What the import needs to know of each kind of record."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Protocol, TypeVar

from app.achievements.models import Achievement
from app.bulk.rows import AchievementRow, ExpertRow, Row
from app.bulk.writing.importers.directory import Directory
from app.database import Record
from app.demands.models import Demand
from app.experts.models import Expert
from app.interface.errors import (
    NOT_IN_REGION,
    Forbidden,
)
from app.interface.language import Text
from app.interface.validation import FieldError
from app.organizations.actors import Actor
from app.organizations.models import Organization

RowT_contra = TypeVar("RowT_contra", bound=Row, contravariant=True)
Importable = Achievement | Demand | Expert | Organization
RecordT = TypeVar("RecordT", bound=Importable)

UNKNOWN_EMPLOYER = Text(
    "库中没有已核验的机构“{name}”，只记下名称，未与机构关联（其余各行相同）；"
    "如系名称写错，请改正后再导入",
    "No verified organization {name} was there: the name was kept and linked to none, and so on",
)


class Importer(Protocol[RowT_contra, RecordT]):
    """Rows into records of one kind, for one chunk of rows; built with session and actor.

    Nothing here writes new records: those are returned, for the chunk to write all at once.
    """

    subject: ClassVar[str]  # what the kinds of change begin with
    edits: ClassVar[frozenset[str]]  # the changes that somebody's edit leaves
    pool: ClassVar[str]  # the state that an admitted record has
    pooled: ClassVar[frozenset[str]]  # that one, and those that it may go on to in the pool
    editable: ClassVar[frozenset[str]]  # the states in which an import may write
    admissible: ClassVar[frozenset[str]]  # the states from which a record may be admitted
    unconfirmed: ClassVar[frozenset[str]]  # those in which what no file brought is replaced

    async def meant(self, rows: Sequence[RowT_contra]) -> list[Sequence[RecordT]]:
        """For each row the stored records that it may mean, locked."""
        ...

    def is_visible(self, record: RecordT) -> bool:
        """Whether the actor may know of the record; one of which they may not is no row's."""
        ...

    def region_of(self, row: RowT_contra) -> str | None:
        """The region that the row, or what it belongs to, states for a new record."""
        ...

    async def create(self, row: RowT_contra) -> tuple[RecordT, *tuple[Record, ...]]:
        """The new record, then what belongs to it; raises Problem for a row that is refused."""
        ...

    async def update(self, record: RecordT, row: RowT_contra) -> None:
        """Set what the row states; raises Problem for a row that is refused."""
        ...

    def faults(self, record: RecordT) -> Sequence[FieldError]:
        """What keeps the record out of the pool."""
        ...

    def notes(self, record: RecordT) -> Sequence[FieldError]:
        """What the import did with the record that the row does not say."""
        ...

    def admit(self, record: RecordT) -> None:
        """Put a record without faults into the pool."""
        ...


AnyImporter = Importer[Any, Any]


def require_jurisdiction(actor: Actor, region_code: str | None) -> None:
    """Raises Forbidden for a record outside the importing staff's region."""
    if not actor.manages_region(region_code):
        raise Forbidden(NOT_IN_REGION)


def organization_values(row: ExpertRow | AchievementRow, directory: Directory) -> dict[str, Any]:
    """What the row says of its organization; one that is not known by its name stays a name."""
    if "organization" not in row.model_fields_set:
        return {}
    organization = directory.employer(row.organization)
    return {
        "organization_name": row.organization,
        "organization_id": organization.id if organization else None,
    }


def unknown_employer(record: Expert | Achievement, told: set[str]) -> list[FieldError]:
    """A note on an organization of which there is no more than its name; once for each name.

    told: the names of which it was said, to which this one is added.
    """
    name = record.organization_name
    if record.organization_id is not None or not name or name in told:
        return []
    told.add(name)
    message = UNKNOWN_EMPLOYER.format(name=name)
    return [FieldError(pointer="/organization", code="organization_unknown", message=message)]


def in_columns(faults: Sequence[FieldError]) -> list[FieldError]:
    """The same, under the names that a file's columns have."""
    return [
        replace(fault, pointer="/organization") if fault.pointer == "/organization_name" else fault
        for fault in faults
    ]


def meant_by(row: Row, by_key: dict[tuple[str, ...], list[RecordT]]) -> Sequence[RecordT]:
    """The records under the key that decides for this row."""
    return by_key.get(row.identities()[0], [])
