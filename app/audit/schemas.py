"""Bodies and filters of the audit log."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.interface.models import AuditEntry
from app.interface.pagination import PageQuery
from app.interface.schemas import Body, Moment, opaque_of, text_of

Name = Annotated[str, text_of(200)]


class AuditOutcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"


class ExportFormat(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"


class AuditFilters(Body):
    """Which entries; all that is given must be true of them."""

    account_id: UUID | None = None
    attempted_account_id: UUID | None = Field(
        default=None, description="attempts to sign in with this account's e-mail"
    )
    record_id: UUID | None = Field(default=None, description="in the path, changed or shown")
    action: Annotated[Name, Field(examples=["GET /experts/{expert_id}/contact"])] | None = None
    status: Annotated[int | None, Field(ge=100, le=599)] = None
    code: Annotated[Name, Field(description="of the problem")] | None = None
    outcome: AuditOutcome | None = None
    request_id: Annotated[str, opaque_of(64)] | None = None
    network: Annotated[str, opaque_of(50)] | None = None
    happened_at_gte: Moment | None = None
    happened_at_lt: Moment | None = None


class AuditQuery(PageQuery, AuditFilters):
    sort: Literal["happened_at", "-happened_at"] = "-happened_at"


class AuditExport(AuditFilters):
    format: ExportFormat = ExportFormat.JSONL


class AuditEntryBody(BaseModel):
    """One request, job or command: who, what, on which records, and what came of it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    happened_at: datetime
    action: str = Field(examples=["PATCH /demands/{demand_id}"])
    account_id: UUID | None = Field(description="null for the service itself and for strangers")
    api_key_id: UUID | None = Field(examples=[None])
    role: str | None = Field(examples=["enterprise"])
    record_ids: list[UUID] = Field(description="of the path, changed, or shown")
    fields: list[str] = Field(
        description="names of the fields that were sent", examples=[["budget", "problem"]]
    )
    status: int | None = Field(description="null outside HTTP", examples=[200])
    code: str | None = Field(description="the problem's; null when it was done", examples=[None])
    request_id: str | None = Field(examples=["9f2c6a1b0d3e4f589f2c6a1b0d3e4f58"])
    network: str | None = Field(description="/24 or /48 of the client", examples=["192.0.2.0/24"])
    email_hash: str | None = Field(
        description="keyed; alike for attempts to sign in with one e-mail", examples=[None]
    )
    item_count: int | None = Field(
        description="how many items of a batch were refused alike; null for a whole request",
        examples=[None],
    )

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        stored = {name: getattr(entry, name) for name in AuditEntryBody.model_fields}
        return cls.model_validate(stored | {"email_hash": _hex(entry.email_hash)})


class EntryChange(BaseModel):
    """What happened to one record in the entry's transaction."""

    model_config = ConfigDict(from_attributes=True)

    kind: str = Field(examples=["demand.updated"])
    subject_id: UUID


class AuditEntryWithChanges(BaseModel):
    entry: AuditEntryBody
    changes: list[EntryChange] = Field(description="the first 200")


class ReadingQuery(PageQuery):
    sort: Literal["happened_at", "-happened_at"] = "-happened_at"


class ReadingBody(BaseModel):
    """Somebody was shown the record's contact data."""

    id: UUID
    happened_at: datetime
    account_id: UUID | None
    account_name: str | None = Field(description="null when the account is gone")
    role: str | None = Field(examples=["coordinator"])
    is_by_api_key: bool


class SealQuery(PageQuery):
    limit: Annotated[int, Field(ge=1, le=20)] = 10
    sort: Literal["number", "-number"] = "-number"


class FaultBody(BaseModel):
    """What is not as it was sealed; entries from `entry_id` on cannot be relied upon."""

    model_config = ConfigDict(from_attributes=True)

    kind: str = Field(examples=["entry_changed"])
    entry_id: UUID | None


class SealBody(BaseModel):
    """A block of entries under one hash that includes the hash of the block before."""

    id: UUID
    number: int = Field(examples=[17])
    sealed_at: datetime
    entry_count: int
    first_entry_id: UUID | None
    is_dropped: bool = Field(description="the entries were dropped for their age; the seal stays")
    previous_hash: str = Field(examples=["00" * 32])
    hash: str = Field(examples=["9f" * 32])
    fault: FaultBody | None = Field(description="null: just now all is as it was sealed")


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()
