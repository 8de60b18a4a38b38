"""Notices: written by a job from the changes, read by whom they are for."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.changes.followers import next_changes
from app.changes.models import Change
from app.interface.errors import NotFound
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.notices import repository
from app.notices.models import Notice
from app.notices.news import (
    NEWS,
    RECORDS,
    Concerned,
    People,
    levels_from,
    recipients,
    record_of,
    said,
)
from app.notices.schemas import NoticeBody, NoticeQuery, NoticesRead
from app.organizations.actors import Actor

FOLLOWER = "notices"
PATHS = {
    "demand": "demands/{subject_id}",
    "match": "demands/{titled_id}/recommendations",
    "match_review": "match-reviews/{subject_id}",
    "docking": "dockings/{subject_id}",
    "common_problem": "common-problems/{subject_id}",
    "question": "questions/{subject_id}",
    "consultation": "questions/{titled_id}",
    "expert": "experts/{subject_id}",
    "match_digest": "match-digest",
    "webhook": "webhooks/{subject_id}",
}
OWNER_ID = "owner_id"  # in the data of a change whose record no domain before this one knows


async def tell(session: AsyncSession) -> None:
    """Write notices of what has happened since the last time, for all whom it concerns."""
    read = await next_changes(session, FOLLOWER, records=RECORDS)
    ids = [row.id for row in read if row.kind in NEWS]
    if not ids:
        return
    changes = await repository.changes_of(session, ids)
    concerned = await _concerned(session, changes)
    people = await _people(session, concerned.values())
    told = [
        (change, concerned[change.subject_id], account_id)
        for change in changes
        if change.subject_id in concerned
        for account_id in sorted(
            recipients(NEWS[change.kind], concerned[change.subject_id], people, change.actor_id)
        )
    ]
    open_ids = await repository.hold_open(session, {account_id for _, _, account_id in told})
    rows = [_row(*item) for item in told if item[2] in open_ids]
    await repository.write(session, rows)


async def _concerned(session: AsyncSession, changes: Sequence[Change]) -> dict[UUID, Concerned]:
    by_record: dict[str, set[UUID]] = defaultdict(set)
    found: dict[UUID, Concerned] = {}
    for change in changes:
        if OWNER_ID in change.data:
            found[change.subject_id] = Concerned(owner_id=UUID(change.data[OWNER_ID]))
        elif (record := record_of(change.kind)) in repository.CONCERNED:
            by_record[record].add(change.subject_id)
    for record, ids in by_record.items():
        found |= await repository.concerned(session, record, ids)
    return found


async def _people(session: AsyncSession, concerned: Any) -> People:
    organizations = {o for one in concerned for o in one.organization_ids}
    regions = {code for one in concerned for code in levels_from(one.region_code)}
    return People(
        members=await repository.members_of(session, organizations),
        staff=await repository.staff_of(session, regions),
    )


def _row(change: Change, concerned: Concerned, account_id: UUID) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "version": 1,
        "account_id": account_id,
        "change_id": change.id,
        "kind": change.kind,
        "subject_id": change.subject_id,
        "titled_id": concerned.titled_id,
        "happened_at": change.happened_at,
    }


async def search(pages: Pages, actor: Actor, query: NoticeQuery, language: str) -> Page[NoticeBody]:
    """One's own."""
    assert actor.account_id is not None
    page: Page[Notice] = await pages.read(
        repository.listed(actor.account_id, query),
        query=query,
        columns={"created_at": Notice.created_at},
        show=lambda notice: notice,
    )
    items = await show_all(pages.session, actor, page.items, language)
    return Page(items=items, next_cursor=page.next_cursor, total=page.total)


async def read(
    session: AsyncSession, actor: Actor, notice_id: UUID, language: str, moment: datetime
) -> NoticeBody:
    """Note that the actor has read it; to read it again changes nothing."""
    assert actor.account_id is not None
    notice = await repository.find(session, actor.account_id, notice_id)
    if notice is None:
        raise NotFound()
    if notice.read_at is None:
        notice.read_at = moment
        await session.flush()
    [shown] = await show_all(session, actor, [notice], language)
    return shown


async def read_all(session: AsyncSession, actor: Actor, moment: datetime) -> NoticesRead:
    assert actor.account_id is not None
    return NoticesRead(count=await repository.read_all(session, actor.account_id, moment))


async def show_all(
    session: AsyncSession, actor: Actor, notices: Sequence[Notice], language: str
) -> list[NoticeBody]:
    """The notices as the actor, whose they are, may see them now."""
    texts = await texts_of(session, actor, notices)
    return [
        NoticeBody.of(n, text=texts[n.id].in_language(language), path=_path(n)) for n in notices
    ]


async def texts_of(
    session: AsyncSession, actor: Actor, notices: Sequence[Notice]
) -> Mapping[UUID, Text]:
    titled = {notice.titled_id for notice in notices if notice.titled_id is not None}
    titles = await repository.titles(session, actor, titled) if titled else {}
    return {n.id: said(n.kind, titles.get(n.titled_id or n.id)) for n in notices}


def _path(notice: Notice) -> str:
    path = PATHS[record_of(notice.kind)]
    return "/api/v1/" + path.format(subject_id=notice.subject_id, titled_id=notice.titled_id)
