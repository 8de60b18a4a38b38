"""Who is told of what, without a database: one table, and whom it means."""

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from app.demands.models import DemandState, HandoverKind
from app.dockings.workflow import HAPPENINGS
from app.experts.models import ExpertState
from app.matches.models import ReviewState
from app.notices.news import (
    NEWS,
    UNSEEN,
    Audience,
    Concerned,
    News,
    People,
    levels_from,
    recipients,
    said,
)
from app.notices.quiet import is_quiet
from app.outgoing_settings import hours_of
from app.problems.models import TOLD
from app.questions.models import QuestionState
from tests.people import GUANGZHOU, JINHUA, YIWU, ZHEJIANG

EXPERT, MEMBER, COLLEAGUE, STAFF, ABOVE, ELSEWHERE = (uuid4() for _ in range(6))
ORGANIZATION = uuid4()
PEOPLE = People(
    members={ORGANIZATION: [MEMBER, COLLEAGUE], uuid4(): [ELSEWHERE]},
    staff={YIWU: [STAFF], ZHEJIANG: [ABOVE], GUANGZHOU: [ELSEWHERE]},
)
DOCKED = Concerned(
    expert_account_id=EXPERT, organization_ids=frozenset({ORGANIZATION}), region_code=YIWU
)
# States that nobody is told of: what only its author has seen yet, and who shares a demand.
UNTOLD = {
    *("demand.draft", "demand.shared", "demand.share_ended"),
    *("demand.docking", "demand.signed", "demand.follow_up"),  # its dockings tell of that
    *("common_problem.merged", "question.raised", "question.studied"),  # in the office
    *("docking.logged", "docking.attachment_withdrawn", "docking.rated"),
    *("docking.agreement_updated", "docking.agreement_signed", "docking.agreement_performed"),
    *("docking.agreement_registered", "docking.agreement_concluded", "docking.service_counted"),
}


def kinds(record: str, states: Iterable[str]) -> set[str]:
    return {f"{record}.{state}" for state in states}


def test_every_state_is_told_of() -> None:
    told = (
        kinds("demand", [*DemandState, *HandoverKind])
        | kinds("docking", HAPPENINGS)
        | kinds("expert", ExpertState)
        | kinds("match_review", ReviewState)
    )
    told |= kinds("common_problem", TOLD) | kinds("question", QuestionState)
    told |= kinds("consultation", ["requested", "submitted"])
    assert set(NEWS) == (told - UNTOLD) | {
        *("match.recommended", "webhook.disabled", "match_digest.told"),
    }


@pytest.mark.parametrize(
    ("kind", "actor", "told"),
    [
        ("docking.invited", STAFF, {EXPERT, MEMBER, COLLEAGUE}),
        ("docking.contacted", EXPERT, {MEMBER, COLLEAGUE, STAFF}),
        ("docking.declined", MEMBER, {EXPERT, COLLEAGUE, STAFF}),
        ("docking.recommended", STAFF, {MEMBER, COLLEAGUE}),
        ("demand.submitted", MEMBER, {COLLEAGUE, STAFF}),
        ("demand.returned", STAFF, {MEMBER, COLLEAGUE}),
        ("demand.submitted_up", None, {STAFF}),
        ("match_review.requested", EXPERT, {STAFF}),
        ("match_review.answered", STAFF, {EXPERT}),
        ("expert.in_pool", STAFF, {EXPERT}),
    ],
)
def test_who_is_told(kind: str, actor: UUID | None, told: set[UUID]) -> None:
    assert recipients(NEWS[kind], DOCKED, PEOPLE, actor) == told


@pytest.mark.parametrize(
    ("region_code", "told"),
    [(YIWU, {STAFF}), (JINHUA, {ABOVE}), (ZHEJIANG, {ABOVE}), ("110000", set()), (None, set())],
)
def test_staff_of_the_very_level_or_of_the_next_above(
    region_code: str | None, told: set[UUID]
) -> None:
    news = News(to=frozenset({Audience.STAFF}), text=UNSEEN)
    assert recipients(news, Concerned(region_code=region_code), PEOPLE, None) == told


def test_who_is_not_there_is_not_told() -> None:
    everybody = News(to=frozenset(Audience), text=UNSEEN)
    assert recipients(everybody, Concerned(), PEOPLE, None) == set()
    assert levels_from(None) == []


@pytest.mark.parametrize("kind", NEWS)
def test_every_notice_reads_in_both_languages(kind: str) -> None:
    text, hidden = said(kind, "{题目}"), said(kind, None)
    assert text.zh != text.en
    is_titled = "{title}" in NEWS[kind].text.zh
    assert is_titled == ("{title}" in NEWS[kind].text.en)
    for language in ("zh-CN", "en"):
        assert ("{题目}" in text.in_language(language)) == is_titled
        assert (UNSEEN.in_language(language) in hidden.in_language(language)) == is_titled


@pytest.mark.parametrize(
    ("hours", "quiet", "loud"),
    [
        ("20:00-08:00", ["12:00", "23:59"], ["00:00", "11:59"]),  # UTC; China is 8 hours ahead
        ("12:00-13:30", ["04:00", "05:29"], ["03:59", "05:30"]),
        ("", [], ["12:00"]),
    ],
)
def test_quiet_hours(hours: str, quiet: list[str], loud: list[str]) -> None:
    for at, is_expected in [*((t, True) for t in quiet), *((t, False) for t in loud)]:
        hour, minute = map(int, at.split(":"))
        moment = datetime(2026, 3, 1, hour, minute, tzinfo=UTC)
        assert is_quiet(moment, hours_of(hours)) is is_expected, at


@pytest.mark.parametrize("hours", ["20:00", "8-20", "25:00-08:00", "20:00-08:00-09:00"])
def test_what_are_no_hours(hours: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        hours_of(hours)
