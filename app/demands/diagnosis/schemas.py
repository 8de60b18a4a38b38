"""Response bodies of a demand's diagnosis."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.demands.models import ConceptOrigin
from app.interface.schemas import VersionedBody


class DiagnosedItem(BaseModel):
    """One thing that the score consists of."""

    code: str = Field(examples=["value_in_key_indicators"])
    field: str = Field(examples=["key_indicators"])
    points: int = Field(description="of the sum of all items' points", examples=[2])
    is_met: bool
    message: str = Field(examples=["技术关键与指标中有数值与单位"])


class PlaceBody(BaseModel):
    """Characters `start` up to `end` of a field, counted as Unicode code points."""

    model_config = ConfigDict(from_attributes=True)

    field: str = Field(examples=["key_indicators"])
    start: int = Field(examples=[0])
    end: int = Field(examples=[4])


class RemarkBody(PlaceBody):
    """A passage that leaves something open, and the question that it leaves."""

    code: str = Field(examples=["quality_without_value"])
    text: str = Field(description="the passage", examples=["耐高温"])
    question: str = Field(examples=["耐高温：请给出数值与单位，如工作温度（℃）与时间"])


class ConceptFound(BaseModel):
    """A technical term: as decided on, or as the diagnosis suggests it."""

    text: str = Field(examples=["热黄变"])
    weight: int = Field(examples=[2])
    is_must_have: bool
    origin: ConceptOrigin
    is_decided: bool = Field(description="false: a suggestion, on which nothing depends yet")
    places: list[PlaceBody]


class DiagnosisBody(VersionedBody):
    """What would make the demand clearer; `version` is the demand's."""

    demand_id: UUID
    completeness: int = Field(description="0–100: met points of all", examples=[84])
    items: list[DiagnosedItem]
    missing_indicators: list[RemarkBody]
    vague_passages: list[RemarkBody]
    concepts: list[ConceptFound] = Field(description="those decided on first; PATCH `concepts`")
