"""No decision is only a machine's: candidates see why they rank, and may have a person look.

(个人信息保护法 art. 24: on request the decision is explained, and may be refused as automatic.)
"""

from collections.abc import Sequence, Set
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.demands.schemas import PublicDemand
from app.experts import operations as experts
from app.experts.access import is_own
from app.interface.errors import Conflict, Forbidden, NotFound
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.interface.preconditions import admitted
from app.matches import own_reasons, presentation, repository
from app.matches.access import (
    is_candidate,
    may_answer_review,
    may_read_review,
    may_request_review,
    parties_of,
    readable_reviews,
)
from app.matches.models import Match, MatchReview, ReviewState
from app.matches.own_reasons import OwnDocument
from app.matches.schemas import (
    OwnMatch,
    OwnMatchQuery,
    ReviewAnswer,
    ReviewBody,
    ReviewQuery,
    ReviewRequest,
)
from app.matches.workflow import REVIEW_TRANSITIONS, settle_review
from app.organizations.actors import Actor
from app.scopes import Scope, borrowed
from app.transitions import next_state, possible_verbs

NO_REVIEW = Text(
    "需求公开期间才能申请复核，且须等上一次复核答复",
    "A review is asked for while the demand is published, and once the one before is answered",
)


async def list_own_matches(
    pages: Pages, actor: Actor, expert_id: UUID, query: OwnMatchQuery
) -> Page[OwnMatch]:
    """Where an expert stood for demands that are published, for the expert alone."""
    expert = await experts.get(pages.session, actor, expert_id)
    if not is_own(actor, expert):
        raise Forbidden()
    async with borrowed(pages.session, Scope.INDEX):  # the expert reads no verdict but this
        standing = await repository.recommending_demands(pages.session, expert_id)
    return await pages.read(
        repository.listed_of_expert(expert_id),
        query=query,
        columns={"created_at": Match.created_at},
        show=partial(_show_own, actor, own_reasons.own_documents(expert), standing),
    )


async def request(
    session: AsyncSession, actor: Actor, match_id: UUID, data: ReviewRequest
) -> ReviewBody:
    """Ask the staff of the demand's region to look at a match, once at a time."""
    match = admitted(
        session,
        await repository.find_match(session, match_id, is_for_update=True),
        may_read=partial(parties_of, actor),
        may_touch=partial(is_candidate, actor),
    )
    if not may_request_review(actor, match):
        raise Conflict(NO_REVIEW)
    review = MatchReview(
        match_id=match.id,
        match=match,
        state=ReviewState.REQUESTED,
        reason=data.reason,
        answer="",
        requested_by_id=actor.account_id,
    )
    session.add(review)
    await changes.append(session, "match_review.requested", review.id, actor_id=actor.account_id)
    return _show(actor, review)


async def get(session: AsyncSession, actor: Actor, review_id: UUID) -> ReviewBody:
    review = await repository.find_review(session, review_id)
    if review is None or not may_read_review(actor, review.match):
        raise NotFound()
    return _show(actor, review)


async def search(pages: Pages, actor: Actor, query: ReviewQuery) -> Page[ReviewBody]:
    """One's own, and for staff those about demands of their region."""
    return await pages.read(
        repository.listed_reviews(query, readable_reviews(actor)),
        query=query,
        columns={"created_at": MatchReview.created_at},
        show=lambda review: _show(actor, review),
    )


async def answer(
    session: AsyncSession, actor: Actor, review_id: UUID, data: ReviewAnswer
) -> ReviewBody:
    """A person of the demand's region says what they found."""
    review = admitted(
        session,
        await repository.find_review(session, review_id, is_for_update=True),
        may_read=lambda found: may_read_review(actor, found.match),
        may_touch=lambda found: may_answer_review(actor, found.match),
    )
    parties = parties_of(actor, review.match)
    target = next_state(REVIEW_TRANSITIONS, "answer", review.state, parties)
    settle_review(review, target)
    review.answer, review.answered_by_id = data.answer, actor.account_id
    await changes.append(session, f"match_review.{target}", review.id, actor_id=actor.account_id)
    return _show(actor, review)


def _show(actor: Actor, review: MatchReview) -> ReviewBody:
    parties = parties_of(actor, review.match)
    return ReviewBody.of(
        review,
        demand_id=review.match.run.demand_id,
        expert_id=review.match.expert_id,
        allowed_actions=possible_verbs(REVIEW_TRANSITIONS, review.state, parties),
    )


def _show_own(
    actor: Actor, documents: Sequence[OwnDocument], standing: Set[UUID], match: Match
) -> OwnMatch:
    reasons = presentation.stored_reasons(match)
    return OwnMatch(
        **own_reasons.for_candidate(reasons, match.run.demand, documents),
        id=match.id,
        created_at=match.created_at,
        demand=PublicDemand.of(match.run.demand, allowed_actions=[]),
        is_recommended=match.run.demand_id in standing,
        allowed_actions=["request-review"] if may_request_review(actor, match) else [],
    )
