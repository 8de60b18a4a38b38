"""How to reach an expert: read by few, and every reading is recorded."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.clock import now
from app.experts import operations, repository
from app.experts.access import may_read_in_full
from app.experts.models import Expert, ExpertContact
from app.experts.schemas import ContactBody, ContactFields
from app.organizations.actors import Actor


async def read(session: AsyncSession, actor: Actor, expert_id: UUID) -> ContactBody:
    """The contact data; the audit log keeps who read them."""
    expert = await operations.get_in_full(session, actor, expert_id)
    contact = await repository.find_contact(session, expert.id)
    return _show(expert, contact or ExpertContact(phone="", email=""))


async def replace(
    session: AsyncSession, actor: Actor, expert_id: UUID, data: ContactFields
) -> ContactBody:
    expert = await operations.get_present(
        session, actor, expert_id, "update", may_touch=may_read_in_full
    )
    contact = await store(session, expert, data)
    await changes.append(session, "expert.contact_updated", expert.id, actor_id=actor.account_id)
    return _show(expert, contact)


async def store(session: AsyncSession, expert: Expert, data: ContactFields) -> ExpertContact:
    """Write the contact of an expert whose row the caller has locked or just made."""
    contact = await repository.find_contact(session, expert.id)
    if contact is None:
        contact = ExpertContact(expert_id=expert.id)
        session.add(contact)
    contact.phone, contact.email = data.phone, data.email
    expert.updated_at = now()  # a new version of the whole
    return contact


def _show(expert: Expert, contact: ExpertContact) -> ContactBody:
    return ContactBody(
        version=expert.version, expert_id=expert.id, phone=contact.phone, email=contact.email
    )
