"""Request and response bodies of common problems."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from app.demands.schemas import without_trailing_zeros
from app.interface.pagination import PageQuery
from app.interface.schemas import Body, Flag, FormText, RecordBody, text_of
from app.matches.schemas import MatchedExpert
from app.problems.models import MOST_MEMBERS, Answer, Likeness, Origin, ProblemState
from app.reference.codes import DisciplineCode, RegionCode, TechnologyField

TITLE, TERMS = "浅色锦纶袜黄变控制（热定型）", ["锦纶", "黄变"]
STATEMENT = "3 家企业提出 4 条相近的技术需求，都涉及“锦纶”、“黄变”。"
REASON = "与其他需求的平均相似度 0.58；与“超细旦锦纶袜浅色黄变控制”最相近，都提到“锦纶”、“黄变”"
ProblemTitle = Annotated[str, text_of(300, min_length=1), Field(examples=[TITLE])]


class CommonProblemUpdate(Body):
    """JSON Merge Patch: what is absent stays.

    Demands that `demand_ids` leaves out are not proposed here again; it holds published ones
    alone, of two enterprises at least. Only what lies in the caller's own region is put in or taken
    out: those of other regions stay as they are. Nothing is put in beyond a hundred, with those
    that were taken out.
    """

    title: ProblemTitle = ""
    statement: Annotated[FormText, Field(examples=[STATEMENT])] = ""
    demand_ids: Annotated[list[UUID], Field(min_length=2, max_length=MOST_MEMBERS)] = []


class Dismissal(Body):
    """Why demands are no common problem; their staff read it."""

    reason: Annotated[
        str, text_of(500, min_length=1), Field(examples=["工况与指标不同，并非同一难题"])
    ]


Share = Annotated[
    Decimal,
    Field(gt=0, le=100, decimal_places=2, examples=["60"], description="percent of the cost"),
    AfterValidator(without_trailing_zeros),
]
StoredShare = Annotated[Decimal, AfterValidator(without_trailing_zeros)]


class AnswerOf(Body):
    """Whose answer it is, and what is to be said of it."""

    organization_id: UUID | None = Field(
        default=None,
        description="the enterprise; left out by who acts for one of them alone. Staff name that "
        "whose word they note down, and say in `note` how it was given",
    )
    note: Annotated[
        FormText, Field(description="the staff and the co-signers read it", examples=["已盖章确认"])
    ] = ""


class CoSigning(AnswerOf):
    share: Share


class SigningConclusion(Body):
    lead_organization_id: UUID = Field(description="牵头企业, one of the co-signers")


class Merging(Body):
    """The one problem that the demands of the co-signers are from now on, in words for all."""

    title: ProblemTitle
    statement: Annotated[str, text_of(5_000, min_length=1), Field(examples=[STATEMENT])]


class TeamPart(Body):
    expert_id: UUID = Field(description="of the pool")
    is_chief: Flag = False


class JointTeam(Body):
    """协同攻关团队, as a whole; exactly one of them leads it."""

    experts: Annotated[list[TeamPart], Field(min_length=1, max_length=30)]


class Acceptance(Body):
    """What was worked out together; who reads the problem reads it."""

    reason: Annotated[
        str, text_of(500, min_length=1), Field(examples=["黄变指数由 8 降至 2，三家企业验收合格"])
    ]


class CommonProblemSummary(RecordBody):
    """What a list shows."""

    title: str = Field(examples=[TITLE])
    statement: str = Field(examples=[STATEMENT])
    state: ProblemState = Field(examples=[ProblemState.PROPOSED])
    state_reason: str
    likeness: Likeness = Field(
        description="near_duplicate: any two of its demands say nearly the same",
        examples=[Likeness.SIMILAR],
    )
    terms: list[str] = Field(description="what its demands share", examples=[TERMS])
    organization_count: int = Field(description="enterprises", examples=[3])
    demand_count: int = Field(examples=[4])
    region_codes: list[str] = Field(examples=[["330782", "440100"]])
    technology_fields: list[str]
    disciplines: list[str]
    extends_id: UUID | None = Field(
        description="a confirmed problem that some of its demands belong to", examples=[None]
    )
    confirmed_at: datetime | None = Field(examples=[None])
    co_signer_count: int = Field(description="enterprises that have signed", examples=[0])
    allowed_actions: list[str] = Field(examples=[["update", "confirm", "dismiss"]])


class MemberBody(BaseModel):
    """A demand by its public part, and why it is here; null what is no longer published."""

    demand_id: UUID
    is_own: bool = Field(description="of an enterprise that the caller acts for")
    title: str | None = Field(examples=["超细旦锦纶袜浅色黄变控制"])
    public_summary: str | None
    keywords: list[str] | None
    region_code: str | None
    technology_field: str | None
    origin: Origin = Field(examples=[Origin.FOUND])
    similarity: float | None = Field(
        description="mean to the others, 1 for the same text; null: added by hand, or not compared "
        "since a demand was taken out by hand",
        examples=[0.58],
    )
    terms: list[str] = Field(description="shared with the demand most like it", examples=[TERMS])
    reason: str = Field(description="why, in the caller's language", examples=[REASON])


class AnswerBody(BaseModel):
    """What an enterprise says to a confirmed problem."""

    organization_id: UUID
    organization_name: str | None = Field(examples=["义乌某针织厂"])
    answer: Answer | None = Field(description="null: none yet", examples=[Answer.SIGNED])
    is_lead: bool
    share: StoredShare | None = Field(description="percent of the cost", examples=["60"])
    note: str = Field(examples=["已盖章确认"])
    is_noted_by_staff: bool = Field(description="staff noted down what the enterprise said")


class TeamPartBody(BaseModel):
    expert: MatchedExpert | None = Field(description="null: not in the pool any more")
    is_chief: bool


class CommonProblemBody(CommonProblemSummary):
    """共性技术难题，含成员需求与理由."""

    members: list[MemberBody] = Field(
        description="the most central first; for its staff and enterprises, and evaluators"
    )
    answers: list[AnswerBody] = Field(
        description="to an enterprise its own and, once it has signed, those of the others that "
        "have; to the staff all, with those that are yet to come"
    )
    experts: list[TeamPartBody] = Field(
        description="the joint team, chief first; for itself, the co-signers and the staff"
    )


class CommonProblemQuery(PageQuery):
    text: Annotated[str | None, text_of(100, min_length=1), Field(examples=["锦纶"])] = None
    state: ProblemState | None = None
    likeness: Likeness | None = None
    region_code: RegionCode | None = Field(default=None, description="includes its counties")
    technology_field: TechnologyField | None = None
    discipline: DisciplineCode | None = Field(default=None, description="includes its branches")
    demand_id: UUID | None = Field(default=None, description="in which this demand is")
    sort: Literal["created_at", "-created_at", "organization_count", "-organization_count"] = (
        "-created_at"
    )
