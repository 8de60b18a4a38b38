"""Request and response bodies of ratings."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.dockings.models import Side
from app.interface.pagination import PageQuery
from app.interface.schemas import Body, FormText, RecordBody, Whole

Score = Annotated[Whole, Field(ge=1, le=5, description="5 is the best", examples=[5])]


class RatingCreate(Body):
    score: Score
    text: Annotated[FormText, Field(examples=["专家响应及时，方案可行"])] = ""
    on_behalf_of: Literal[Side.EXPERT, Side.ENTERPRISE] | None = Field(
        default=None, description="the side whose word staff note down"
    )


class RatingBody(RecordBody):
    """满意度评价."""

    docking_id: UUID
    side: Side = Field(examples=[Side.ENTERPRISE])
    score: int = Field(examples=[5])
    text: str = Field(examples=["专家响应及时，方案可行"])
    is_noted_by_staff: bool


class RatingQuery(PageQuery):
    sort: Literal["created_at", "-created_at"] = "-created_at"
