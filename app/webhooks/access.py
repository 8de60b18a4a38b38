"""A webhook is its account's alone."""

from app.webhooks.models import Webhook, WebhookDelivery


def allowed_actions(webhook: Webhook) -> list[str]:
    """What its account may do with it now."""
    verbs = ["test", "disable"] if webhook.is_enabled else ["enable"]
    return ["update", "delete", "rotate-secret", *verbs]


def allowed_actions_on(delivery: WebhookDelivery) -> list[str]:
    """What its account may do with a delivery now."""
    return ["replay"] if delivery.webhook.is_enabled else []
