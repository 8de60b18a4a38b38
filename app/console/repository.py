"""Every SELECT of the staff's desk."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Select,
    String,
    cast,
    exists,
    func,
    literal,
    select,
    text,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.access import managed, regions_of
from app.accounts.models import OPEN_RESET, Account, PasswordReset
from app.achievements.models import Achievement, AchievementState
from app.console.schemas import JobQuery, Level, QueueQuery, TaskKind
from app.database import JsonObject
from app.demands.access import CARRIED_BY, in_staffs_jurisdiction
from app.demands.models import Demand
from app.demands.workflow import UNDER_REVIEW
from app.dockings.models import Docking
from app.dockings.workflow import CLOSED
from app.experts.models import Expert, ExpertState
from app.matches.models import Match, MatchReview, MatchRun, ReviewState
from app.organizations.actors import Actor
from app.organizations.models import (
    Membership,
    MembershipState,
    Organization,
    OrganizationState,
)
from app.reference.models import Region
from app.regions import COUNTRY, RegionColumn, all_in_jurisdiction, in_jurisdiction, prefix_of

CHINA_ZONE = "Asia/Shanghai"
EXPERT_REVIEW = (ExpertState.SUBMITTED, ExpertState.ORGANIZATION_REVIEW, ExpertState.RECOMMENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A record that waits for the staff."""

    kind: TaskKind
    record_id: UUID
    title: str
    state: str
    waiting_since: datetime


async def waiting(
    session: AsyncSession, actor: Actor, query: QueueQuery, after: tuple[datetime, UUID] | None
) -> Sequence[Waiting]:
    """What waits, oldest first, from the one behind `after` on; one more than a page holds."""
    everything = _everything(actor, query.level)
    order = everything.c.waiting_since, everything.c.record_id
    statement = select(everything).order_by(*order)
    if query.kind is not None:
        statement = statement.where(everything.c.kind == query.kind.value)
    if after is not None:
        statement = statement.where(tuple_(*order) > tuple_(*after))
    found = await session.execute(statement.limit(query.limit + 1))
    return [Waiting(**{**row, "kind": TaskKind(row["kind"])}) for row in found.mappings()]


async def counts(session: AsyncSession, actor: Actor, level: Level) -> dict[TaskKind, int]:
    everything = _everything(actor, level)
    statement = select(everything.c.kind, func.count()).group_by(everything.c.kind)
    return {TaskKind(row[0]): row[1] for row in await session.execute(statement)}


def _everything(actor: Actor, level: Level) -> Any:
    """All that waits for staff of the actor's region, as one relation."""
    parts = (
        _organizations(actor, level),
        _memberships(actor, level),
        _password_resets(actor, level),
        _experts(actor, level),
        _achievements(actor, level),
        _demands(actor, level),
        _match_reviews(actor, level),
        _dockings(actor, level),
    )
    return union_all(*parts).subquery()


def _row(kind: TaskKind, record_id: Any, title: Any, state: Any, since: Any) -> Select[Any]:
    return select(
        literal(kind.value).label("kind"),
        record_id.label("record_id"),
        cast(title, String).label("title"),
        cast(state, String).label("state"),
        since.label("waiting_since"),
    )


def _reaches(column: RegionColumn, actor: Actor, level: Level) -> ColumnElement[bool]:
    """Whether a record's region is the actor's, or lies in it."""
    if level == "own":
        return column.in_([actor.jurisdiction or COUNTRY])
    return in_jurisdiction(column, actor.jurisdiction)


def _carries(actor: Actor, level: Level) -> ColumnElement[bool]:
    """Whether a demand waits for the actor's level, or for one below it."""
    if level == "own":
        return CARRIED_BY.in_([actor.jurisdiction or COUNTRY])
    return in_staffs_jurisdiction(actor)


def _organizations(actor: Actor, level: Level) -> Select[Any]:
    o = Organization
    return _row(TaskKind.VERIFY_ORGANIZATION, o.id, o.name, o.state, o.created_at).where(
        o.state == OrganizationState.REGISTERED, _reaches(o.region_code, actor, level)
    )


def _memberships(actor: Actor, level: Level) -> Select[Any]:
    m, o = Membership, Organization
    title = func.concat(Account.display_name, " → ", o.name)
    return (
        _row(TaskKind.DECIDE_MEMBERSHIP, m.id, title, m.state, m.created_at)
        .join(o, m.organization_id == o.id)
        .join(Account, m.account_id == Account.id)
        .where(m.state == MembershipState.REQUESTED, _reaches(o.region_code, actor, level))
    )


