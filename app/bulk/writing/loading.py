"""A chunk of valid rows into the database: decide, set, and write all at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

import psycopg
from anyio.lowlevel import checkpoint
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.bulk import repository
from app.bulk.kinds import ImportKind
from app.bulk.reading.parsing import NumberedRow
from app.bulk.report import (
    UNFORESEEN,
    Outcome,
    RowResult,
    refused,
    refused_by,
    refused_unforeseen,
)
from app.bulk.repository import History
from app.bulk.rows import Row
from app.bulk.writing import inserting
from app.bulk.writing.importers import importer_of
from app.bulk.writing.importers.importer import AnyImporter, Importable, require_jurisdiction
from app.database import Record
from app.interface.errors import Invalid, Problem, WrongState
from app.interface.language import Text
from app.interface.validation import FieldError
from app.organizations.actors import Actor

REFUSED_BY_DATABASE = (IntegrityError, DataError, psycopg.IntegrityError, psycopg.DataError)

AMBIGUOUS = FieldError(
    pointer="",
    code="ambiguous",
    message=Text(
        "有多条记录与该行相符，请填写外部编号（机构请填统一社会信用代码）",
        "Several records fit this row; give an external id, or an organization's credit code",
    ),
)
EDITED = FieldError(
    pointer="",
    code="edited_since_import",
    message=Text(
        "该记录在上次导入之后被修改过；如确需覆盖，命令加 --overwrite，接口加 overwrite=true",
        "The record was edited after its last import; to replace it give --overwrite, or over"
        " HTTP overwrite=true",
    ),
)
ERASED_SINCE = FieldError(
    pointer="",
    code="erased_since",
    message=Text(
        "提交文件后有专家的个人信息被删除，可能就是此人；请核对后重新提交",
        "An expert was erased since the file came, maybe this one; check, then send it anew",
    ),
)
CONFLICT = FieldError(
    pointer="",
    code="conflict",
    message=Text("与现有数据冲突（唯一字段已被占用）", "A unique value is taken already"),
)
REGION_ASSUMED = Text(
    "未填写地区，按您的管辖地区 {region} 登记（其余各行相同）",
    "No region is stated: your own, {region}, was taken, and so on",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What holds for all rows of one import."""

    import_id: UUID
    handed_in_at: datetime
    kind: ImportKind
    actor: Actor
    is_admitting: bool
    is_overwriting: bool


async def write_rows(
    session: AsyncSession, load: Load, rows: Sequence[NumberedRow]
) -> list[RowResult]:
    """Write rows in a savepoint; if that fails by what they hold, halve until it is one row.

    The session's transaction stays usable and holds the rows that were accepted.
    """
    if not rows:
        return []
    session.expunge_all()
    try:
        async with session.begin_nested():
            return await _Chunk(session, load).write(rows)
    except REFUSED_BY_DATABASE:
        if len(rows) == 1:
            return [refused(rows[0].number, CONFLICT)]
    except UNFORESEEN as error:
        if len(rows) == 1:
            return [refused_unforeseen(rows[0].number, error)]
    half = len(rows) // 2
    first = await write_rows(session, load, rows[:half])
    return first + await write_rows(session, load, rows[half:])


