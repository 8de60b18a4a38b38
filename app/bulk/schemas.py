"""Response bodies and filters of imports."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.bulk.models import ImportKind, ImportMode, ImportState
from app.bulk.report import Outcome
from app.interface.pagination import PageQuery
from app.interface.schemas import RecordBody


class ImportSummary(RecordBody):
    """One file's way in; the counts grow while it runs."""

    account_id: UUID | None = Field(description="null for the command line")
    kind: ImportKind
    filename: str
    mode: ImportMode
    is_admitting: bool
    is_overwriting: bool
    state: ImportState
    row_count: int | None = Field(description="null until the file was opened")
    read_count: int
    created_count: int
    updated_count: int
    unchanged_count: int
    rejected_count: int
    incomplete_count: int = Field(description="accepted rows that still lack something")
    is_report_cut: bool = Field(description="the report holds the first 1,000 faults only")
    started_at: datetime | None
    finished_at: datetime | None


class ReportEntry(BaseModel):
    """One fault of one row; `row` is null where the whole file is at fault."""

    row: int | None
    outcome: Outcome
    field: str
    code: str
    message_zh: str
    message_en: str


class ImportBody(ImportSummary):
    report: list[ReportEntry]


class ImportQuery(PageQuery):
    kind: ImportKind | None = None
    state: ImportState | None = None
    sort: Literal["created_at", "-created_at"] = "-created_at"
