"""What becomes of a delivery after an attempt, and of a webhook that only fails."""

from datetime import datetime, timedelta

from app.outgoing.posting import Answer
from app.webhooks.models import DeliveryState, DisabledCause, Webhook, WebhookDelivery

# Until the next attempt, after the first failure and so on; after the last one it has failed.
WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
GONE = 410


def note(
    delivery: WebhookDelivery, answer: Answer, *, moment: datetime, failing_for: timedelta
) -> None:
    """Keep what an attempt has come to; failing_for: after so long the webhook is disabled."""
    webhook = delivery.webhook
    delivery.attempts += 1
    delivery.attempted_at, delivery.status_code = moment, answer.status_code
    delivery.error, delivery.response = answer.error, answer.excerpt
    if answer.is_good:
        settle(delivery, DeliveryState.DELIVERED)
        webhook.failing_since_at = None
        return
    webhook.failing_since_at = webhook.failing_since_at or moment
    if answer.status_code == GONE:
        disable(webhook, DisabledCause.GONE)
    elif moment - webhook.failing_since_at >= failing_for:
        disable(webhook, DisabledCause.FAILING)
    if delivery.attempts > len(WAITS):
        settle(delivery, DeliveryState.FAILED)
    else:
        settle(delivery, DeliveryState.WAITING, moment + WAITS[delivery.attempts - 1])


def withhold(delivery: WebhookDelivery) -> None:
    settle(delivery, DeliveryState.WITHHELD)


def replay(delivery: WebhookDelivery, moment: datetime) -> None:
    """Send it again, now, as if it had never been tried."""
    delivery.attempts = 0
    settle(delivery, DeliveryState.WAITING, moment)


def settle(
    delivery: WebhookDelivery, state: DeliveryState, next_attempt_at: datetime | None = None
) -> None:
    delivery.state, delivery.next_attempt_at = state, next_attempt_at


def disable(webhook: Webhook, cause: DisabledCause) -> None:
    """Nothing is sent any more; what waits goes on waiting."""
    if webhook.is_enabled:
        webhook.is_enabled, webhook.disabled_cause = False, cause


def enable(webhook: Webhook) -> None:
    webhook.is_enabled, webhook.disabled_cause, webhook.failing_since_at = True, None, None
