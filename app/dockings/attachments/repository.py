"""Every SELECT on attachments."""

from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.dockings.attachments.models import Attachment


def listed(docking_id: UUID) -> Select[Attachment]:
    return select(Attachment).where(Attachment.docking_id == docking_id)


async def content_of(session: AsyncSession, attachment_id: UUID) -> bytes | None:
    """The file's bytes; None once it was withdrawn."""
    statement = select(Attachment.content).where(Attachment.id == attachment_id)
    return await session.scalar(statement)
