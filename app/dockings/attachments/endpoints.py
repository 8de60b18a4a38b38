"""HTTP for attachments."""

from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import Depends, File, Query, Response, UploadFile, status

from app.clock import MomentDep
from app.database import SessionDep
from app.dockings.attachments import operations
from app.dockings.attachments.schemas import AttachedFile, AttachmentBody, AttachmentQuery
from app.interface.auditing import sensitive
from app.interface.pagination import Page, PagesDep
from app.interface.routing import DomainRouter
from app.interface.schemas import Reason
from app.organizations.actors import CurrentActor

router = DomainRouter("dockings")


async def get_file(
    file: Annotated[
        UploadFile, File(description="pdf, ofd, docx, xlsx, pptx, png, jpg; 10 MB at most")
    ],
) -> AttachedFile:
    """A name is shown to people and never used as a path."""
    name = "".join(c for c in file.filename or "" if c.isprintable() and c not in "/\\")[-200:]
    return AttachedFile(filename=name, content=await file.read())


FileDep = Annotated[AttachedFile, Depends(get_file)]


@router.post("/dockings/{docking_id:uuid}/attachments", status_code=status.HTTP_201_CREATED)
async def attach_file(
    session: SessionDep, actor: CurrentActor, docking_id: UUID, file: FileDep
) -> AttachmentBody:
    """上传附件 · Agreements, minutes, photographs; what it is is told from its content."""
    return await operations.attach(session, actor, docking_id, file)


@router.get("/dockings/{docking_id:uuid}/attachments")
async def list_attachments(
    pages: PagesDep,
    actor: CurrentActor,
    docking_id: UUID,
    query: Annotated[AttachmentQuery, Query()],
) -> Page[AttachmentBody]:
    """附件列表 · What was handed in, withdrawn ones too, without their content."""
    return await operations.search(pages, actor, docking_id, query)


@router.get(
    "/attachments/{attachment_id:uuid}/content",
    response_class=Response,
    responses={
        200: {
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            }
        }
    },
)
@sensitive()
async def download_attachment(
    session: SessionDep, actor: CurrentActor, attachment_id: UUID
) -> Response:
    """下载附件 · The file as it came, to be saved and not shown; every reading is recorded."""
    attachment, content = await operations.read(session, actor, attachment_id)
    name = quote(attachment.filename)
    return Response(
        content,
        media_type=attachment.media_type,
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
            "X-Content-Type-Options": "nosniff",
        },
    )


@router.post("/attachments/{attachment_id:uuid}:withdraw")
async def withdraw_attachment(
    session: SessionDep, actor: CurrentActor, moment: MomentDep, attachment_id: UUID, data: Reason
) -> AttachmentBody:
    """撤回附件 · Its content is deleted; that there was one, and why it went, stays."""
    return await operations.withdraw(session, actor, attachment_id, data.reason, moment=moment)
