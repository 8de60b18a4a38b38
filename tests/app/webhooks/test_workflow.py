"""What becomes of a delivery after each attempt, without a database."""

from datetime import UTC, datetime, timedelta

from app.outgoing.posting import Answer
from app.webhooks.kinds import is_kind, wants
from app.webhooks.models import DeliveryState, DisabledCause, Webhook, WebhookDelivery
from app.webhooks.workflow import WAITS, disable, enable, note, replay

BEGAN_AT = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = timedelta(days=5)
BAD, GOOD = Answer(status_code=500, excerpt="busy"), Answer(status_code=204)


def made() -> WebhookDelivery:
    webhook = Webhook(is_enabled=True)
    return WebhookDelivery(webhook=webhook, state=DeliveryState.WAITING, attempts=0)


def tried(delivery: WebhookDelivery, answer: Answer, moment: datetime = BEGAN_AT) -> None:
    note(delivery, answer, moment=moment, failing_for=DAYS)


def test_it_is_tried_over_days_and_then_given_up() -> None:
    delivery, moment, waits = made(), BEGAN_AT, []
    while delivery.state is DeliveryState.WAITING:
        tried(delivery, BAD, moment)
        if delivery.next_attempt_at is not None:
            waits.append(delivery.next_attempt_at - moment)
            moment = delivery.next_attempt_at
    assert (delivery.state, delivery.attempts) == (DeliveryState.FAILED, len(WAITS) + 1)
    assert waits == list(WAITS)
    assert timedelta(days=3) < moment - BEGAN_AT < DAYS
    assert (delivery.status_code, delivery.response) == (500, "busy")
    assert delivery.webhook.is_enabled


def test_a_success_ends_it_and_the_time_of_failures() -> None:
    delivery = made()
    tried(delivery, Answer(error="timeout"))
    assert (delivery.error, delivery.webhook.failing_since_at) == ("timeout", BEGAN_AT)
    tried(delivery, GOOD)
    assert (delivery.state, delivery.next_attempt_at) == (DeliveryState.DELIVERED, None)
    assert (delivery.error, delivery.webhook.failing_since_at) == ("", None)


def test_a_redirect_is_a_failure() -> None:
    delivery = made()
    tried(delivery, Answer(status_code=302))
    assert delivery.state is DeliveryState.WAITING


def test_who_says_that_it_is_gone_is_asked_no_more() -> None:
    delivery = made()
    tried(delivery, Answer(status_code=410))
    webhook = delivery.webhook
    assert (webhook.is_enabled, webhook.disabled_cause) == (False, DisabledCause.GONE)
    disable(webhook, DisabledCause.BY_HAND)
    assert webhook.disabled_cause is DisabledCause.GONE, "the first cause stays"
    enable(webhook)
    assert webhook.is_enabled
    assert {webhook.disabled_cause, webhook.failing_since_at} == {None}


def test_nothing_but_failures_for_days() -> None:
    first, second = made(), made()
    second.webhook = first.webhook
    tried(first, BAD)
    tried(second, BAD, BEGAN_AT + DAYS - timedelta(seconds=1))
    assert first.webhook.is_enabled
    tried(second, BAD, BEGAN_AT + DAYS)
    assert first.webhook.disabled_cause is DisabledCause.FAILING


def test_what_is_replayed_has_all_its_attempts_again() -> None:
    delivery = made()
    for _ in range(len(WAITS) + 1):
        tried(delivery, BAD)
    replay(delivery, BEGAN_AT)
    assert (delivery.state, delivery.attempts) == (DeliveryState.WAITING, 0)
    assert delivery.next_attempt_at == BEGAN_AT


def test_which_kinds_there_are() -> None:
    assert all(map(is_kind, ("demand.*", "demand.published", "docking.invitation_accepted")))
    assert not any(map(is_kind, ("", "*", "demand", "demand.", "demand.gone", "account.updated")))
    assert wants(["demand.*"], "demand.published")
    assert wants(["docking.invited"], "docking.invited")
    assert not wants(["docking.invited"], "docking.signed")
    assert not wants(["expert.*"], "expert.contact_updated"), "it is no kind of these"
