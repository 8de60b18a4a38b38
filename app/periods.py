"""How long people may take, how often experts are asked, and how many at once."""

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode

from app.outgoing_settings import refused


class Periods(BaseSettings):
    """Working days are China's, see `working_days`."""

    yearly_capacity: int = Field(
        default=3, ge=0, le=365, description="invitations a year of experts who name no number"
    )
    yearly_capacity_academicians: int = Field(
        default=2, ge=0, le=365, description="the same, of academicians"
    )
    visit_academicians_least: int = Field(
        default=5, ge=1, le=30, description="whom one visit by academicians invites"
    )
    visit_academicians_most: int = Field(default=10, ge=1, le=30, description="the same")
    rest_days_invited: int = Field(
        default=14, ge=0, le=365, description="from an invitation until the next one may come"
    )
    rest_days_refused: int = Field(
        default=60, ge=0, le=365, description="the same after one that was refused"
    )
    invitation_days: int = Field(
        default=5,
        ge=1,
        le=365,
        description="working days in which an invitation is answered or expires",
    )
    docking_step_days: int = Field(
        default=15,
        ge=1,
        le=365,
        description="working days in which any other next step is expected",
    )
    escalation_days: int = Field(
        default=5,
        ge=1,
        le=365,
        description="working days after which what is overdue goes up a level, and then the next",
    )
    docking_progress_months: int = Field(
        default=3, ge=1, le=120, description="after which work that goes on is asked after"
    )
    follow_up_months: Annotated[tuple[Annotated[int, Field(ge=1, le=120)], ...], NoDecode] = Field(
        default=(1, 3), min_length=1, description="comma separated: after the result was accepted"
    )
    first_answer_days: int = Field(
        default=5,
        ge=1,
        le=365,
        description="working days in which a submitted demand is published, returned or refused",
    )

    @field_validator("follow_up_months", mode="before")
    @classmethod
    def split_months(cls, value: object) -> object:
        """Read `FOLLOW_UP_MONTHS=1,3`."""
        return value.split(",") if isinstance(value, str) else value

    @model_validator(mode="after")
    def require_possible_visits(self) -> Self:
        if self.visit_academicians_least > self.visit_academicians_most:
            raise refused(
                "VISIT_ACADEMICIANS_LEAST 大于 VISIT_ACADEMICIANS_MOST",
                "VISIT_ACADEMICIANS_LEAST is above VISIT_ACADEMICIANS_MOST",
                setting="visit_academicians_least",
            )
        return self
