"""Every SELECT on notices, on whom they are for and on what they say."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Row, Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.accounts.models import MEMBERS, STAFF, Account, Role
from app.changes.models import Change
from app.demands.access import CARRIED_BY
from app.demands.models import Demand
from app.dockings.models import Docking
from app.experts.models import Expert
from app.matches.models import Match, MatchReview, MatchRun
from app.notices.access import readable_title
from app.notices.models import Notice
from app.notices.news import Concerned
from app.notices.schemas import NoticeQuery
from app.organizations.actors import Actor
from app.organizations.models import Membership, MembershipState
from app.problems import access as problem_access
from app.problems.models import CommonProblem
from app.questions import access as question_access
from app.questions.models import Consultation, Question

WRITTEN_AT_ONCE = 1_000
Rows = Select[*tuple[Any, ...]]

# What a demand tells of whom it concerns.
OF_DEMAND = (
    Demand.organization_id,
    CARRIED_BY.label("region_code"),
    Demand.id.label("titled_id"),
)


def _of_demands(ids: Collection[UUID]) -> Rows:
    return select(Demand.id, *OF_DEMAND).where(Demand.id.in_(ids))


def _of_dockings(ids: Collection[UUID]) -> Rows:
    """The expert is one whom it concerns from the first invitation on."""
    is_invited = Docking.invited_at.is_not(None)
    return (
        select(Docking.id, Expert.account_id, *OF_DEMAND)
        .join(Demand, Docking.demand_id == Demand.id)
        .outerjoin(Expert, (Docking.expert_id == Expert.id) & is_invited)
        .where(Docking.id.in_(ids))
    )


def _of_matches(ids: Collection[UUID]) -> Rows:
    return _matched(Match.id).where(Match.id.in_(ids))


def _of_reviews(ids: Collection[UUID]) -> Rows:
    reviewed = _matched(MatchReview.id).join(MatchReview, MatchReview.match_id == Match.id)
    return reviewed.where(MatchReview.id.in_(ids))


def _matched(record_id: InstrumentedAttribute[UUID]) -> Rows:
    """A match's candidate and demand, with the id of what is told of it."""
    return (
        select(record_id, Expert.account_id, *OF_DEMAND)
        .select_from(Match)
        .join(MatchRun, Match.run_id == MatchRun.id)
        .join(Demand, MatchRun.demand_id == Demand.id)
        .join(Expert, Match.expert_id == Expert.id)
    )


def _of_experts(ids: Collection[UUID]) -> Rows:
    return select(Expert.id, Expert.account_id).where(Expert.id.in_(ids))


def _of_problems(ids: Collection[UUID]) -> Rows:
    titled = CommonProblem.id.label("titled_id")
    statement = select(CommonProblem.id, CommonProblem.organization_ids, titled)
    return statement.where(CommonProblem.id.in_(ids))


def _of_questions(ids: Collection[UUID]) -> Rows:
    asking = Question.commissioning_organization_id.label("organization_id")
    titled = Question.id.label("titled_id")
    is_here = Question.commissioning_organization_id.is_not(None)
    return select(Question.id, asking, titled).where(Question.id.in_(ids), is_here)


def _of_consultations(ids: Collection[UUID]) -> Rows:
    titled = Question.id.label("titled_id")
    return (
        select(Consultation.id, Expert.account_id, Question.region_code, titled)
        .join(Consultation.question)
        .join(Consultation.expert)
        .where(Consultation.id.in_(ids))
    )


CONCERNED: Mapping[str, Callable[[Collection[UUID]], Rows]] = {
    "demand": _of_demands,
    "docking": _of_dockings,
    "match": _of_matches,
    "match_review": _of_reviews,
    "expert": _of_experts,
    "common_problem": _of_problems,
    "question": _of_questions,
    "consultation": _of_consultations,
}


async def changes_of(session: AsyncSession, ids: Collection[int]) -> Sequence[Change]:
    """The changes, oldest first."""
    return (
        await session.scalars(select(Change).where(Change.id.in_(ids)).order_by(Change.id))
    ).all()


async def concerned(
    session: AsyncSession, record: str, ids: Collection[UUID]
) -> Mapping[UUID, Concerned]:
    """Whom the records of one kind concern now; what is gone concerns nobody."""
    found = await session.execute(CONCERNED[record](ids))
    return {row.id: _concerned(row) for row in found}


def _concerned(row: Row[Any]) -> Concerned:
    told = row._mapping
    own = [told["organization_id"]] if "organization_id" in told else []
    return Concerned(
        expert_account_id=told.get("account_id"),
        organization_ids=frozenset(told.get("organization_ids", own)),
        region_code=told.get("region_code"),
        titled_id=told.get("titled_id"),
    )


async def members_of(
    session: AsyncSession, organization_ids: Collection[UUID]
) -> Mapping[UUID, Sequence[UUID]]:
    """The accounts that act for each of the organizations."""
    statement = (
        select(Membership.organization_id, Membership.account_id)
        .join(Membership.account)
        .where(
            Membership.organization_id.in_(organization_ids),
            Membership.state == MembershipState.APPROVED,
            Account.role.in_(MEMBERS),
        )
    )
    return _grouped(await session.execute(statement))


async def staff_of(
    session: AsyncSession, region_codes: Collection[str]
) -> Mapping[str, Sequence[UUID]]:
    """The staff whose region is one of these, by region; those below and above left out."""
    statement = select(Account.region_code, Account.id).where(
        Account.region_code.in_(region_codes), Account.role.in_(STAFF), Account.is_active
    )
    return _grouped(await session.execute(statement))


