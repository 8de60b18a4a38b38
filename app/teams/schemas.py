"""Request and response bodies of teams."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from app.interface.schemas import Body, Whole
from app.matches.schemas import ExclusionBody, MatchedExpert

Share = Annotated[float, Field(ge=0, le=1, examples=[0.83])]


class TeamRole(StrEnum):
    """首席专家 / 成员."""

    CHIEF = "chief"
    MEMBER = "member"


class TeamProposing(Body):
    """How large a team, and among how many."""

    size: Annotated[Whole, Field(ge=2, le=10)] | None = Field(
        default=None, description="at most; without it the setting TEAM_SIZE", examples=[3]
    )
    depth: Annotated[Whole, Field(ge=1, le=100)] = Field(
        default=20, description="how many of the first candidates of a match are looked at"
    )


class AspectBody(BaseModel):
    """One thing that the demand asks for."""

    text: str = Field(examples=["抗黄变"])
    weight: float = Field(examples=[3.0], description="a must-have weighs 3")


class CoveredBody(BaseModel):
    """How far a member covers an aspect, and what shows it."""

    aspect: str = Field(examples=["抗黄变"])
    share: Share = Field(description="of the aspect's words; less than half covers nothing")
    document_id: UUID = Field(description="an item of evidence, or the expert for the profile")
    title: str = Field(examples=["超细旦锦纶针织物染色牢度提升"])


class ProposedMember(BaseModel):
    expert: MatchedExpert
    role: TeamRole
    rank: int = Field(description="in a match without those kept out", examples=[1])
    gain: Share = Field(description="of the team's coverage, when they came")
    covers: list[CoveredBody]


class TeamProposal(BaseModel):
    """A team, chief first; gains sum to its coverage."""

    demand_id: UUID
    index_version: str = Field(examples=["9f2c6a1b0d3e4f58"])
    aspects: list[AspectBody]
    members: list[ProposedMember]
    uncovered: list[str] = Field(
        description="aspects that nobody looked at covers by half", examples=[["仓储老化"]]
    )
    coverage: Share
    plain_coverage: Share = Field(description="what as many of the first ranks cover")
    exclusions: list[ExclusionBody]
