"""An expert's evidence: added, corrected, graded by a coordinator."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.experts import operations
from app.experts.access import may_supervise
from app.experts.models import Evidence, Expert, Grade
from app.experts.schemas import MAX_EVIDENCE, EvidenceCreate, EvidenceGrading, EvidenceUpdate
from app.interface.errors import Conflict, NotFound
from app.interface.language import Text
from app.interface.preconditions import meet
from app.organizations.actors import Actor

TOO_MUCH = Text(f"佐证不得超过 {MAX_EVIDENCE} 项", f"At most {MAX_EVIDENCE} items of evidence")


async def create(
    session: AsyncSession, actor: Actor, expert_id: UUID, data: EvidenceCreate
) -> Evidence:
    expert = await operations.get_editable(session, actor, expert_id)
    if len(expert.evidence) >= MAX_EVIDENCE:
        raise Conflict(TOO_MUCH)
    operations.require_gradable(actor, expert, data.grade, pointer="/grade")
    item = Evidence(**data.model_dump())
    expert.evidence.append(item)
    await operations.save(session, actor, expert, fields=["evidence"])
    return item


async def update(
    session: AsyncSession, actor: Actor, expert_id: UUID, evidence_id: UUID, data: EvidenceUpdate
) -> Evidence:
    """Change what the body names."""
    expert = await operations.get_editable(session, actor, expert_id)
    item = _item_of(session, expert, evidence_id)
    rewrite(item, data.changes(), by_staff=may_supervise(actor, expert))
    await operations.save(session, actor, expert, fields=["evidence"])
    return item


def rewrite(item: Evidence, wanted: Mapping[str, Any], *, by_staff: bool) -> None:
    """Set what an item says.

    Nobody has attested a new text: the item is self-stated again, or documented, where staff wrote
    what they have read.
    """
    changed = {name: value for name, value in wanted.items() if value != getattr(item, name)}
    for name, value in changed.items():
        setattr(item, name, value)
    if changed and item.grade is not Grade.SELF_STATED:
        item.grade = Grade.DOCUMENTED if by_staff else Grade.SELF_STATED
        item.verified_by_id = None


def attest(item: Evidence, grade: Grade, actor: Actor) -> None:
    """State how well an item is attested; who verifies it answers for that."""
    item.grade = grade
    item.verified_by_id = actor.account_id if grade is Grade.VERIFIED else None


async def delete(session: AsyncSession, actor: Actor, expert_id: UUID, evidence_id: UUID) -> None:
    expert = await operations.get_editable(session, actor, expert_id)
    expert.evidence.remove(_item_of(session, expert, evidence_id))
    await operations.save(session, actor, expert, fields=["evidence"])


async def grade(
    session: AsyncSession, actor: Actor, expert_id: UUID, evidence_id: UUID, data: EvidenceGrading
) -> Evidence:
    """Staff state how well an item is attested, until the expert has left for good."""
    expert = await operations.get_present(
        session, actor, expert_id, "grade", may_touch=may_supervise
    )
    item = _item_of(session, expert, evidence_id)
    attest(item, data.grade, actor)
    await operations.save(session, actor, expert, fields=["evidence"])
    return item


def _item_of(session: AsyncSession, expert: Expert, evidence_id: UUID) -> Evidence:
    item = next((item for item in expert.evidence if item.id == evidence_id), None)
    if item is None:
        raise NotFound()
    meet(session, item)
    return item
