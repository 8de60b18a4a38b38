"""HTTP for experts, their evidence and contacts."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.accounts.dependencies import CurrentAccount
from app.database import SessionDep
from app.experts import consents, contacts, evidence, operations
from app.experts.models import Expert
from app.experts.schemas import (
    AccountLink,
    ConsentBody,
    ConsentDeclaration,
    ConsentQuery,
    ContactBody,
    ContactFields,
    EvidenceBody,
    EvidenceCreate,
    EvidenceGrading,
    EvidenceUpdate,
    ExpertBody,
    ExpertCreate,
    ExpertQuery,
    ExpertSummary,
    ExpertUpdate,
    PurposeBody,
    Removal,
)
from app.interface.auditing import sensitive
from app.interface.batch import add_batch
from app.interface.pagination import Page, PagesDep
from app.interface.routing import DomainRouter
from app.interface.schemas import Reason
from app.organizations.actors import CurrentActor, StaffActor

router = DomainRouter("experts")


@router.post("/experts", status_code=status.HTTP_201_CREATED)
async def create_expert(session: SessionDep, actor: CurrentActor, data: ExpertCreate) -> ExpertBody:
    """登记专家 · A draft profile, by the expert, their organization, or staff of the region."""
    return operations.show(actor, await operations.create(session, actor, data))


@router.get("/experts")
async def list_experts(
    pages: PagesDep, actor: CurrentActor, query: Annotated[ExpertQuery, Query()]
) -> Page[ExpertSummary]:
    """专家列表 · The pool for staff and evaluators; one's own records for everybody else."""
    return await operations.search(pages, actor, query)


@router.get("/experts/{expert_id:uuid}")
async def read_expert(session: SessionDep, actor: CurrentActor, expert_id: UUID) -> ExpertBody:
    """专家详情 · One profile with its evidence; contacts are a resource of their own."""
    return operations.show(actor, await operations.get(session, actor, expert_id))


@router.patch("/experts/{expert_id:uuid}")
async def update_expert(
    session: SessionDep, actor: CurrentActor, expert_id: UUID, data: ExpertUpdate
) -> ExpertBody:
    """修改专家 · Change what the body names; in the pool, nothing goes that `:submit` asked for."""
    return operations.show(actor, await operations.update(session, actor, expert_id, data))


@router.post("/experts/{expert_id:uuid}:submit")
async def submit_expert(session: SessionDep, actor: CurrentActor, expert_id: UUID) -> ExpertBody:
    """提交 · Hand a complete profile in for review."""
    return operations.show(actor, await operations.move(session, actor, expert_id, "submit"))


@router.post("/experts/{expert_id:uuid}:begin-review")
async def begin_expert_review(
    session: SessionDep, actor: CurrentActor, expert_id: UUID
) -> ExpertBody:
    """单位审核 · The organization, or staff, take the profile up."""
    return operations.show(actor, await operations.move(session, actor, expert_id, "begin-review"))


@router.post("/experts/{expert_id:uuid}:recommend")
async def recommend_expert(session: SessionDep, actor: CurrentActor, expert_id: UUID) -> ExpertBody:
    """单位推荐 · The organization, or staff, recommend the expert to the pool."""
    return operations.show(actor, await operations.move(session, actor, expert_id, "recommend"))


@router.post("/experts/{expert_id:uuid}:return")
async def return_expert(
    session: SessionDep, actor: CurrentActor, expert_id: UUID, data: Reason
) -> ExpertBody:
    """退回修改 · Back to the draft, with the reason."""
    moved = await operations.move(session, actor, expert_id, "return", data.reason)
    return operations.show(actor, moved)


@router.post("/experts/{expert_id:uuid}:admit")
async def admit_expert(session: SessionDep, actor: StaffActor, expert_id: UUID) -> ExpertBody:
    """入库 · Into the pool; from now on the expert is matched."""
    return operations.show(actor, await operations.move(session, actor, expert_id, "admit"))


@router.post("/experts/{expert_id:uuid}:suspend")
async def suspend_expert(
    session: SessionDep, actor: CurrentActor, expert_id: UUID, data: Reason
) -> ExpertBody:
    """暂停 · Out of matching for a while, with the reason."""
    moved = await operations.move(session, actor, expert_id, "suspend", data.reason)
    return operations.show(actor, moved)


