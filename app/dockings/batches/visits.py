"""A visit by academicians 院士专家行: how many of them are invited to one."""

from collections.abc import Iterable
from typing import Annotated, NamedTuple

from fastapi import Depends

from app.experts.models import Expert, ExpertKind
from app.interface.errors import Invalid
from app.interface.language import Text
from app.interface.validation import FieldError
from app.settings import SettingsDep


class VisitSize(NamedTuple):
    """Academicians of one visit."""

    least: int
    most: int


async def get_visit_size(settings: SettingsDep) -> VisitSize:
    return VisitSize(settings.visit_academicians_least, settings.visit_academicians_most)


VisitSizeDep = Annotated[VisitSize, Depends(get_visit_size)]


def require_size(people: Iterable[Expert], size: VisitSize) -> None:
    """Raises Invalid for a visit to which too few or too many academicians are asked."""
    count = sum(expert.kind is ExpertKind.ACADEMICIAN for expert in people)
    if not size.least <= count <= size.most:
        message = Text(
            f"院士专家行每次邀请 {size.least} 至 {size.most} 位院士，本批有 {count} 位",
            f"A visit invites {size.least} to {size.most} academicians; of this batch {count} are",
        )
        raise Invalid(errors=[FieldError(pointer="/match_ids", code="visit_size", message=message)])
