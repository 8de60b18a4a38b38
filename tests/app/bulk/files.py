"""Files for imports, made in memory."""

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import xlsxwriter
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.bulk import operations
from app.bulk.kinds import ImportKind, ImportMode
from app.bulk.operations import Upload
from app.bulk.running import Progress, run_import, silent
from app.bulk.schemas import ImportBody
from app.demands.models import Demand
from app.experts.models import Expert
from app.organizations.actors import SERVICE
from app.organizations.models import Organization
from app.progress.following import follow
from app.progress.models import OperationState
from app.scopes import Scope, Sessions, within

CREDIT_CODE = "91999999DEM000022B"


def expert(number: int = 1, **values: Any) -> dict[str, Any]:
    """A row that is complete enough for the pool."""
    return {
        "external_id": f"E{number}",
        "name": f"林若溪{number}",
        "organization": "某大学",
        "title": "教授",
        "disciplines": ["430"],
        "research_directions": ["锦纶染整"],
        "region_code": "330782",
        "phone": "000-0001",
        "publications": ["针织物、袜类的功能整理", {"title": "染色牢度", "grade": "documented"}],
    } | values


def demand(number: int = 1, **values: Any) -> dict[str, Any]:
    return {
        "external_id": f"D{number}",
        "organization": "义乌某针织厂",
        "unified_social_credit_code": CREDIT_CODE,
        "title": f"浅色黄变控制{number}",
        "problem": "浅色锦氨织物黄变",
        "key_indicators": "黄变等级由 3 级到 4 级",
        "expected_outcome": "给出工艺",
        "keywords": ["锦纶", "黄变"],
        "period_until_on": "2027-12-31",
        "budget": "50",
        "cooperation_mode": "cooperative",
        "technology_field": "new_materials",
        "industry_code": "17",
        "region_code": "330782",
        "contact_name": "傅",
        "contact_phone": "000-0002",
    } | values


def organization(number: int = 1, **values: Any) -> dict[str, Any]:
    return {"name": f"义乌某厂{number}", "kind": "enterprise", "region_code": "330782"} | values


def json_lines(*rows: dict[str, Any]) -> bytes:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def csv_file(*rows: Sequence[object], encoding: str = "utf-8-sig", errors: str = "strict") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode(encoding, errors)


def workbook(*rows: Sequence[Any], first_row: int = 0) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        book.set_properties({"created": datetime(2026, 1, 1, tzinfo=UTC)})  # the same bytes always
        sheet = book.add_worksheet()
        for number, row in enumerate(rows, start=first_row):
            sheet.write_row(number, 0, row)
    return content.getvalue()


def with_part(content: bytes, name: str, data: bytes) -> bytes:
    """The workbook with one part of its archive replaced."""
    copy = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as archive,
        zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for part in archive.infolist():
            target.writestr(part.filename, data if part.filename == name else archive.read(part))
    return copy.getvalue()


async def run(sessions: Sessions, import_id: UUID, tell: Progress = silent) -> None:
    """The import's work, followed as a worker's job is."""
    await follow(sessions, import_id, partial(run_import, sessions, import_id, tell))


async def imported(
    sessions: Sessions, kind: str, content: bytes, *, filename: str = "a.jsonl", **options: Any
) -> ImportBody:
    """The import of a file by the service itself, run to its end."""
    upload = Upload(kind=ImportKind(kind), filename=filename, content=content, **options)
    return await operations.import_file(sessions, upload)


def counts(body: ImportBody) -> tuple[int, int, int, int]:
    """created, updated, unchanged, refused"""
    return body.created_count, body.updated_count, body.unchanged_count, body.rejected_count


def codes(body: ImportBody) -> list[tuple[int | None, str, str]]:
    """Row, field and code of each entry, but for employers that are unknown, as most here are."""
    entries = [(entry.row, entry.field, entry.code) for entry in body.report]
    return [entry for entry in entries if entry[2] != "organization_unknown"]


async def count_of(session: AsyncSession, table: type[Expert | Organization | Demand]) -> int:
    return await session.scalar(select(func.count()).select_from(table)) or 0


async def run_as(sessions: Sessions, account_id: UUID, content: bytes) -> OperationState:
    """The state in which an account's partial import of experts ends."""
    upload = Upload(
        kind=ImportKind.EXPERTS, filename="a.jsonl", content=content, mode=ImportMode.PARTIAL
    )
    async with within(sessions, Scope.SERVICE).begin() as session:
        import_ = await operations.start(session, SERVICE, upload)
        import_.account_id = account_id
    await run(sessions, import_.id)
    async with within(sessions, Scope.SERVICE)() as session:
        body = await operations.get(session, SERVICE, import_.id)
    return body.state
