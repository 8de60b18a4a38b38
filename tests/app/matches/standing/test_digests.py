"""When a digest may be sent: not at night, not too often, not for too little."""

from datetime import datetime, timedelta

import pytest

from app.clock import CHINA
from app.matches.digests.operations import DigestRule

RULE = DigestRule(quiet_from_hour=20, quiet_until_hour=8, least_hours=20)
NOON = datetime(2026, 1, 5, 12, tzinfo=CHINA)


@pytest.mark.parametrize(
    ("first", "until", "quiet"),
    [
        (20, 8, {*range(20, 24), *range(8)}),
        (12, 14, {12, 13}),
        (0, 0, set()),
        (9, 9, set()),
        (0, 23, set(range(23))),
    ],
)
def test_quiet_hours_may_last_past_midnight(first: int, until: int, quiet: set[int]) -> None:
    rule = DigestRule(quiet_from_hour=first, quiet_until_hour=until, least_hours=0)
    day = [NOON.replace(hour=hour) for hour in range(24)]
    assert {moment.hour for moment in day if rule.is_quiet(moment)} == quiet


def test_a_digest_is_due_worth_it_and_not_at_night() -> None:
    yesterday = NOON - timedelta(days=1)
    assert RULE.allows(NOON, last_sent_at=None, demands=2)
    assert RULE.allows(NOON, last_sent_at=yesterday, demands=2)
    assert not RULE.allows(NOON, last_sent_at=NOON - timedelta(hours=19), demands=2)
    assert not RULE.allows(NOON, last_sent_at=yesterday, demands=0)
    assert not RULE.allows(NOON.replace(hour=23), last_sent_at=None, demands=2)
