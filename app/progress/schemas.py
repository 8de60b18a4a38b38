"""Response bodies and filters of operations."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.interface.errors import ProblemBody
from app.interface.pagination import PageQuery
from app.interface.schemas import RecordBody, text_of
from app.progress.models import OperationState


class OperationBody(RecordBody):
    """Long work: how far it is, and what came of it."""

    account_id: UUID | None = Field(description="who asked; null for the command line")
    kind: str = Field(examples=["run_import"])
    state: OperationState = Field(examples=[OperationState.RUNNING])
    done_count: int = Field(examples=[400])
    total_count: int | None = Field(description="null until it is known", examples=[1_500])
    result_path: str | None = Field(
        description="where its result is, or will be",
        examples=["/api/v1/imports/0199f5c2-8a4e-7cc1-9d0b-3f1e6a7b2c4d"],
    )
    problem: ProblemBody | None = Field(description="why it failed", examples=[None])
    cancel_requested_at: datetime | None = Field(
        description="running work stops at its next safe point", examples=[None]
    )
    started_at: datetime | None
    finished_at: datetime | None = Field(examples=[None])
    allowed_actions: list[str] = Field(examples=[["cancel"]])


class OperationQuery(PageQuery):
    kind: Annotated[str, text_of(100)] | None = Field(default=None, examples=["run_import"])
    state: OperationState | None = None
    sort: Literal["created_at", "-created_at"] = "-created_at"
