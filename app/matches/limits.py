"""How often experts may be invited, as the settings say it to matching."""

from typing import Annotated

from fastapi import Depends

from app.experts.models import ExpertKind
from app.settings import Settings, SettingsDep
from matching import Limits


def limits_of(settings: Settings) -> Limits:
    """For experts whose profiles do not say it."""
    return Limits(
        capacity=settings.yearly_capacity,
        capacities={ExpertKind.ACADEMICIAN: settings.yearly_capacity_academicians},
        rest_after_invitation=settings.rest_days_invited,
        rest_after_refusal=settings.rest_days_refused,
    )


async def get_limits(settings: SettingsDep) -> Limits:
    return limits_of(settings)


LimitsDep = Annotated[Limits, Depends(get_limits)]