@dataclass(eq=False)
class _Chunk:
    """Rows on their way: what is new, what happened, and what each record now holds."""

    session: AsyncSession
    load: Load
    new: list[Record] = field(default_factory=list)
    changes: list[inserting.ChangeValues] = field(default_factory=list)
    fingerprints: dict[UUID, bytes] = field(default_factory=dict)

    async def write(self, rows: Sequence[NumberedRow]) -> list[RowResult]:
        importer = importer_of(self.load.kind, self.session, self.load.actor)
        found = await importer.meant([numbered.row for numbered in rows])
        # Or a row would tell whether there is a record that its sender may not know of.
        meant = [[record for record in records if importer.is_visible(record)] for records in found]
        record_ids = [record.id for records in meant for record in records]
        histories = await repository.histories(
            self.session, self.load.kind, record_ids, importer.edits
        )
        # Nobody can tell any more who that was. Asked now that those who were meant are locked.
        is_late = self.load.kind is ImportKind.EXPERTS and await repository.is_anybody_erased_since(
            self.session, self.load.handed_in_at
        )
        results = []
        with self.session.no_autoflush:
            for numbered, records in zip(rows, meant, strict=True):
                await checkpoint()  # a chunk must not hold up the requests beside it
                if is_late and not records:
                    results.append(refused(numbered.number, ERASED_SINCE))
                    continue
                results.append(await self._row(importer, numbered, records, histories))
        await self._store()
        return results

    async def _store(self) -> None:
        await self.session.flush()
        await inserting.insert_records(self.session, self.new)
        await inserting.insert_changes(self.session, self.load.actor.account_id, self.changes)
        await inserting.remember(self.session, self.load.kind, self.fingerprints)

    async def _row(
        self,
        importer: AnyImporter,
        numbered: NumberedRow,
        records: Sequence[Importable],
        histories: dict[UUID, History],
    ) -> RowResult:
        if len(records) > 1:
            return refused(numbered.number, AMBIGUOUS)
        try:
            if not records:
                return await self._create(importer, numbered)
            return await self._renew(importer, numbered, records[0], histories)
        except Problem as problem:
            for record in records:  # what was set before it was refused must not be written
                if record in self.session:  # an earlier row may have meant it, too
                    self.session.expunge(record)
            return refused_by(numbered.number, problem)

    async def _create(self, importer: AnyImporter, numbered: NumberedRow) -> RowResult:
        row, placement = self._placed(importer, numbered.row)
        records = await importer.create(row)
        self.new += records
        record = records[0]
        self._happened(importer, "created", record)
        self.fingerprints[record.id] = numbered.row.fingerprint()
        self._admit(importer, record)
        accepted = _accepted(importer, numbered, record, Outcome.CREATED)
        return replace(accepted, column_notes=[*accepted.column_notes, *placement])

    def _placed(self, importer: AnyImporter, row: Row) -> tuple[Row, list[FieldError]]:
        """The row of a new record, with a region if its sender has one; see `Actor.region_for`."""
        stated = importer.region_of(row)
        region = self.load.actor.region_for(stated)
        if stated or region is None:
            return row, []
        message = REGION_ASSUMED.format(region=region)
        note = FieldError(pointer="/region_code", code="region_assumed", message=message)
        return row.model_copy(update={"region_code": region}), [note]

    async def _renew(
        self,
        importer: AnyImporter,
        numbered: NumberedRow,
        record: Importable,
        histories: dict[UUID, History],
    ) -> RowResult:
        require_jurisdiction(self.load.actor, record.region_code)
        history, fingerprint = histories.get(record.id), numbered.row.fingerprint()
        if self._is_somebodys(importer, record, history) and not self.load.is_overwriting:
            return refused(numbered.number, EDITED)
        is_same = history is not None and history.fingerprint == fingerprint
        is_written = not is_same or (self.load.is_overwriting and _is_edited(history))
        if is_written:
            await self._update(importer, numbered, record)
            self.fingerprints[record.id] = fingerprint
        is_admitted = self._admit(importer, record)
        outcome = Outcome.UPDATED if is_written or is_admitted else Outcome.UNCHANGED
        return _accepted(importer, numbered, record, outcome)

    def _is_somebodys(
        self, importer: AnyImporter, record: Importable, history: History | None
    ) -> bool:
        """Whether somebody's work would be lost; a mere registration is nobody's yet."""
        if history is not None:
            return history.is_edited_since
        return record.state not in importer.unconfirmed

    async def _update(
        self, importer: AnyImporter, numbered: NumberedRow, record: Importable
    ) -> None:
        """A record in the pool stays whole; one under review or removed is left alone."""
        state = record.state
        if state not in importer.editable:
            raise WrongState(verb="import", state=state, allowed=sorted(importer.editable))
        lacking = importer.faults(record)  # a file may have admitted it so
        if secret := [fault for fault in lacking if fault.code == "confidential"]:
            raise Invalid(errors=secret)
        await importer.update(record, numbered.row)
        require_jurisdiction(self.load.actor, record.region_code)
        faults = importer.faults(record)
        gone = [fault for fault in faults if fault not in lacking]
        if state in importer.pooled and (refused := _barring(faults) or gone):
            raise Invalid(errors=refused)
        self._happened(importer, "updated", record)

    def _admit(self, importer: AnyImporter, record: Importable) -> bool:
        """Put the record into the pool, if that is asked for and nothing speaks against it.

        Staff who import vouch for their rows: a field that is missing is reported, no more.
        """
        is_ready = record.state in importer.admissible
        if not (self.load.is_admitting and is_ready) or _barring(importer.faults(record)):
            return False
        importer.admit(record)
        self._happened(importer, importer.pool, record)
        return True

    def _happened(self, importer: AnyImporter, verb: str, record: Importable) -> None:
        data = {"import_id": str(self.load.import_id)}
        self.changes.append((f"{importer.subject}.{verb}", record.id, data))


def _accepted(
    importer: AnyImporter, numbered: NumberedRow, record: Importable, outcome: Outcome
) -> RowResult:
    return RowResult(
        row=numbered.number,
        outcome=outcome,
        is_in_pool=record.state in importer.pooled,
        faults=importer.faults(record),
        notes=[*numbered.notes, *importer.notes(record)],
        column_notes=numbered.column_notes,
    )


def _barring(faults: Sequence[FieldError]) -> list[FieldError]:
    """What keeps a record out of the pool even if staff vouch for it: secrets, broken limits."""
    return [fault for fault in faults if fault.code != "missing"]


def _is_edited(history: History | None) -> bool:
    return history is None or history.is_edited_since
