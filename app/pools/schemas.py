"""Request and response bodies of special pools."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.achievements.models import Stage
from app.achievements.schemas import AchievementFilters
from app.experts.models import ExpertKind
from app.experts.schemas import ExpertFilters
from app.interface.pagination import PageQuery
from app.interface.schemas import Body, FormText, Reason, RecordBody, ShortText, tag_of
from app.pools.models import PoolKind, PoolState
from app.reference.codes import CountryCode, RegionCode, TechnologyField

Name = Annotated[ShortText, Field(examples=["义乌市针织印染紧缺人才库"])]
Description = Annotated[FormText, Field(examples=["面向全市针织印染企业的紧缺专业"])]
NO_FILTER = "without a filter it finds nothing, and the pool is what was added by hand"


class ExpertsWanted(ExpertFilters):
    """The filters of `GET /experts`, asked of who is in the pool of experts."""

    of: Literal["experts"]


class AchievementsWanted(AchievementFilters):
    """The filters of `GET /achievements`, asked of those that are published."""

    of: Literal["achievements"]


Wanted = Annotated[
    ExpertsWanted | AchievementsWanted,
    Field(
        discriminator="of",
        description=f"of achievements for overseas_projects, else of experts; {NO_FILTER}",
        examples=[{"of": "experts", "discipline": "540", "title": "教授"}],
    ),
    tag_of("of", ExpertsWanted, AchievementsWanted),
]


class PoolFields(Body):
    name: Name = ""
    description: Description = ""
    country: CountryCode | None = None
    technology_field: TechnologyField | None = None
    readiness: Stage | None = Field(
        default=None, description="of the projects in overseas_projects", examples=[None]
    )


class PoolCreate(PoolFields):
    kind: PoolKind
    name: Name
    region_code: RegionCode | None = Field(default=None, description="without: one's own")
    query: Wanted


class PoolUpdate(PoolFields):
    """JSON Merge Patch: what is absent stays. For the query see `:revise-query`."""


class QueryRevision(Reason):
    """What the pool asks from now on, and why."""

    query: Wanted


class MemberDecision(Reason):
    """On whom, and why: an expert, or for overseas_projects an achievement."""

    member_id: UUID


class MemberRelease(Body):
    member_id: UUID


class PoolSummary(RecordBody):
    """专题库：一条保存的查询，加上人工增补的成员，减去人工排除的成员."""

    kind: PoolKind
    name: str = Field(examples=["义乌市针织印染紧缺人才库"])
    description: str = Field(examples=["面向全市针织印染企业的紧缺专业"])
    state: PoolState
    state_reason: str = Field(examples=[""])
    country: str | None
    technology_field: str | None
    readiness: Stage | None = Field(examples=[None])
    region_code: str | None
    query: Wanted
    query_number: int = Field(description="its version", examples=[1])
    allowed_actions: list[str] = Field(examples=[["update", "revise-query", "submit"]])


class PoolBody(PoolSummary):
    member_count: int = Field(examples=[128])
    without_consent_count: int = Field(
        description="overseas experts left out, as no consent of theirs is recorded", examples=[2]
    )


class PoolQuery(PageQuery):
    kind: PoolKind | None = None
    state: PoolState | None = None
    country: CountryCode | None = None
    technology_field: TechnologyField | None = None
    sort: Literal["created_at", "-created_at"] = "-created_at"


class SavedQueryBody(RecordBody):
    """One version of a pool's query."""

    number: int
    query: Wanted
    reason: str = Field(examples=["增加数码印花方向"], description="empty for the first one")
    account_id: UUID | None


class SavedQueryQuery(PageQuery):
    sort: Literal["created_at", "-created_at"] = "-created_at"


class MemberOrigin(StrEnum):
    """查询命中 / 人工增补; and who is no member: 人工排除 / 未取得同意."""

    FOUND = "found"
    ADDED = "added"
    EXCLUDED = "excluded"
    WITHOUT_CONSENT = "without_consent"


class PoolMemberQuery(PageQuery):
    origin: MemberOrigin | None = Field(
        default=None,
        description="without: the members, found or added; excluded and without_consent are none",
    )
    sort: Literal["created_at", "-created_at"] = "-created_at"


class PoolExpert(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str = Field(examples=["林若溪"])
    kind: ExpertKind
    title: str = Field(examples=["教授"])
    organization_name: str
    region_code: str | None
    country: str | None


class PoolAchievement(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str = Field(examples=["超细旦锦纶抗黄变前处理工艺"])
    organization_name: str
    stage: Stage | None
    technology_field: str | None
    region_code: str | None


class PoolMemberBody(BaseModel):
    """An expert or an achievement, and why it is in the pool, or is not."""

    origin: MemberOrigin
    reason: str = Field(description="of a decision by hand", examples=["企业推荐"])
    decided_by_id: UUID | None
    decided_at: datetime | None
    expert: PoolExpert | None
    achievement: PoolAchievement | None = Field(examples=[None])
