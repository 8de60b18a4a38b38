"""Webhooks: made, changed and tried out by the account whose they are."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import repository as accounts
from app.accounts.models import Account
from app.changes import operations as changes
from app.interface.errors import Conflict, NotFound, NotSignedIn, invalid_field
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.interface.preconditions import meet
from app.jobs import defer_unless_waiting
from app.outgoing.addresses import Allowed, NotAllowed, target_of
from app.webhooks import repository
from app.webhooks.access import allowed_actions, allowed_actions_on
from app.webhooks.kinds import TEST
from app.webhooks.models import DisabledCause, Webhook, WebhookDelivery
from app.webhooks.schemas import (
    DeliveryBody,
    DeliveryQuery,
    NewWebhook,
    WebhookBody,
    WebhookCreate,
    WebhookQuery,
    WebhookUpdate,
)
from app.webhooks.signing import new_secret
from app.webhooks.workflow import disable as disable_webhook
from app.webhooks.workflow import enable as enable_webhook
from app.webhooks.workflow import replay as replay_delivery

MAX_WEBHOOKS = 20
IS_DISABLED = Text("请先启用该推送", "Enable the webhook first")


async def create(
    session: AsyncSession, account: Account, data: WebhookCreate, allowed: Allowed
) -> NewWebhook:
    """With a new secret, which is shown this once."""
    _require_allowed(data.url, allowed)
    await accounts.lock(session, account.id)  # two at once would both count one less
    await session.refresh(account)
    if not account.is_active:  # erased meanwhile: nothing of theirs is left, nor comes after
        raise NotSignedIn()
    if await repository.count(session, account.id) >= MAX_WEBHOOKS:
        raise Conflict(Text(f"最多 {MAX_WEBHOOKS} 个推送", f"At most {MAX_WEBHOOKS} webhooks"))
    webhook = Webhook(
        account_id=account.id, url=data.url, kinds=sorted(set(data.kinds)), is_enabled=True
    )
    webhook.secret, webhook.previous_secret = new_secret(), ""
    session.add(webhook)
    await _append(session, webhook, "created")
    return NewWebhook(**dict(show(webhook)), secret=webhook.secret)


async def search(pages: Pages, account: Account, query: WebhookQuery) -> Page[WebhookBody]:
    """One's own."""
    return await pages.read(
        repository.listed(account.id),
        query=query,
        columns={"created_at": Webhook.created_at},
        show=show,
    )


async def get(session: AsyncSession, account: Account, webhook_id: UUID) -> Webhook:
    webhook = await repository.find(session, account.id, webhook_id)
    if webhook is None:
        raise NotFound()
    return webhook


async def get_managed(session: AsyncSession, account: Account, webhook_id: UUID) -> Webhook:
    """The webhook, locked."""
    webhook = await repository.find(session, account.id, webhook_id, is_for_update=True)
    if webhook is None:
        raise NotFound()
    meet(session, webhook)
    return webhook


async def update(
    session: AsyncSession,
    account: Account,
    webhook_id: UUID,
    data: WebhookUpdate,
    allowed: Allowed,
) -> Webhook:
    webhook = await get_managed(session, account, webhook_id)
    wanted = data.changes()
    if "url" in wanted:
        _require_allowed(data.url, allowed)
    if "kinds" in wanted:
        wanted["kinds"] = sorted(set(data.kinds))
    for name, value in wanted.items():
        setattr(webhook, name, value)
    await _append(session, webhook, "updated")
    return webhook


async def delete(session: AsyncSession, account: Account, webhook_id: UUID) -> None:
    """With its deliveries."""
    webhook = await get_managed(session, account, webhook_id)
    await session.delete(webhook)
    await _append(session, webhook, "deleted")


