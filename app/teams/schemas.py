"""Request and response bodies of teams."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.interface.pagination import PageQuery
from app.interface.schemas import Body, Day, RecordBody, ShortText, Whole, text_of
from app.matches.schemas import ExclusionBody, MatchedExpert
from app.teams.models import TeamRole, TeamState

Aspects = Annotated[
    list[Annotated[str, text_of(100, min_length=1)]],
    Field(max_length=12, examples=[["抗黄变"]]),
]
Share = Annotated[float, Field(ge=0, le=1, examples=[0.83])]


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


class MemberPart(Body):
    """An expert of the pool, and what of the demand they are there for."""

    expert_id: UUID
    role: TeamRole = Field(default=TeamRole.MEMBER, examples=[TeamRole.CHIEF])
    aspects: Aspects = []


Members = Annotated[
    list[MemberPart], Field(max_length=30, description="one chief by the time it is confirmed")
]
Name = Annotated[ShortText, Field(examples=["锦纶袜黄变攻关专家团队"])]


class TeamCreate(Body):
    demand_id: UUID = Field(description="for which experts are sought")
    name: Name
    members: Members = []
    starts_on: Day | None = None
    ends_on: Day | None = None


class TeamUpdate(Body):
    """Members are replaced as a whole."""

    name: Name = ""
    members: Members = []
    starts_on: Day | None = None
    ends_on: Day | None = None


class TeamMemberBody(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    expert: MatchedExpert
    role: TeamRole
    aspects: list[str] = Field(examples=[["抗黄变"]])


class TeamDemand(BaseModel):
    """The demand by its public part."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    title: str = Field(examples=["超细旦锦纶袜浅色黄变控制"])
    public_summary: str
    region_code: str | None


class TeamBody(RecordBody):
    """专家团队：为一条需求服务的几位专家，首席在前."""

    demand_id: UUID
    name: str = Field(examples=["锦纶袜黄变攻关专家团队"])
    state: TeamState
    state_reason: str = Field(description="why it was dissolved", examples=[""])
    starts_on: date | None
    ends_on: date | None
    confirmed_at: datetime | None = Field(
        description="since when its enterprise and its members read it"
    )
    demand: TeamDemand
    members: list[TeamMemberBody]
    allowed_actions: list[str] = Field(examples=[["update", "confirm", "dissolve"]])


class TeamQuery(PageQuery):
    demand_id: UUID | None = None
    expert_id: UUID | None = None
    state: TeamState | None = None
    sort: Literal["created_at", "-created_at"] = "-created_at"
