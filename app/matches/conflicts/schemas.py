"""Request and response bodies of the conflict check."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from app.interface.schemas import Body


class ConflictCheck(Body):
    """Experts, and the demand or the organization that they might serve: one of the two."""

    expert_ids: Annotated[list[UUID], Field(min_length=1, max_length=100)]
    demand_id: UUID | None = None
    organization_id: UUID | None = Field(default=None, examples=[None])

    @model_validator(mode="after")
    def require_one(self) -> "ConflictCheck":
        if (self.demand_id is None) == (self.organization_id is None):
            message = ("请指明需求或机构之一", "Name either the demand or the organization")
            raise PydanticCustomError("one_of_two", "one of two", {"text": message})
        return self


class ObjectionBody(BaseModel):
    """Why an expert may not be asked."""

    reason: str = Field(examples=["organization_conflict"])
    relation: str | None = Field(
        description="of organization_conflict: employer, acts_for, or the kind that was declared",
        examples=["family"],
    )
    detail: str = Field(
        description="as in a run's exclusions; of not_in_pool the state",
        examples=["0199f5c2-8a4e-7cc1-9d0b-3f1e6a7b2c4d"],
    )


class ConflictBody(BaseModel):
    """What stands against one expert today; nothing does when it is clear."""

    expert_id: UUID
    is_clear: bool
    objections: list[ObjectionBody]
