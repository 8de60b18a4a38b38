"""HTTP for rankers."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.database import SessionDep
from app.interface.admission import limited
from app.interface.pagination import Page, PagesDep
from app.interface.policies import RateClass
from app.interface.routing import DomainRouter
from app.matches.rankers import operations
from app.matches.rankers.schemas import RankerBody, RankerQuery
from app.organizations.actors import AdministratorActor, StaffActor
from app.progress.accepting import AcceptedDep
from app.progress.schemas import OperationBody

router = DomainRouter("matches")


@router.get("/rankers")
async def list_rankers(
    pages: PagesDep, actor: StaffActor, query: Annotated[RankerQuery, Query()]
) -> Page[RankerBody]:
    """排序模型 · Every version with its measures, the latest first; number 0 is the library's."""
    return await operations.search(pages, actor, query)


@router.get("/rankers/{ranker_id:uuid}")
async def read_ranker(session: SessionDep, actor: StaffActor, ranker_id: UUID) -> RankerBody:
    """排序模型详情 · Its weights, what they were learned from, and how they did."""
    return await operations.get(session, actor, ranker_id)


@router.post("/rankers:train", status_code=status.HTTP_202_ACCEPTED)
@limited(RateClass.EXPENSIVE)
async def train_ranker(
    session: SessionDep, actor: AdministratorActor, accepted: AcceptedDep
) -> OperationBody:
    """训练排序模型 · Ask the worker to learn from all verdicts; `Location` tells how far.

    What is better for certain is put in force at once, unless an administrator chose what is.
    `done_count` of the operation is how many versions were kept: none, if another was promoted
    meanwhile. 409 while too little was judged.
    """
    return accepted.show(await operations.ask_for_training(session, actor))


@router.post("/rankers/{ranker_id:uuid}:promote")
async def promote_ranker(
    session: SessionDep, actor: AdministratorActor, ranker_id: UUID
) -> RankerBody:
    """启用排序模型 · From now on every match uses it; also the way back to one of before.

    It stays until an administrator promotes another, or releases it: what is learned is only kept
    meanwhile.
    """
    return await operations.promote(session, actor, ranker_id)


@router.post("/rankers/{ranker_id:uuid}:release")
async def release_ranker(
    session: SessionDep, actor: AdministratorActor, ranker_id: UUID
) -> RankerBody:
    """恢复自动选用 · The one in force stays until the job finds a better one for certain.

    409 where no administrator has promoted it, as nothing then keeps the job from that.
    """
    return await operations.release(session, actor, ranker_id)
