"""How long people may take, and how often experts are asked."""

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode


class Periods(BaseSettings):
    """Working days are China's, see `working_days`."""

    yearly_capacity: int = Field(
        default=3, ge=0, le=365, description="invitations a year of experts who name no number"
    )
    yearly_capacity_academicians: int = Field(
        default=2, ge=0, le=365, description="the same, of academicians"
    )
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
