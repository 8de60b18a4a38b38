"""HTTP for imports."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, File, Form, Query, Response, UploadFile, status

from app.bulk import operations
from app.bulk.kinds import ImportKind, ImportMode
from app.bulk.operations import Upload
from app.bulk.schemas import ColumnBody, ImportBody, ImportQuery, ImportSummary
from app.bulk.sheets.columns import columns, template
from app.database import SessionDep
from app.interface.admission import limited
from app.interface.auditing import sensitive
from app.interface.pagination import Page, PagesDep
from app.interface.policies import RateClass
from app.interface.routing import DomainRouter
from app.organizations.actors import StaffActor
from app.progress.accepting import AcceptedDep
from app.progress.schemas import OperationBody

router = DomainRouter("bulk")


async def get_upload(
    file: Annotated[UploadFile, File(description=".xlsx, .csv (UTF-8, GB 18030), .jsonl")],
    kind: Annotated[ImportKind, Form()],
    mode: Annotated[ImportMode, Form()] = ImportMode.ALL_OR_NOTHING,
    admit: Annotated[bool, Form(description="入库/公开 · complete rows into the pool")] = False,
    overwrite: Annotated[bool, Form(description="覆盖 · replace what was edited since")] = False,
) -> Upload:
    """The form's fields; a name of a file is shown to people and never used as a path."""
    name = "".join(c for c in file.filename or "" if c.isprintable())[-300:]
    return Upload(
        kind=kind,
        filename=name,
        content=await file.read(),
        mode=mode,
        is_admitting=admit,
        is_overwriting=overwrite,
    )


UploadDep = Annotated[Upload, Depends(get_upload)]


@router.post("/imports", status_code=status.HTTP_202_ACCEPTED)
@limited(RateClass.EXPENSIVE)
async def create_import(
    session: SessionDep, actor: StaffActor, upload: UploadDep, accepted: AcceptedDep
) -> OperationBody:
    """导入文件 · Staff hand in a file of their region; a job runs it, `Location` tells how far.

    The import at `result_path` has the report; it bears the id of its operation.
    """
    return accepted.show(await operations.receive(session, actor, upload))


@router.get("/import-columns")
async def list_import_columns(
    actor: StaffActor, kind: Annotated[ImportKind, Query()]
) -> list[ColumnBody]:
    """导入列说明 · The columns that a file of a kind may have, and what their cells may say."""
    return columns(kind)


@router.get(
    "/import-templates",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def download_import_template(
    actor: StaffActor, kind: Annotated[ImportKind, Query()]
) -> Response:
    """导入模板 · A CSV file to fill in: the headings of a kind, required ones with a star."""
    return Response(
        template(kind),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{kind}.csv"'},
    )


@router.get("/imports")
async def list_imports(
    pages: PagesDep, actor: StaffActor, query: Annotated[ImportQuery, Query()]
) -> Page[ImportSummary]:
    """导入列表 · One's own imports; administrators see all."""
    return await operations.search(pages, actor, query)


@router.get("/imports/{import_id:uuid}")
@sensitive()
async def read_import(session: SessionDep, actor: StaffActor, import_id: UUID) -> ImportBody:
    """导入详情 · How far it is, the counts, and the rows that need attention."""
    return await operations.get(session, actor, import_id)


@router.get(
    "/imports/{import_id:uuid}/rejected-rows",
    name="download_rejected_rows",  # path and name are from when it held nothing else
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
@sensitive()
@limited(RateClass.EXPENSIVE)
async def download_import_report(
    session: SessionDep, actor: StaffActor, import_id: UUID
) -> Response:
    """导入报告 · The report as a CSV file: rows refused, rows that lack something, and notes."""
    return Response(
        await operations.report_file(session, actor, import_id),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="import-{import_id}.csv"'},
    )
