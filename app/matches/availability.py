"""Whether an expert may be recommended or invited now, whatever an older run said."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import last_year_began_at
from app.experts import repository as experts
from app.experts.models import Expert, ExpertState
from app.interface.errors import Conflict
from app.interface.language import Text
from app.interface.validation import FieldError
from app.matches.constraints import constraints_of
from app.matches.index.documents import facts_of_expert
from app.matches.models import MatchRun
from app.matches.schemas import MatchParameters
from app.scopes import Scope, borrowed
from matching import Constraints, Limits, Objection
from matching.constraints import reasons_against

NOBODY: Mapping[UUID, datetime] = {}
NOT_IN_POOL = Text("该专家现不在库", "The expert is not in the pool now")
REFUSALS = {
    "organization_conflict": Text(
        "该专家与需求方或须回避的机构有利益关系",
        "The expert has an interest in the enterprise, or in an organization named as in conflict",
    ),
    "do_not_contact": Text("该专家已设免打扰{detail}", "The expert is not to be contacted{detail}"),
    "absent": Text("该专家届时不便受邀{detail}", "The expert is absent on the day{detail}"),
    "resting": Text("该专家在休整期内{detail}", "The expert rests between invitations{detail}"),
    "no_capacity": Text("该专家本年度名额已用完{detail}", "The expert's year is full{detail}"),
}


async def require_available(
    session: AsyncSession, run: MatchRun, expert: Expert | None, limits: Limits, on: date
) -> None:
    """Raises Conflict with every reason why an expert of the run, locked, is not asked that day.

    What the coordinator asked for besides, a kind or a region, was theirs to ask.
    """
    if expert is None or expert.state is not ExpertState.IN_POOL:
        raise Conflict(NOT_IN_POOL)
    asked = MatchParameters.model_validate(run.parameters)
    still = MatchParameters(on=on, conflicting_organization_ids=asked.conflicting_organization_ids)
    constraints = await constraints_of(session, still, limits, run.demand)
    [found] = await objections_to(session, [expert], constraints)
    if found:
        reasons = [told(objection) for objection in found]
        raise Conflict(reasons[0].message, errors=reasons)


async def objections_to(
    session: AsyncSession,
    people: Sequence[Expert],
    constraints: Constraints,
    *,
    but: Mapping[UUID, datetime] = NOBODY,
) -> list[Sequence[Objection]]:
    """Of each expert every reason that stands against them, by the rules of matching.

    but: by expert the moment of an invitation that is no reason.
    """
    ids = [expert.id for expert in people]
    async with borrowed(session, Scope.INDEX):
        invited = await experts.invitations_of(session, ids, since=last_year_began_at())
    counted = {
        one: [i for i in theirs if i.invited_at != but.get(one)] for one, theirs in invited.items()
    }
    return [
        reasons_against(
            str(expert.id), facts_of_expert(expert, counted.get(expert.id, ())), constraints
        )
        for expert in people
    ]


def told(objection: Objection) -> FieldError:
    """The reason as a fault of the request; an organization's key is no text for people."""
    is_key = objection.reason == "organization_conflict"
    detail = "" if is_key or not objection.detail else f" ({objection.detail})"
    message = REFUSALS[objection.reason].format(detail=detail)
    return FieldError(pointer="", code=objection.reason, message=message)
