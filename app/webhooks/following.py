"""What has happened becomes deliveries to the webhooks that asked for it and may know of it."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.accounts import repository as accounts
from app.changes.followers import next_changes
from app.changes.repository import ChangeRow
from app.jobs import defer_unless_waiting
from app.organizations.actors import actor_of
from app.scopes import Scope, open_scope
from app.webhooks import repository
from app.webhooks.kinds import RECORDS, wants
from app.webhooks.models import DeliveryState, Webhook

FOLLOWER = "webhooks"
Facts = Mapping[UUID, Mapping[str, Any]]


async def follow(session: AsyncSession, moment: datetime) -> None:
    """Queue a delivery for each change and webhook, once."""
    read = await next_changes(session, FOLLOWER, records=tuple(RECORDS))
    if not read:
        return
    await open_scope(session, Scope.SERVICE)
    webhooks = await repository.enabled(session)
    told: list[tuple[Webhook, ChangeRow]] = []
    for account_id, own in groupby(webhooks, key=lambda webhook: webhook.account_id):
        told += await _told(session, account_id, list(own), read)
    if not told:
        return
    await open_scope(session, Scope.SERVICE)
    happened = await repository.happened(session, {change.id for _, change in told})
    rows = [_row(webhook, change, happened[change.id], moment) for webhook, change in told]
    await repository.add_deliveries(session, rows)
    await defer_unless_waiting(session, "deliver_webhooks")


async def _told(
    session: AsyncSession, account_id: UUID, webhooks: Sequence[Webhook], read: Sequence[ChangeRow]
) -> list[tuple[Webhook, ChangeRow]]:
    """What the account's webhooks want of it, and the account may read."""
    wanted = [(w, change) for w in webhooks for change in read if wants(w.kinds, change.kind)]
    facts = await facts_of(session, account_id, [change for _, change in wanted])
    return [(webhook, change) for webhook, change in wanted if change.subject_id in facts]


async def facts_of(
    session: AsyncSession, account_id: UUID, changes: Collection[ChangeRow]
) -> Facts:
    """What the account may know of the changes' records now; nothing once it is shut.

    The session works for the account from here on.
    """
    account = await accounts.open_scope_of(session, account_id) if changes else None
    if account is None or not account.is_active:
        return {}
    by_record: dict[str, set[UUID]] = defaultdict(set)
    for change in changes:
        by_record[change.kind.partition(".")[0]].add(change.subject_id)
    actor = actor_of(session, account)
    found: dict[UUID, Mapping[str, Any]] = {}
    for record, ids in by_record.items():
        found |= await repository.facts(session, actor, record, sorted(ids))
    return found


def _row(
    webhook: Webhook, change: ChangeRow, happened_at: datetime, moment: datetime
) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "version": 1,
        "webhook_id": webhook.id,
        "change_id": change.id,
        "kind": change.kind,
        "subject_id": change.subject_id,
        "happened_at": happened_at,
        "state": DeliveryState.WAITING,
        "next_attempt_at": moment,
    }