async def rotate_secret(
    session: AsyncSession,
    account: Account,
    webhook_id: UUID,
    moment: datetime,
    overlap: timedelta,
) -> NewWebhook:
    """A new secret; for a while the one before signs beside it."""
    webhook = await get_managed(session, account, webhook_id)
    webhook.previous_secret, webhook.secret = webhook.secret, new_secret()
    webhook.previous_secret_ends_at = moment + overlap
    await _append(session, webhook, "secret_rotated")
    await session.flush()
    return NewWebhook(**dict(show(webhook)), secret=webhook.secret)


async def enable(session: AsyncSession, account: Account, webhook_id: UUID) -> Webhook:
    """What waits is sent from now on."""
    webhook = await get_managed(session, account, webhook_id)
    enable_webhook(webhook)
    await _append(session, webhook, "enabled")
    return webhook


async def disable(session: AsyncSession, account: Account, webhook_id: UUID) -> Webhook:
    webhook = await get_managed(session, account, webhook_id)
    disable_webhook(webhook, DisabledCause.BY_HAND)
    await _append(session, webhook, "disabled")
    return webhook


async def tell_disabled(session: AsyncSession, webhook: Webhook) -> None:
    """The service has disabled it; its owner is told, as nobody else is behind the change."""
    data = {"owner_id": str(webhook.account_id)}
    await changes.append(session, "webhook.disabled", webhook.id, data=data)


async def test(
    session: AsyncSession, account: Account, webhook_id: UUID, moment: datetime
) -> WebhookDelivery:
    """A delivery of nothing but the webhook's own id."""
    webhook = await get_managed(session, account, webhook_id)
    _require_enabled(webhook)
    delivery = WebhookDelivery(
        webhook_id=webhook.id,
        webhook=webhook,
        kind=TEST,
        subject_id=webhook.id,
        happened_at=moment,
        attempts=0,
        error="",
        response="",
    )
    replay_delivery(delivery, moment)
    session.add(delivery)
    await session.flush()
    await defer_unless_waiting(session, "deliver_webhooks")
    return delivery


async def list_deliveries(
    pages: Pages, account: Account, webhook_id: UUID, query: DeliveryQuery
) -> Page[DeliveryBody]:
    """To one of one's own, the latest first."""
    await get(pages.session, account, webhook_id)
    return await pages.read(
        repository.listed_deliveries(webhook_id, query),
        query=query,
        columns={"created_at": WebhookDelivery.created_at},
        show=show_delivery,
    )


async def replay(
    session: AsyncSession, account: Account, delivery_id: UUID, moment: datetime
) -> WebhookDelivery:
    """Send it again under the same id, whatever came of it before."""
    delivery = await repository.find_delivery(session, account.id, delivery_id)
    if delivery is None:
        raise NotFound()
    _require_enabled(delivery.webhook)
    replay_delivery(delivery, moment)
    await session.flush()
    await defer_unless_waiting(session, "deliver_webhooks")
    return delivery


def show(webhook: Webhook) -> WebhookBody:
    return WebhookBody.of(webhook, allowed_actions=allowed_actions(webhook))


def show_delivery(delivery: WebhookDelivery) -> DeliveryBody:
    return DeliveryBody.of(delivery, allowed_actions=allowed_actions_on(delivery))


def secrets_in_force(webhook: Webhook, moment: datetime) -> Sequence[str]:
    """The secret, and for as long as it lasts the one before."""
    ends_at = webhook.previous_secret_ends_at
    is_over = ends_at is None or ends_at <= moment
    return [webhook.secret] if is_over else [webhook.secret, webhook.previous_secret]


def _require_allowed(url: str, allowed: Allowed) -> None:
    try:
        target_of(url, allowed)
    except NotAllowed as error:
        raise invalid_field("/url", "not_allowed", *error.text) from None


def _require_enabled(webhook: Webhook) -> None:
    if not webhook.is_enabled:
        raise Conflict(IS_DISABLED)


async def _append(session: AsyncSession, webhook: Webhook, what: str) -> None:
    """By its owner, who is told of nothing that they do themself."""
    kind, owner_id = f"webhook.{what}", webhook.account_id
    await changes.append(session, kind, webhook.id, actor_id=owner_id)
