"""A ranking as people read it: document ids become titles, candidates become records."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from app.matches.models import Match, MatchRun
from app.matches.own_reasons import PROFILE_TITLE
from app.matches.rankers.choice import ChosenRanker
from app.matches.repository import Card
from app.matches.schemas import (
    EarlierVerdict,
    ExclusionBody,
    ExpertMatch,
    Explained,
    MatchBody,
    MatchedExpert,
    MatchRunBody,
)
from matching import Match as Ranked
from matching import Ranking


def explained(ranked: Ranked, titles: Mapping[str, str]) -> dict[str, Any]:
    """Rank, score and reasons as plain values; `titles` names the evidence by document id."""
    return {
        "rank": ranked.rank,
        "score": ranked.score,
        "contributions": [
            {"name": c.name, "value": c.value, "document_id": c.document_id}
            for c in ranked.contributions
        ],
        "terms": list(ranked.terms),
        "evidence": [
            {
                "document_id": item.document_id,
                "kind": item.kind,
                "title": titles.get(item.document_id, ""),
                "grade": item.grade.value,
                "score": item.score,
                "terms": list(item.terms),
            }
            for item in ranked.evidence
        ],
        "uncovered_keywords": list(ranked.uncovered_keywords),
        "is_pending": ranked.is_pending,
    }


def show_expert_match(ranked: Ranked, expert: Card, ranker: ChosenRanker) -> ExpertMatch:
    """A candidate of a preview."""
    return ExpertMatch.model_construct(**_introduced(ranked, expert, ranker))


def _introduced(ranked: Ranked, expert: Card, ranker: ChosenRanker) -> dict[str, Any]:
    titles = {str(expert.id): PROFILE_TITLE} | (expert.titles or {})
    return {
        **explained(ranked, titles),
        "confidence": ranker.confidence_of(ranked),
        "expert": MatchedExpert.model_validate(expert),
    }


def show_new(
    ranked: Ranked,
    expert: Card,
    ranker: ChosenRanker,
    run: MatchRunBody,
    allowed_actions: list[str],
    *,
    earlier_verdict: EarlierVerdict | None,
) -> MatchBody:
    """A candidate of a run that is about to be stored."""
    return MatchBody.model_construct(
        **_introduced(ranked, expert, ranker),
        id=uuid7(),
        run_id=run.id,
        verdict=None,
        earlier_verdict=earlier_verdict,
        allowed_actions=allowed_actions,
    )


def stored_reasons(match: Match) -> dict[str, Any]:
    """Rank, score and reasons of a stored match, as `explained` made them."""
    return {name: getattr(match, name) for name in Explained.model_fields}


def show_match(
    match: Match, allowed_actions: list[str], *, earlier_verdict: EarlierVerdict | None = None
) -> MatchBody:
    return MatchBody(
        **stored_reasons(match),
        confidence=match.confidence,
        id=match.id,
        run_id=match.run_id,
        verdict=match.verdict,
        earlier_verdict=earlier_verdict,
        expert=MatchedExpert.model_validate(match.expert),
        allowed_actions=allowed_actions,
    )


def show_run(run: MatchRun) -> MatchRunBody:
    return MatchRunBody.of(run)


def show_exclusions(ranking: Ranking) -> list[ExclusionBody]:
    return [
        ExclusionBody(expert_id=UUID(e.candidate_id), rank=e.rank, reason=e.reason, detail=e.detail)
        for e in ranking.exclusions
    ]
