"""Response bodies and filters of imports."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from app.bulk.kinds import ImportKind, ImportMode
from app.bulk.report import Outcome
from app.bulk.sheets.cells import Shape
from app.interface.pagination import PageQuery
from app.interface.schemas import RecordBody
from app.progress.models import Operation, OperationState


class ImportSummary(RecordBody):
    """One file's way in; the counts grow while it runs."""

    account_id: UUID | None = Field(description="null for the command line")
    kind: ImportKind
    filename: str
    mode: ImportMode
    is_admitting: bool
    is_overwriting: bool
    operation_path: str = Field(
        description="follow and cancel it there",
        examples=["/api/v1/operations/0199f5c2-8a4e-7cc1-9d0b-3f1e6a7b2c4d"],
    )
    state: OperationState
    row_count: int | None = Field(description="null until the file was opened")
    read_count: int
    created_count: int
    updated_count: int
    unchanged_count: int
    rejected_count: int
    incomplete_count: int = Field(
        description="valid rows that still lack something, also of a file that was not written"
    )
    is_report_cut: bool = Field(description="the report holds the first 1,000 of each outcome only")
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, record: object, **computed: object) -> Self:
        """The import, with what its operation knows."""
        operation: Operation = getattr(record, "operation")  # noqa: B009
        return super().of(
            record,
            operation_path=f"/api/v1/operations/{operation.id}",
            state=operation.state,
            row_count=operation.total_count,
            read_count=operation.done_count,
            started_at=operation.started_at,
            finished_at=operation.finished_at,
            **computed,
        )


class ReportEntry(BaseModel):
    """One fault of one row, or a note on it; `row` is null where the whole file is at fault."""

    row: int | None
    outcome: Outcome
    is_in_pool: bool = Field(
        default=False,
        description="the row's record is published, or found, whatever it still lacks",
    )
    field: str
    heading: str = Field(
        default="", description="what the file calls the column; 文件: the file; empty: as field"
    )
    code: str
    message_zh: str
    message_en: str


class ImportBody(ImportSummary):
    report: list[ReportEntry]


class ImportQuery(PageQuery):
    kind: ImportKind | None = None
    state: OperationState | None = None
    sort: Literal["created_at", "-created_at"] = "-created_at"


class ColumnBody(BaseModel):
    """One column that a file may have; none but the required ones must be there."""

    field: str = Field(description="the heading that always works, and the key in JSON Lines")
    headings: list[str] = Field(description="the Chinese headings that mean the same")
    shape: Shape = Field(
        description="list: 多项，怎样分隔见 format · several, parted as format says"
    )
    is_required: bool
    words: list[str] = Field(description="what the cell may say; empty where it is free")
    format_zh: str = Field(description="怎样填写 · how to fill it in; empty where it is free")
    format_en: str
    example: str = Field(description="a cell that is read; empty where it is free")