@router.post("/experts/{expert_id:uuid}:reinstate")
async def reinstate_expert(session: SessionDep, actor: StaffActor, expert_id: UUID) -> ExpertBody:
    """恢复 · Back into the pool, with a complete profile."""
    return operations.show(actor, await operations.move(session, actor, expert_id, "reinstate"))


@router.post("/experts/{expert_id:uuid}:remove")
async def remove_expert(
    session: SessionDep, actor: StaffActor, expert_id: UUID, data: Removal
) -> ExpertBody:
    """出库 · Out of the pool for good: deceased, retired, misconduct, merged, or asked for."""
    return operations.show(actor, await operations.remove(session, actor, expert_id, data))


@router.post("/experts/{expert_id:uuid}:link-account")
async def link_expert_account(
    session: SessionDep, actor: StaffActor, expert_id: UUID, data: AccountLink
) -> ExpertBody:
    """关联账号 · Give an expert's account the profile that staff entered."""
    linked = await operations.link_account(session, actor, expert_id, data.account_id)
    return operations.show(actor, linked)


@router.get("/consent-purposes")
async def list_consent_purposes() -> list[PurposeBody]:
    """同意事项 · What an expert may allow or refuse, in the words to ask with."""
    return consents.purposes()


@router.post("/experts/{expert_id:uuid}:declare-consent", status_code=status.HTTP_201_CREATED)
async def declare_consent(
    session: SessionDep, actor: CurrentActor, expert_id: UUID, data: ConsentDeclaration
) -> ConsentBody:
    """表示同意或撤回 · The expert allows or refuses a purpose; staff enter what is in writing."""
    return await consents.declare(session, actor, expert_id, data)


@router.get("/experts/{expert_id:uuid}/consents")
async def list_consents(
    pages: PagesDep,
    actor: CurrentActor,
    expert_id: UUID,
    query: Annotated[ConsentQuery, Query()],
) -> Page[ConsentBody]:
    """同意记录 · Every declaration, latest first; the latest about a purpose is in force."""
    return await consents.search(pages, actor, expert_id, query)


@router.get("/experts/{expert_id:uuid}/contact")
@sensitive()
async def read_expert_contact(
    session: SessionDep, actor: CurrentActor, expert_id: UUID
) -> ContactBody:
    """联系方式 · For the expert and the staff of the region; every reading is recorded."""
    return await contacts.read(session, actor, expert_id)


@router.put("/experts/{expert_id:uuid}/contact")
async def replace_expert_contact(
    session: SessionDep, actor: CurrentActor, expert_id: UUID, data: ContactFields
) -> ContactBody:
    """更新联系方式 · Telephone and e-mail."""
    return await contacts.replace(session, actor, expert_id, data)


@router.post("/experts/{expert_id:uuid}/evidence", status_code=status.HTTP_201_CREATED)
async def create_evidence(
    session: SessionDep, actor: CurrentActor, expert_id: UUID, data: EvidenceCreate
) -> EvidenceBody:
    """添加佐证 · A publication, patent, project, award or achievement, self-stated (自述)."""
    return EvidenceBody.of(await evidence.create(session, actor, expert_id, data))


@router.patch("/experts/{expert_id:uuid}/evidence/{evidence_id:uuid}")
async def update_evidence(
    session: SessionDep,
    actor: CurrentActor,
    expert_id: UUID,
    evidence_id: UUID,
    data: EvidenceUpdate,
) -> EvidenceBody:
    """修改佐证 · Change what the body names; it is self-stated again, documented if staff do it."""
    return EvidenceBody.of(await evidence.update(session, actor, expert_id, evidence_id, data))


@router.delete(
    "/experts/{expert_id:uuid}/evidence/{evidence_id:uuid}",
    status_code=status.HTTP_204_NO_CONTENT,
)
async def delete_evidence(
    session: SessionDep, actor: CurrentActor, expert_id: UUID, evidence_id: UUID
) -> None:
    """删除佐证 · Take one item away."""
    await evidence.delete(session, actor, expert_id, evidence_id)


@router.post("/experts/{expert_id:uuid}/evidence/{evidence_id:uuid}:grade")
async def grade_evidence(
    session: SessionDep,
    actor: StaffActor,
    expert_id: UUID,
    evidence_id: UUID,
    data: EvidenceGrading,
) -> EvidenceBody:
    """核验佐证 · Staff state how well an item is attested: 自述, 有佐证, 核验."""
    return EvidenceBody.of(await evidence.grade(session, actor, expert_id, evidence_id, data))


add_batch(router, "experts", Expert, CurrentAccount)
