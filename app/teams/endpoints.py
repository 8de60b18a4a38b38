"""HTTP for teams."""

from typing import Annotated
from uuid import UUID

from fastapi import Body

from app.database import SessionDep
from app.interface.admission import limited
from app.interface.idempotency import unkept
from app.interface.policies import RateClass
from app.interface.routing import conventional_router
from app.matches.index.ranking import MatcherDep
from app.matches.limits import LimitsDep
from app.organizations.actors import StaffActor
from app.settings import SettingsDep
from app.teams import proposing
from app.teams.schemas import TeamProposal, TeamProposing

router = conventional_router("teams")


@router.post("/demands/{demand_id:uuid}:propose-team")
@unkept
@limited(RateClass.EXPENSIVE)
async def propose_team(
    session: SessionDep,
    actor: StaffActor,
    matcher: MatcherDep,
    limits: LimitsDep,
    settings: SettingsDep,
    demand_id: UUID,
    data: Annotated[TeamProposing | None, Body()] = None,
) -> TeamProposal:
    """推荐团队 · A chief and who together with them covers what is asked for; nothing is stored."""
    return await proposing.propose(
        session, actor, matcher, demand_id, data or TeamProposing(), limits, settings.team_size
    )
