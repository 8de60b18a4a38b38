"""HTTP for standing matches: how runs differ, taking one back, what stands, and what is new."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from app.database import SessionDep
from app.interface.pagination import Page, PagesDep
from app.interface.routing import DomainRouter
from app.matches import presentation
from app.matches.digests import operations as digests
from app.matches.schemas import MatchRunBody
from app.matches.standing import differences, withdrawing
from app.matches.standing.schemas import (
    DifferenceBody,
    DifferenceQuery,
    DigestItem,
    DigestQuery,
    StandingBody,
)
from app.organizations.actors import StaffActor

router = DomainRouter("matches")


@router.get("/match-runs/{run_id:uuid}/difference")
async def read_difference(
    session: SessionDep,
    actor: StaffActor,
    run_id: UUID,
    query: Annotated[DifferenceQuery, Query()],
) -> DifferenceBody:
    """批次差异 · Who entered, left or moved since the run before, or since another one, and why."""
    return await differences.compare(session, actor, run_id, query)


@router.post("/match-runs/{run_id:uuid}:withdraw")
async def withdraw_match_run(session: SessionDep, actor: StaffActor, run_id: UUID) -> MatchRunBody:
    """撤回批次 · The run stays, and counts as the latest no more; not once somebody was judged."""
    return presentation.show_run(await withdrawing.withdraw(session, actor, run_id))


@router.get("/demands/{demand_id:uuid}/standing-match")
async def read_standing_match(
    session: SessionDep, actor: StaffActor, demand_id: UUID
) -> StandingBody:
    """常态匹配 · The run that is still true, and when that was checked last."""
    return await differences.standing_of(session, actor, demand_id)


@router.get("/match-digest")
async def read_match_digest(
    pages: PagesDep, actor: StaffActor, query: Annotated[DigestQuery, Query()]
) -> Page[DigestItem]:
    """匹配动态 · Demands of one's regions whose standing match is another one than it was."""
    return await digests.read(pages, actor, query)
