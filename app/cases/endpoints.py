"""HTTP for cases."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.cases import operations
from app.cases.schemas import CaseBody, CaseConsent, CaseCreate, CaseQuery, CaseUpdate
from app.clock import MomentDep
from app.database import SessionDep
from app.interface.pagination import Page, PagesDep
from app.interface.routing import DomainRouter
from app.interface.schemas import Reason
from app.organizations.actors import CurrentActor, StaffActor

router = DomainRouter("cases")


@router.post("/cases", status_code=status.HTTP_201_CREATED)
async def collect_case(session: SessionDep, actor: StaffActor, data: CaseCreate) -> CaseBody:
    """征集案例 · Write down how a demand was solved; the parties it tells of read it."""
    return operations.show(actor, await operations.collect(session, actor, data))


@router.get("/cases")
async def list_cases(
    pages: PagesDep, actor: CurrentActor, query: Annotated[CaseQuery, Query()]
) -> Page[CaseBody]:
    """典型案例列表 · Published ones, and those that one has a part in."""
    return await operations.search(pages, actor, query)


@router.get("/cases/{case_id:uuid}")
async def read_case(session: SessionDep, actor: CurrentActor, case_id: UUID) -> CaseBody:
    """典型案例详情 · Background, solution, result; names only as their owners have consented."""
    return operations.show(actor, await operations.get(session, actor, case_id))


@router.patch("/cases/{case_id:uuid}")
async def update_case(
    session: SessionDep, actor: StaffActor, case_id: UUID, data: CaseUpdate
) -> CaseBody:
    """修改案例 · While it is collected; every party is asked for its consent anew."""
    return operations.show(actor, await operations.update(session, actor, case_id, data))


@router.post("/cases/{case_id:uuid}:review")
async def review_case(
    session: SessionDep, actor: StaffActor, moment: MomentDep, case_id: UUID
) -> CaseBody:
    """审核案例 · Its words stand, and wait for the consents that are missing."""
    return operations.show(actor, await operations.move(session, actor, case_id, "review", moment))


@router.post("/cases/{case_id:uuid}:return")
async def return_case(
    session: SessionDep, actor: StaffActor, moment: MomentDep, case_id: UUID, data: Reason
) -> CaseBody:
    """退回案例 · Its words are to be changed; the parties read why."""
    return operations.show(
        actor, await operations.move(session, actor, case_id, "return", moment, data.reason)
    )


@router.post("/cases/{case_id:uuid}:publish")
async def publish_case(
    session: SessionDep, actor: StaffActor, moment: MomentDep, case_id: UUID
) -> CaseBody:
    """发布案例 · Everybody signed in reads it; 409 tells whose consent is missing."""
    return operations.show(actor, await operations.move(session, actor, case_id, "publish", moment))


@router.post("/cases/{case_id:uuid}:take-back")
async def take_back_case(
    session: SessionDep, actor: StaffActor, moment: MomentDep, case_id: UUID, data: Reason
) -> CaseBody:
    """撤下案例 · Only its own read it from now on, and why."""
    return operations.show(
        actor, await operations.move(session, actor, case_id, "take-back", moment, data.reason)
    )


@router.post("/cases/{case_id:uuid}:consent")
async def consent_to_case(
    session: SessionDep, actor: CurrentActor, moment: MomentDep, case_id: UUID, data: CaseConsent
) -> CaseBody:
    """同意发布 · A party agrees for itself to these words, named as it says or unnamed."""
    return operations.show(actor, await operations.consent(session, actor, case_id, data, moment))


@router.post("/cases/{case_id:uuid}:withdraw-consent")
async def withdraw_consent_to_case(
    session: SessionDep, actor: CurrentActor, moment: MomentDep, case_id: UUID
) -> CaseBody:
    """撤回同意 · At any time; what was published is taken back at once."""
    return operations.show(
        actor, await operations.withdraw_consent(session, actor, case_id, moment)
    )
