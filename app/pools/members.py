"""Who is in a special pool: found by its query, added by hand, and not excluded by hand."""

from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.achievements.models import Achievement
from app.clock import now
from app.experts.forgetting import take_out_of_words
from app.experts.models import Expert
from app.interface.errors import Conflict, conflicting_field
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.organizations.actors import Actor
from app.pools import repository
from app.pools.access import allowed_actions
from app.pools.models import PoolMember, SpecialPool
from app.pools.operations import get, hold_editable, tell, wanted_by
from app.pools.repository import Decisions
from app.pools.schemas import (
    MemberDecision,
    MemberOrigin,
    MemberRelease,
    PoolAchievement,
    PoolBody,
    PoolExpert,
    PoolMemberBody,
    PoolMemberQuery,
)
from app.pools.workflow import subject_of
from app.scopes import Scope, borrowed

MOST_DECISIONS = 1_000
TOO_MANY = Text(
    f"一个专题库最多人工增补和排除 {MOST_DECISIONS} 个",
    f"At most {MOST_DECISIONS} are added or excluded by hand",
)
NO_CONSENT = Text(
    "海外专家尚未同意参与匹配推荐，请先登记其同意",
    "No consent of this overseas expert is recorded; record it first",
)
NOT_STANDING = Text(
    "不是在库专家或已公开成果", "Neither an expert in the pool nor a published achievement"
)
WRONG_SUBJECT = Text(
    "项目库收录成果，人才库收录专家", "A pool of projects holds achievements, one of people experts"
)
NOT_DECIDED = Text("未经人工增补或排除", "Neither added nor excluded by hand")


async def search(
    pages: Pages, actor: Actor, pool_id: UUID, query: PoolMemberQuery
) -> Page[PoolMemberBody]:
    """The members, or who is kept out, for whoever reads the pool."""
    pool = await get(pages.session, actor, pool_id)
    decisions = await repository.decisions_on(pages.session, pool.id)
    wanted, show = wanted_by(pool), partial(_show_member, decisions, query.origin)
    if _is_of_experts(pool):
        return await pages.read(
            repository.listed_members(Expert, wanted, decisions, query.origin),
            query=query,
            columns={"created_at": Expert.created_at},
            show=show,
        )
    return await pages.read(
        repository.listed_members(Achievement, wanted, decisions, query.origin),
        query=query,
        columns={"created_at": Achievement.created_at},
        show=show,
    )


async def decide(
    session: AsyncSession, actor: Actor, pool_id: UUID, data: MemberDecision, *, is_excluded: bool
) -> SpecialPool:
    """Add somebody by hand, or exclude them; the latest decision on them stands."""
    verb = "exclude-member" if is_excluded else "add-member"
    await get(session, actor, pool_id)
    is_expert = await _require_standing(session, data.member_id)
    pool = await hold_editable(session, actor, pool_id, verb)
    if is_expert is not _is_of_experts(pool):
        raise _refusal("wrong_subject", WRONG_SUBJECT)
    if is_expert and not is_excluded and not await repository.has_consent(session, data.member_id):
        raise _refusal("no_consent", NO_CONSENT)
    decisions = await repository.decisions_on(session, pool.id)
    made = decisions.get(data.member_id) or _undecided(pool, data.member_id, len(decisions))
    made.is_excluded, made.reason, made.account_id = is_excluded, data.reason, actor.account_id
    session.add(made)
    await _touch(session, actor, pool, "member_excluded" if is_excluded else "member_added")
    return pool


async def release(
    session: AsyncSession, actor: Actor, pool_id: UUID, data: MemberRelease
) -> SpecialPool:
    """Take a decision by hand back: the query alone says whether they are in the pool."""
    pool = await hold_editable(session, actor, pool_id, "release-member")
    decisions = await repository.decisions_on(session, pool.id)
    made = decisions.get(data.member_id)
    if made is None:
        raise _refusal("not_decided", NOT_DECIDED)
    await session.delete(made)
    await _touch(session, actor, pool, "member_released")
    return pool


async def leave(session: AsyncSession, expert: Expert) -> list[UUID]:
    """Take the name of an expert who is about to be erased out of what is said of their pools.

    The decisions on them are deleted with all else. Returns the pools' ids.
    """
    left = await repository.of_expert(session, expert.id)
    for pool in left:
        take_out_of_words(pool, ("name", "description"), expert)
        pool.updated_at = now()
    await session.flush()
    return [pool.id for pool in left]


async def show(session: AsyncSession, actor: Actor, pool: SpecialPool) -> PoolBody:
    """The pool, how many are in it, and how many are left out for want of their consent."""
    asked = (wanted_by(pool), await repository.decisions_on(session, pool.id))
    members, others = await (
        repository.counts(session, Expert, *asked)
        if _is_of_experts(pool)
        else repository.counts(session, Achievement, *asked)
    )
    return PoolBody.of(
        pool,
        member_count=members,
        without_consent_count=others,
        allowed_actions=allowed_actions(actor, pool),
    )


def _is_of_experts(pool: SpecialPool) -> bool:
    return subject_of(pool.kind) == "experts"


async def _require_standing(session: AsyncSession, member_id: UUID) -> bool:
    """Whether it is an expert, who is locked: before the pool, as in erasure.

    Raises Conflict for what is neither an expert in the pool nor a published achievement.
    """
    async with borrowed(session, Scope.JUDGING):
        is_expert = await repository.is_standing(session, Expert, member_id, is_held=True)
    if is_expert:
        return True
    if not await repository.is_standing(session, Achievement, member_id, is_held=False):
        raise _refusal("not_in_pool", NOT_STANDING)
    return False


def _undecided(pool: SpecialPool, member_id: UUID, count: int) -> PoolMember:
    """A row for one more decision; Conflict where there are too many already."""
    if count >= MOST_DECISIONS:
        raise Conflict(TOO_MANY)
    name = "expert_id" if _is_of_experts(pool) else "achievement_id"
    return PoolMember(pool_id=pool.id, **{name: member_id})


async def _touch(session: AsyncSession, actor: Actor, pool: SpecialPool, what: str) -> None:
    """Whoever saw the members before saw another version of the pool."""
    pool.updated_at = now()
    await session.flush()
    await tell(session, actor, pool, what)


def _refusal(code: str, message: Text) -> Conflict:
    return conflicting_field("/member_id", code, message)


def _show_member(
    decisions: Decisions, origin: MemberOrigin | None, subject: Expert | Achievement
) -> PoolMemberBody:
    made = decisions.get(subject.id)
    is_expert = isinstance(subject, Expert)
    return PoolMemberBody(
        origin=origin or (MemberOrigin.ADDED if made else MemberOrigin.FOUND),
        reason=made.reason if made else "",
        decided_by_id=made.account_id if made else None,
        decided_at=made.updated_at if made else None,
        expert=PoolExpert.model_validate(subject) if is_expert else None,
        achievement=None if is_expert else PoolAchievement.model_validate(subject),
    )
