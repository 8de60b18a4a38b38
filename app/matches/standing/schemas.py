"""Bodies of how runs differ, of trying one, and of the digest."""

from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.demands.schemas import PublicDemand
from app.interface.pagination import PageQuery
from app.interface.schemas import Body, Flag, Moment, TriableBody
from app.matches.schemas import MatchedExpert, MatchParameters, RankedRun


class Why(StrEnum):
    """The nearest cause of a move; others: somebody else moved, entered or left."""

    EXPERT_NEW = "expert_new"
    EXPERT_CHANGED = "expert_changed"
    EXPERT_LEFT = "expert_left"
    CONSTRAINT = "constraint"
    CONSTRAINT_LIFTED = "constraint_lifted"
    DEMAND_CHANGED = "demand_changed"
    PARAMETERS = "parameters"
    STATISTICS = "statistics"
    OTHERS = "others"


class Move(BaseModel):
    """Where an expert stood before, and where now; null where not among the ranked."""

    expert_id: UUID
    rank_before: int | None = Field(examples=[None])
    rank_after: int | None = Field(examples=[3])
    score_before: float | None = Field(examples=[None])
    score_after: float | None = Field(examples=[1.82])
    why: Why = Field(examples=[Why.EXPERT_NEW])
    constraint: str = Field(
        description="for constraint and constraint_lifted: which one", examples=[""]
    )


class DifferenceBody(BaseModel):
    """两个批次的差异 · At most as many experts as the two runs ranked."""

    run_id: UUID
    with_run_id: UUID = Field(description="the run that it is compared with")
    entered: list[Move]
    left: list[Move]
    moved: list[Move]


class DifferenceQuery(Body):
    with_run: UUID | None = Field(
        default=None,
        alias="with",
        description="another run of the same demand; else the one before",
    )


class MatchRequest(MatchParameters):
    """What a match asks for; a dry run stores nothing and tells what would be different."""

    dry_run: Flag = False


class MatchRunWithMatches(RankedRun, TriableBody):
    """A run that was kept, or only tried."""

    difference: DifferenceBody | None = Field(
        default=None, description="of a dry run: what is other than in the latest run, if any"
    )


class StandingBody(BaseModel):
    """常态匹配 · The run that was still true when it was checked last."""

    model_config = ConfigDict(from_attributes=True)

    demand_id: UUID
    run_id: UUID
    checked_at: datetime
    index_version: str = Field(examples=["9f2c6a1b0d3e4f58"])
    ranker_version: int = Field(examples=[0])


class DigestQuery(PageQuery):
    created_at_gte: Moment | None = Field(
        default=None,
        description="runs since then; else those of which the latest notice of a digest tells",
        examples=["2026-01-05T00:00:00Z"],
    )
    sort: Literal["created_at", "-created_at"] = "-created_at"


class Newcomer(BaseModel):
    """Who stands highest of those who did not stand there before."""

    match_id: UUID
    rank: int = Field(examples=[2])
    score: float = Field(examples=[1.82])
    expert: MatchedExpert


class DigestItem(BaseModel):
    """A demand whose standing match is another one than it was."""

    demand: PublicDemand
    run_id: UUID = Field(description="the latest run")
    run_created_at: datetime
    with_run_id: UUID | None = Field(description="the latest run of before; null for a first match")
    entered: int = Field(examples=[1])
    left: int = Field(examples=[1])
    moved: int = Field(examples=[4])
    best_newcomer: Newcomer | None
