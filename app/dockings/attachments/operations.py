"""Attachments: handed in by a party, read by all, and taken back with a trace."""

import hashlib
from datetime import datetime
from functools import partial
from uuid import UUID

from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.dockings import operations as dockings
from app.dockings.access import may_withdraw, own_side
from app.dockings.attachments import repository
from app.dockings.attachments.media import has_ending_of, media_type_of
from app.dockings.attachments.models import Attachment
from app.dockings.attachments.schemas import AttachedFile, AttachmentBody, AttachmentQuery
from app.dockings.models import Docking
from app.interface.errors import Conflict, Forbidden, NotFound, PayloadTooLarge, invalid_field
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.organizations.actors import Actor

MOST_BYTES = 10 * 1024 * 1024
MOST_FILES = 50
TOO_LARGE = Text("每个附件不得超过 10 MB", "An attachment has at most 10 MB")
WITHDRAWN = Text("附件已撤回", "The attachment was withdrawn")


async def attach(
    session: AsyncSession, actor: Actor, docking_id: UUID, file: AttachedFile
) -> AttachmentBody:
    """Keep a file of a known type; raises Invalid at `/file` for any other."""
    docking = await dockings.hold(session, actor, docking_id)
    media_type, digest = await to_thread.run_sync(_examined, file)
    side = own_side(actor, docking)
    await dockings.require_room(session, Attachment, docking_id, side, MOST_FILES)
    attachment = Attachment(
        docking_id=docking_id,
        side=side,
        account_id=actor.account_id,
        filename=file.filename,
        media_type=media_type,
        size=len(file.content),
        sha256=digest,
        content=file.content,
    )
    session.add(attachment)
    await session.flush()
    await changes.append(session, "docking.attached", docking_id, actor_id=actor.account_id)
    return show(actor, docking, attachment)


async def search(
    pages: Pages, actor: Actor, docking_id: UUID, query: AttachmentQuery
) -> Page[AttachmentBody]:
    docking = await dockings.get(pages.session, actor, docking_id)
    return await pages.read(
        repository.listed(docking_id),
        query=query,
        columns={"created_at": Attachment.created_at},
        show=partial(show, actor, docking),
    )


async def read(
    session: AsyncSession, actor: Actor, attachment_id: UUID
) -> tuple[Attachment, bytes]:
    """The file, for whoever reads its docking."""
    attachment = await dockings.get_part(session, actor, Attachment, attachment_id)
    content = await repository.content_of(session, attachment_id)
    if content is None:
        raise NotFound(WITHDRAWN)
    return attachment, content


async def withdraw(
    session: AsyncSession, actor: Actor, attachment_id: UUID, reason: str, *, moment: datetime
) -> AttachmentBody:
    """Delete the content and keep that there was one, by the side it comes from or by staff."""
    attachment = await dockings.hold_part(session, actor, Attachment, attachment_id)
    if attachment.withdrawn_at is not None:
        raise Conflict(WITHDRAWN)
    if not may_withdraw(actor, attachment.docking, attachment):
        raise Forbidden()
    attachment.content, attachment.withdrawn_at = None, moment
    attachment.withdrawal_reason = reason
    await session.flush()
    await changes.append(
        session, "docking.attachment_withdrawn", attachment.docking_id, actor_id=actor.account_id
    )
    return show(actor, attachment.docking, attachment)


def show(actor: Actor, docking: Docking, attachment: Attachment) -> AttachmentBody:
    is_there = attachment.withdrawn_at is None
    can_withdraw = is_there and may_withdraw(actor, docking, attachment)
    return AttachmentBody.of(attachment, allowed_actions=["withdraw"] if can_withdraw else [])


def _examined(file: AttachedFile) -> tuple[str, str]:
    """Media type and SHA-256 of a file that may be kept; else PayloadTooLarge or Invalid."""
    if len(file.content) > MOST_BYTES:
        raise PayloadTooLarge(TOO_LARGE)
    media_type = media_type_of(file.content)
    if media_type is None:
        raise invalid_field(
            "/file",
            "unknown_type",
            "只接受 pdf、ofd、docx、xlsx、pptx（无宏）、png、jpg 文件",
            "Should be pdf, ofd, docx, xlsx, pptx (without macros), png or jpg",
        )
    if not has_ending_of(file.filename, media_type):
        raise invalid_field(
            "/file", "wrong_ending", "文件名的后缀与内容不符", "The name ends as another type's"
        )
    return media_type, hashlib.sha256(file.content).hexdigest()
