"""What the staff's desk shows: work that waits, and jobs that failed."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.interface.schemas import Body, text_of


class TaskKind(StrEnum):
    VERIFY_ORGANIZATION = "verify_organization"
    DECIDE_MEMBERSHIP = "decide_membership"
    ISSUE_PASSWORD_RESET = "issue_password_reset"
    REVIEW_EXPERT = "review_expert"
    REVIEW_ACHIEVEMENT = "review_achievement"
    REVIEW_DEMAND = "review_demand"
    ANSWER_MATCH_REVIEW = "answer_match_review"
    CARRY_DOCKING = "carry_docking"


class QueueItem(BaseModel):
    """One thing that waits; `path` leads to the record, whose `allowed_actions` say what next."""

    kind: TaskKind = Field(examples=[TaskKind.REVIEW_DEMAND])
    record_id: UUID
    title: str = Field(examples=["超细旦锦纶袜浅色黄变控制"])
    state: str = Field(examples=["submitted"])
    waiting_since: datetime
    path: str = Field(examples=["/api/v1/demands/0199f5c2-8a4e-7cc1-9d0b-3f1e6a7b2c4d"])


class Queue(BaseModel):
    """The oldest first; `counts` are of everything that waits, not only of what is listed."""

    counts: dict[TaskKind, int] = Field(examples=[{"review_demand": 3}])
    items: list[QueueItem]
    next_cursor: str | None = Field(default=None, description="null on the last page")


Level = Literal["all", "own"]


class QueueQuery(Body):
    level: Level = Field(default="all", description="own: only what the caller's own level carries")
    kind: TaskKind | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, text_of(500)] | None = None


class JobStatus(StrEnum):
    TODO = "todo"
    DOING = "doing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class JobBody(BaseModel):
    """A background job; a failed one has used up its attempts, and stays on record.

    Only for a month where its like comes again by the clock.
    """

    model_config = ConfigDict(from_attributes=True)

    id: int
    task: str = Field(examples=["run_import"])
    status: str = Field(examples=["failed"])
    attempts: int
    arguments: dict[str, Any]
    scheduled_at: datetime | None


class JobQuery(Body):
    status: JobStatus | None = None
    before_id: Annotated[int | None, Field(ge=1, le=2**62, description="for the next page")] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
