"""A second opinion on the first places, as one more named term of their scores: sums still hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from matching.types import Contribution, Match, Ranking

RERANKING = "reranking"


def reranked(
    ranking: Ranking, opinions: Mapping[str, float], *, weight: float, limit: int
) -> Ranking:
    """Add weight × (opinion − mean of the opinions), and keep the best `limit`; ties by id.

    opinions: by candidate id, higher is better. Whoever has none counts as average. Exclusions
    stay, at the ranks that they have without opinions: each might have come into the best.
    """
    mean = sum(opinions.values()) / len(opinions) if opinions else 0.0
    heard = [
        _heard(match, opinions[match.candidate_id], weight, mean)
        if match.candidate_id in opinions
        else match
        for match in ranking.matches
    ]
    if opinions:
        heard.sort(key=lambda match: (-match.score, match.candidate_id))
    return replace(
        ranking,
        matches=tuple(replace(match, rank=place) for place, match in enumerate(heard[:limit], 1)),
    )


def _heard(match: Match, opinion: float, weight: float, mean: float) -> Match:
    added = Contribution(name=RERANKING, value=weight * (opinion - mean))
    contributions = (*match.contributions, added)
    return replace(
        match,
        score=sum(contribution.value for contribution in contributions),
        contributions=contributions,
        features={**match.features, RERANKING: opinion},
    )
