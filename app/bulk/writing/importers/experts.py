"""Experts in bulk, with their evidence and contacts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy.ext.asyncio import AsyncSession

from app.bulk import repository
from app.bulk.rows import UNSAID_OF_EVIDENCE, ExpertRow, Key
from app.bulk.writing.importers.directory import Directory
from app.bulk.writing.importers.importer import (
    in_columns,
    meant_by,
    organization_values,
    require_jurisdiction,
    unknown_employer,
)
from app.database import Record
from app.experts import access, contacts, operations
from app.experts import repository as expert_repository
from app.experts.completeness import missing_fields
from app.experts.evidence import TOO_MUCH, attest, rewrite
from app.experts.models import Evidence, Expert, ExpertContact, ExpertState, Grade
from app.experts.schemas import MAX_EVIDENCE, ContactFields, ExpertCreate
from app.experts.workflow import EDITABLE, settle
from app.interface.errors import Invalid
from app.interface.language import Text
from app.interface.validation import FieldError
from app.organizations.actors import Actor

MATCHING_REFUSED = FieldError(
    pointer="",
    code="matching_refused",
    message=Text("本人不同意参与匹配推荐", "The expert refuses to be matched"),
)
NO_ROOM = FieldError(pointer="", code="too_long", message=TOO_MUCH)
NOT_COLUMNS = frozenset({"evidence", "absences", "organization_name", "organization_id"})
UNSAID = ExpertCreate(name="-").model_dump(exclude={"evidence"})


class ExpertImporter:
    subject: ClassVar[str] = "expert"
    edits: ClassVar[frozenset[str]] = frozenset({"expert.updated", "expert.contact_updated"})
    pool: ClassVar[str] = ExpertState.IN_POOL
    pooled: ClassVar[frozenset[str]] = frozenset({ExpertState.IN_POOL})
    editable: ClassVar[frozenset[str]] = EDITABLE
    admissible: ClassVar[frozenset[str]] = frozenset({ExpertState.DRAFT})
    unconfirmed: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, session: AsyncSession, actor: Actor) -> None:
        self._session = session
        self._actor = actor
        self._directory = Directory(actor)
        self._told = set[str]()

    async def meant(self, rows: Sequence[ExpertRow]) -> list[Sequence[Expert]]:
        employers = {row.organization for row in rows}
        self._directory = await Directory.of(self._session, self._actor, names=employers)
        external_ids = [row.external_id for row in rows if row.external_id]
        names = [row.name for row in rows if not row.external_id]
        found = await repository.experts_meant(self._session, external_ids, names)
        by_key: dict[Key, list[Expert]] = defaultdict(list)
        for expert in found:
            by_key["name", expert.name, expert.organization_name].append(expert)
            if expert.external_id:
                by_key["external_id", expert.external_id].append(expert)
        return [meant_by(row, by_key) for row in rows]

    def is_visible(self, record: Expert) -> bool:
        return access.may_read(self._actor, record)

    def region_of(self, row: ExpertRow) -> str | None:
        return row.region_code

    async def create(self, row: ExpertRow) -> tuple[Expert, *tuple[Record, ...]]:
        require_jurisdiction(self._actor, row.region_code)
        expert = Expert(state=ExpertState.DRAFT, **(UNSAID | self._values(row)))
        items = [self._new_item(values) for values in row.evidence_values()]
        for item in items:
            item.expert_id = expert.id
        expert.evidence = items
        _require_room(expert)
        operations.index_text(expert)
        contact = ExpertContact(expert_id=expert.id, phone=row.phone, email=row.email)
        belongings = [*items, *([contact] if row.phone or row.email else [])]
        return (expert, *belongings)

    async def update(self, record: Expert, row: ExpertRow) -> None:
        values = self._values(row)
        operations.require_placeable(self._actor, record, values)
        for name, value in values.items():
            setattr(record, name, value)
        self._merge_evidence(record, row)
        operations.index_text(record)
        await self._store_contact(record, row)

    def faults(self, record: Expert) -> Sequence[FieldError]:
        missing = in_columns(missing_fields(record))
        return [*missing, MATCHING_REFUSED] if record.is_matching_refused else missing

    def notes(self, record: Expert) -> Sequence[FieldError]:
        return unknown_employer(record, self._told)

    def admit(self, record: Expert) -> None:
        settle(record, ExpertState.IN_POOL)

    def _values(self, row: ExpertRow) -> dict[str, Any]:
        stated = row.stated(ExpertCreate, without=NOT_COLUMNS)
        return stated | organization_values(row, self._directory)

    def _merge_evidence(self, expert: Expert, row: ExpertRow) -> None:
        """Items of the same kind and title get what is stated, others are added; none goes."""
        known = {(item.kind, item.title): item for item in expert.evidence}
        for values in row.evidence_values():
            item = known.get((values["kind"], values["title"]))
            if item is None:
                expert.evidence.append(self._new_item(values))
                _require_room(expert)
            else:
                self._state(item, values)

    def _new_item(self, values: dict[str, Any]) -> Evidence:
        item = Evidence(grade=Grade.SELF_STATED)
        self._state(item, UNSAID_OF_EVIDENCE | values)
        return item

    def _state(self, item: Evidence, values: Mapping[str, Any]) -> None:
        """The importing staff answer for what the file calls verified."""
        text = {name: value for name, value in values.items() if name != "grade"}
        rewrite(item, text, by_staff=True)
        if "grade" in values:
            attest(item, values["grade"], self._actor)

    async def _store_contact(self, expert: Expert, row: ExpertRow) -> None:
        stated = row.stated(ContactFields)
        if not stated:
            return
        contact = await expert_repository.find_contact(self._session, expert.id)
        known = {"phone": contact.phone, "email": contact.email} if contact else {}
        # Not checked again: what is stored from before addresses were checked stays as it is.
        fields = ContactFields.model_construct(**(known | stated))
        await contacts.store(self._session, expert, fields)


def _require_room(expert: Expert) -> None:
    """Each column of a file is bounded, and here all of them together with what is stored.

    Raises Invalid.
    """
    if len(expert.evidence) > MAX_EVIDENCE:
        raise Invalid(errors=[NO_ROOM])
