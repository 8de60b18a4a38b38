"""Every SELECT on webhooks, on what waits for them, and on what they are sent."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager

from app import queries
from app.achievements import access as achievement_access
from app.achievements.models import Achievement
from app.changes.models import Change
from app.demands import access as demand_access
from app.demands.models import Demand
from app.dockings import access as docking_access
from app.dockings.models import Docking
from app.experts import access as expert_access
from app.experts.models import Expert
from app.matches import access as match_access
from app.matches.models import Match, MatchReview, MatchRun
from app.organizations.actors import Actor
from app.problems import access as problem_access
from app.problems.models import CommonProblem
from app.webhooks.models import DeliveryState, Webhook, WebhookDelivery
from app.webhooks.schemas import DeliveryQuery

WRITTEN_AT_ONCE = 1_000
Rows = Select[*tuple[Any, ...]]


def listed(account_id: UUID) -> Select[Webhook]:
    return select(Webhook).where(Webhook.account_id == account_id)


async def count(session: AsyncSession, account_id: UUID) -> int:
    counting = select(func.count(Webhook.id)).where(Webhook.account_id == account_id)
    return await session.scalar(counting) or 0


async def find(
    session: AsyncSession, account_id: UUID, webhook_id: UUID, *, is_for_update: bool = False
) -> Webhook | None:
    """The account's own webhook; see `queries.find_one`."""
    statement = listed(account_id).where(Webhook.id == webhook_id)
    return await queries.find_one(session, statement, Webhook, is_for_update=is_for_update)


async def enabled(session: AsyncSession) -> Sequence[Webhook]:
    """Everybody's, those of one account together."""
    statement = select(Webhook).where(Webhook.is_enabled).order_by(Webhook.account_id, Webhook.id)
    return (await session.scalars(statement)).all()


def _deliveries() -> Select[WebhookDelivery]:
    return (
        select(WebhookDelivery)
        .join(WebhookDelivery.webhook)
        .options(contains_eager(WebhookDelivery.webhook))
    )


def listed_deliveries(webhook_id: UUID, query: DeliveryQuery) -> Select[WebhookDelivery]:
    statement = _deliveries().where(WebhookDelivery.webhook_id == webhook_id)
    return statement.where(*queries.equals(WebhookDelivery, query, ("state",)))


async def find_delivery(
    session: AsyncSession, account_id: UUID, delivery_id: UUID
) -> WebhookDelivery | None:
    """A delivery to one of the account's own webhooks, locked."""
    own = _deliveries().where(WebhookDelivery.id == delivery_id, Webhook.account_id == account_id)
    return await session.scalar(own.with_for_update(of=WebhookDelivery))


async def delivery(
    session: AsyncSession, delivery_id: UUID, *, is_for_update: bool = False
) -> WebhookDelivery | None:
    """Anybody's, with its webhook; for update both locked, the webhook first.

    Whoever deletes a webhook locks it before its deliveries.
    """
    statement = _deliveries().where(WebhookDelivery.id == delivery_id)
    if is_for_update:
        webhook_id = select(WebhookDelivery.webhook_id).where(WebhookDelivery.id == delivery_id)
        webhook = select(Webhook.id).where(Webhook.id == webhook_id.scalar_subquery())
        await session.execute(webhook.with_for_update())
        statement = statement.with_for_update(of=WebhookDelivery)
    return await session.scalar(statement)


async def happened(session: AsyncSession, ids: Collection[int]) -> Mapping[int, datetime]:
    """When each of the changes was."""
    found = await session.execute(select(Change.id, Change.happened_at).where(Change.id.in_(ids)))
    return {row.id: row.happened_at for row in found}