def _grouped(rows: Any) -> dict[Any, list[UUID]]:
    found: dict[Any, list[UUID]] = defaultdict(list)
    for key, account_id in rows:
        found[key].append(account_id)
    return found


async def coordinators(session: AsyncSession) -> Sequence[UUID]:
    """The accounts of all coordinators."""
    is_one = (Account.role.in_([Role.COORDINATOR]), Account.is_active)
    return (await session.scalars(select(Account.id).where(*is_one).order_by(Account.id))).all()


async def hold_open(session: AsyncSession, account_ids: Collection[UUID]) -> set[UUID]:
    """Those of the accounts that are open; whoever erases one waits for this transaction."""
    statement = select(Account.id).where(Account.id.in_(account_ids), Account.is_active)
    held = statement.order_by(Account.id).with_for_update(read=True, key_share=True)
    return set(await session.scalars(held))


async def write(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Add notices; of one that is there already nothing changes."""
    for start in range(0, len(rows), WRITTEN_AT_ONCE):
        statement = insert(Notice).values(rows[start : start + WRITTEN_AT_ONCE])
        await session.execute(
            statement.on_conflict_do_nothing(index_elements=["account_id", "change_id"])
        )


def listed(account_id: UUID, query: NoticeQuery) -> Select[Notice]:
    statement = select(Notice).where(Notice.account_id == account_id)
    if query.is_read is not None:
        is_read = Notice.read_at.is_not(None)
        statement = statement.where(is_read if query.is_read else ~is_read)
    return statement


async def find(session: AsyncSession, account_id: UUID, notice_id: UUID) -> Notice | None:
    """The account's own notice, locked."""
    own = select(Notice).where(Notice.id == notice_id, Notice.account_id == account_id)
    return await session.scalar(own.with_for_update())


async def read_all(session: AsyncSession, account_id: UUID, moment: datetime) -> int:
    """Note that the account has read all that it was told; how many that were."""
    statement = (
        update(Notice)
        .where(Notice.account_id == account_id, Notice.read_at.is_(None))
        .values(read_at=moment, version=Notice.version + 1)
        .returning(Notice.id)
        .execution_options(synchronize_session=False)
    )
    return len((await session.scalars(statement)).all())


async def latest_number(session: AsyncSession, account_id: UUID) -> int:
    statement = select(func.max(Notice.number)).where(Notice.account_id == account_id)
    return await session.scalar(statement) or 0


async def after(
    session: AsyncSession, account_id: UUID, number: int, limit: int
) -> Sequence[Notice]:
    """What the account was told after that notice, in the order in which it was."""
    statement = select(Notice).where(Notice.account_id == account_id, Notice.number > number)
    return (await session.scalars(statement.order_by(Notice.number).limit(limit))).all()


async def titles(session: AsyncSession, actor: Actor, ids: Collection[UUID]) -> dict[UUID, str]:
    """Titles of demands, common problems and questions, as far as the actor may know of them."""
    demands = select(Demand.id, Demand.title).where(Demand.id.in_(ids), readable_title(actor))
    problems = select(CommonProblem.id, CommonProblem.title).where(
        CommonProblem.id.in_(ids), problem_access.readable(actor)
    )
    questions = select(Question.id, Question.topic.label("title")).where(
        Question.id.in_(ids), question_access.readable(actor)
    )
    found = await session.execute(demands.union_all(problems, questions))
    return {row.id: row.title for row in found}


async def begin_digests(session: AsyncSession, since: datetime) -> None:
    """Put what waits for an e-mail into one digest for each account that wants them."""
    waiting = (
        select(Notice.account_id)
        .join(Account, Notice.account_id == Account.id)
        .where(*_waits_for_mail(since), Notice.digest_id.is_(None))
    )
    for account_id in (await session.scalars(waiting.distinct())).all():
        statement = update(Notice).where(
            *_is_unmailed(since), Notice.account_id == account_id, Notice.digest_id.is_(None)
        )
        digest = statement.values(digest_id=uuid4())
        await session.execute(digest.execution_options(synchronize_session=False))


def _is_unmailed(since: datetime) -> list[ColumnElement[bool]]:
    return [Notice.created_at >= since, Notice.mailed_at.is_(None), Notice.read_at.is_(None)]


def _waits_for_mail(since: datetime) -> list[ColumnElement[bool]]:
    return [*_is_unmailed(since), Account.has_notice_mail.is_(True), Account.is_active.is_(True)]


async def waiting_digests(session: AsyncSession, since: datetime) -> Sequence[tuple[UUID, UUID]]:
    """The digests that were not sent, with whose they are, the oldest first."""
    statement = (
        select(Notice.digest_id, Notice.account_id)
        .join(Account, Notice.account_id == Account.id)
        .where(*_waits_for_mail(since), Notice.digest_id.is_not(None))
        .group_by(Notice.digest_id, Notice.account_id)
        .order_by(func.min(Notice.number))
    )
    found = await session.execute(statement)
    return [(digest_id, account_id) for digest_id, account_id in found if digest_id is not None]


async def of_digest(session: AsyncSession, digest_id: UUID) -> Sequence[Notice]:
    statement = select(Notice).where(Notice.digest_id == digest_id).order_by(Notice.number)
    return (await session.scalars(statement)).all()


async def note_mailed(session: AsyncSession, digest_id: UUID, moment: datetime) -> None:
    statement = update(Notice).where(Notice.digest_id == digest_id).values(mailed_at=moment)
    await session.execute(statement.execution_options(synchronize_session=False))
