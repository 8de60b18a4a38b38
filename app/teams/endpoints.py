"""HTTP for teams."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.clock import MomentDep
from app.database import SessionDep
from app.interface.admission import limited
from app.interface.idempotency import unkept
from app.interface.pagination import Page, PagesDep
from app.interface.policies import RateClass
from app.interface.routing import DomainRouter
from app.interface.schemas import Reason
from app.matches.index.ranking import MatcherDep
from app.matches.limits import LimitsDep
from app.organizations.actors import CurrentActor, StaffActor
from app.settings import SettingsDep
from app.teams import confirming, operations, proposing
from app.teams.schemas import (
    TeamBody,
    TeamCreate,
    TeamProposal,
    TeamProposing,
    TeamQuery,
    TeamUpdate,
)

router = DomainRouter("teams")


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
    data: TeamProposing,
) -> TeamProposal:
    """推荐团队 · A chief and who together with them covers what is asked for; nothing is stored."""
    return await proposing.propose(
        session, actor, matcher, demand_id, data, limits, settings.team_size
    )


@router.post("/teams", status_code=status.HTTP_201_CREATED)
async def form_team(session: SessionDep, actor: StaffActor, data: TeamCreate) -> TeamBody:
    """组建团队 · Name experts of the pool for a demand; the staff who carry it alone see it."""
    return operations.show(actor, await operations.form(session, actor, data))


@router.get("/teams")
async def list_teams(
    pages: PagesDep, actor: CurrentActor, query: Annotated[TeamQuery, Query()]
) -> Page[TeamBody]:
    """团队列表 · For staff those of their demands, else confirmed ones of one's own."""
    return await operations.search(pages, actor, query)


@router.get("/teams/{team_id:uuid}")
async def read_team(session: SessionDep, actor: CurrentActor, team_id: UUID) -> TeamBody:
    """团队详情 · Its members, chief first, and what each is there for."""
    return operations.show(actor, await operations.get(session, actor, team_id))


@router.patch("/teams/{team_id:uuid}")
async def update_team(
    session: SessionDep, actor: StaffActor, team_id: UUID, data: TeamUpdate
) -> TeamBody:
    """调整团队 · Change what the body names, while the team forms; members as a whole."""
    return operations.show(actor, await operations.update(session, actor, team_id, data))


@router.post("/teams/{team_id:uuid}:confirm")
async def confirm_team(
    session: SessionDep, actor: StaffActor, limits: LimitsDep, moment: MomentDep, team_id: UUID
) -> TeamBody:
    """确认团队 · Enterprise and members see it from now on; 409 tells who cannot be, and why."""
    return operations.show(actor, await confirming.confirm(session, actor, team_id, limits, moment))


@router.post("/teams/{team_id:uuid}:begin-service")
async def begin_service(
    session: SessionDep, actor: StaffActor, moment: MomentDep, team_id: UUID
) -> TeamBody:
    """开始服务 · The team is at work."""
    return operations.show(
        actor, await operations.move(session, actor, team_id, "begin-service", moment)
    )


@router.post("/teams/{team_id:uuid}:dissolve")
async def dissolve_team(
    session: SessionDep, actor: StaffActor, moment: MomentDep, team_id: UUID, data: Reason
) -> TeamBody:
    """解散团队 · Its work is done, or comes to nothing; the members read why."""
    return operations.show(
        actor, await operations.move(session, actor, team_id, "dissolve", moment, data.reason)
    )