async def add_deliveries(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """What is there already stays as it is."""
    for start in range(0, len(rows), WRITTEN_AT_ONCE):
        statement = insert(WebhookDelivery).values(rows[start : start + WRITTEN_AT_ONCE])
        once = statement.on_conflict_do_nothing(index_elements=["webhook_id", "change_id"])
        await session.execute(once)


def _due(moment: datetime) -> list[ColumnElement[bool]]:
    is_waiting = WebhookDelivery.state == DeliveryState.WAITING
    return [is_waiting, WebhookDelivery.next_attempt_at <= moment, Webhook.is_enabled.is_(True)]


async def due(
    session: AsyncSession, moment: datetime, *, but: Collection[UUID], limit: int
) -> Mapping[UUID, UUID]:
    """By webhook the delivery that has been due the longest; those of some webhooks left out.

    Those that fail let the others go first, or a few that hang would hold back all with what waits
    for them.
    """
    delivery = WebhookDelivery
    oldest = (
        select(
            *(delivery.webhook_id, delivery.id, delivery.next_attempt_at),
            Webhook.failing_since_at.is_not(None).label("is_failing"),
        )
        .join(delivery.webhook)
        .where(*_due(moment), delivery.webhook_id.not_in(but))
        .ext(distinct_on(delivery.webhook_id))
        .order_by(delivery.webhook_id, delivery.next_attempt_at, delivery.id)
        .subquery()
    )
    turns = (oldest.c.is_failing, oldest.c.next_attempt_at)
    first = select(oldest.c.webhook_id, oldest.c.id).order_by(*turns)
    return {row.webhook_id: row.id for row in await session.execute(first.limit(limit))}


def _ids(ids: Collection[UUID], table: Any, *more: Any) -> Rows:
    return select(table.id, table.state, *more).where(table.id.in_(ids))


def _demands(actor: Actor, ids: Collection[UUID]) -> Rows:
    return _ids(ids, Demand).where(demand_access.readable(actor))


def _dockings(actor: Actor, ids: Collection[UUID]) -> Rows:
    statement = _ids(ids, Docking, Docking.demand_id, Docking.expert_id)
    statement = statement.join(Demand, Docking.demand_id == Demand.id)
    statement = statement.join(Expert, Docking.expert_id == Expert.id)
    return statement.where(docking_access.readable(actor))


def _experts(actor: Actor, ids: Collection[UUID]) -> Rows:
    return _ids(ids, Expert).where(expert_access.readable(actor))


def _achievements(actor: Actor, ids: Collection[UUID]) -> Rows:
    return _ids(ids, Achievement).where(achievement_access.readable(actor))


def _reviews(actor: Actor, ids: Collection[UUID]) -> Rows:
    statement = _ids(ids, MatchReview, MatchReview.match_id)
    statement = statement.join(Match, MatchReview.match_id == Match.id)
    statement = statement.join(MatchRun, Match.run_id == MatchRun.id)
    statement = statement.join(Demand, MatchRun.demand_id == Demand.id)
    statement = statement.outerjoin(Expert, Match.expert_id == Expert.id)
    return statement.where(match_access.readable_reviews(actor))


def _problems(actor: Actor, ids: Collection[UUID]) -> Rows:
    return _ids(ids, CommonProblem).where(problem_access.readable(actor))


def _webhooks(actor: Actor, ids: Collection[UUID]) -> Rows:
    """What a test says; no change of them is told."""
    return select(Webhook.id).where(Webhook.id.in_(ids), Webhook.account_id == actor.account_id)


FACTS: Mapping[str, Callable[[Actor, Collection[UUID]], Rows]] = {
    "demand": _demands,
    "docking": _dockings,
    "expert": _experts,
    "achievement": _achievements,
    "match_review": _reviews,
    "common_problem": _problems,
    "webhook": _webhooks,
}


async def facts(
    session: AsyncSession, actor: Actor, record: str, ids: Sequence[UUID]
) -> Mapping[UUID, Mapping[str, Any]]:
    """Of the records that the actor, who has entered, may read: ids and present states."""
    found: dict[UUID, Mapping[str, Any]] = {}
    for some in queries.batches(ids):
        rows = await session.execute(FACTS[record](actor, some))
        found |= {row.id: dict(row._mapping) for row in rows}
    return found