def _password_resets(actor: Actor, level: Level) -> Select[Any]:
    r, a = PasswordReset, Account
    statement = (
        _row(
            TaskKind.ISSUE_PASSWORD_RESET, a.id, a.display_name, literal("requested"), r.created_at
        )
        .select_from(r)
        .join(a, r.account_id == a.id)
        .where(OPEN_RESET, managed(actor))
    )
    if level == "all":
        return statement
    regions = regions_of(a.id, a.region_code).label("regions")  # is dear: once an account
    found = statement.add_columns(regions).cte("resets").prefix_with("MATERIALIZED")
    *row, codes = found.c
    return select(*row).where(_is_smallest(actor.jurisdiction, codes))


def _is_smallest(jurisdiction: str | None, codes: ColumnElement[list[str]]) -> ColumnElement[bool]:
    """Whether no smaller region covers all of the codes; what has none is the country's."""
    below = exists().where(
        Region.parent_code == jurisdiction,  # None: the provinces
        func.all_within(codes, prefix_of(Region.code)),
    )
    is_covered = all_in_jurisdiction(codes, jurisdiction)
    return (is_covered if jurisdiction else is_covered | (codes == [])) & ~below


def _experts(actor: Actor, level: Level) -> Select[Any]:
    e = Expert
    return _row(TaskKind.REVIEW_EXPERT, e.id, e.name, e.state, e.updated_at).where(
        e.state.in_(EXPERT_REVIEW), _reaches(e.region_code, actor, level)
    )


def _achievements(actor: Actor, level: Level) -> Select[Any]:
    a = Achievement
    waiting_states = (AchievementState.REGISTERED, AchievementState.REVIEWED)
    return _row(TaskKind.REVIEW_ACHIEVEMENT, a.id, a.name, a.state, a.updated_at).where(
        a.state.in_(waiting_states), _reaches(a.region_code, actor, level)
    )


def _demands(actor: Actor, level: Level) -> Select[Any]:
    d = Demand
    return _row(TaskKind.REVIEW_DEMAND, d.id, d.title, d.state, d.updated_at).where(
        d.state.in_(UNDER_REVIEW), _carries(actor, level)
    )


def _match_reviews(actor: Actor, level: Level) -> Select[Any]:
    r, d = MatchReview, Demand
    return (
        _row(TaskKind.ANSWER_MATCH_REVIEW, r.id, d.title, r.state, r.created_at)
        .join(r.match)
        .join(Match.run)
        .join(MatchRun.demand)
        .where(r.state == ReviewState.REQUESTED, _carries(actor, level))
    )


def _dockings(actor: Actor, level: Level) -> Select[Any]:
    """Whose next step is due, and has been reminded of."""
    d = Docking
    reminded_at = func.timezone(CHINA_ZONE, cast(d.reminded_on, DateTime))
    return (
        _row(TaskKind.CARRY_DOCKING, d.id, Demand.title, d.state, reminded_at)
        .join(d.demand)
        .where(d.reminded_on.is_not(None), d.state.not_in(CLOSED), _carries(actor, level))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as the queue keeps it."""

    id: int
    task: str
    status: str
    attempts: int
    arguments: JsonObject
    scheduled_at: datetime | None


COLUMNS = "id, task_name AS task, status::text, attempts, args AS arguments, scheduled_at"
JOBS = text(
    f"""
    SELECT {COLUMNS} FROM procrastinate_jobs
    WHERE (CAST(:status AS text) IS NULL OR status::text = :status)
      AND (CAST(:before_id AS bigint) IS NULL OR id < :before_id)
    ORDER BY id DESC LIMIT :limit
    """
)
JOB = text(f"SELECT {COLUMNS} FROM procrastinate_jobs WHERE id = :id FOR UPDATE")


async def jobs(session: AsyncSession, query: JobQuery) -> Sequence[Job]:
    """Jobs, latest first."""
    found = await session.execute(JOBS, query.model_dump())
    return [Job(**row) for row in found.mappings()]


async def find_job(session: AsyncSession, job_id: int) -> Job | None:
    """The job, locked."""
    found = (await session.execute(JOB, {"id": job_id})).mappings().one_or_none()
    return None if found is None else Job(**found)
