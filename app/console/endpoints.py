"""HTTP for the staff's desk."""

from typing import Annotated

from fastapi import Path, Query, status

from app.console import operations
from app.console.schemas import JobBody, JobQuery, Queue, QueueQuery
from app.database import SessionDep
from app.interface.auditing import sensitive
from app.interface.pagination import PagesDep
from app.interface.routing import DomainRouter
from app.organizations.actors import AdministratorActor, StaffActor
from app.progress.accepting import AcceptedDep
from app.progress.schemas import OperationBody

router = DomainRouter("console")

JobId = Annotated[int, Path(ge=1, le=2**62)]


@router.get("/queue")
@sensitive()
async def read_queue(
    pages: PagesDep, actor: StaffActor, query: Annotated[QueueQuery, Query()]
) -> Queue:
    """待办 · What waits for the staff of this region, oldest first; `next_cursor` leads on.

    Titles name experts and applicants, so every reading is recorded, also by whoever asks again
    and again.
    """
    return await operations.read_queue(pages.session, pages.cursors, actor, query)


@router.get("/jobs")
async def list_jobs(
    session: SessionDep, actor: AdministratorActor, query: Annotated[JobQuery, Query()]
) -> list[JobBody]:
    """后台任务 · Jobs, latest first; failed ones may be retried."""
    return await operations.list_jobs(session, query)


@router.post("/jobs/{job_id}:retry", status_code=status.HTTP_202_ACCEPTED)
async def retry_job(
    session: SessionDep, actor: AdministratorActor, accepted: AcceptedDep, job_id: JobId
) -> OperationBody:
    """重试任务 · Run a failed job again as a new one, which is an operation."""
    return accepted.show(await operations.retry_job(session, actor, job_id))
