"""HTTP for a person's own data."""

from uuid import UUID

from fastapi import status
from fastapi.responses import StreamingResponse

from app.accounts.dependencies import SignedInAccount
from app.database import SessionDep
from app.interface.admission import limited
from app.interface.auditing import sensitive
from app.interface.idempotency import unkept
from app.interface.policies import RateClass
from app.interface.routing import DomainRouter
from app.organizations.actors import SignedInActor
from app.personal_data import erasure, operations
from app.personal_data.schemas import OwnErasure, PersonalData
from app.scopes import SessionsDep

router = DomainRouter("personal-data")


@router.get("/me/personal-data", response_model=PersonalData)
@sensitive()
@limited(RateClass.EXPENSIVE)
async def export_my_data(
    session: SessionDep, sessions: SessionsDep, account: SignedInAccount
) -> StreamingResponse:
    """导出我的个人信息 · All that is held on the caller, by table; secrets are left out."""
    return await operations.export_own(session, sessions, account)


@router.post("/me:erase", status_code=status.HTTP_204_NO_CONTENT)
@unkept
@limited(RateClass.SIGN_IN, email_of=lambda values: values["account"].email)
async def erase_me(session: SessionDep, account: SignedInAccount, data: OwnErasure) -> None:
    """注销 · Erase the caller's account and profile for good; what is counted stays."""
    await erasure.erase_own(session, account, data.password)


@router.get("/experts/{expert_id:uuid}/personal-data", response_model=PersonalData)
@sensitive()
@limited(RateClass.EXPENSIVE)
async def export_expert_data(
    session: SessionDep, sessions: SessionsDep, actor: SignedInActor, expert_id: UUID
) -> StreamingResponse:
    """导出专家个人信息 · All that is held on an expert, for them; for staff, what these may see."""
    return await operations.export_expert(session, sessions, actor, expert_id)


@router.post("/experts/{expert_id:uuid}:erase", status_code=status.HTTP_204_NO_CONTENT)
async def erase_expert(session: SessionDep, actor: SignedInActor, expert_id: UUID) -> None:
    """删除专家个人信息 · Erase a profile for good, by the expert or the staff they ask."""
    await erasure.erase_expert(session, actor, expert_id)
