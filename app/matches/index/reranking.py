"""A service that reads demand and candidate together, for a second opinion on the first places."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from time import monotonic
from typing import Any
from uuid import UUID

from anyio import CapacityLimiter, fail_after

from app.matches.index.leaving import Leaving
from app.matches.index.remote import FAILURES, Endpoint, Silence
from app.matches.models import Pool
from app.scopes import Sessions
from app.settings import RerankerForm, Settings
from matching import RERANKING, MatchIndex, Query, Ranking, reranked

RERANKED = 50  # of the first places
ATTEMPTS = 2
LONGEST_TEXT = 1_500  # characters of a candidate: about what a reranker reads
LARGEST_SCORE = 1e6
# Stages of a match: that it had a second opinion, or waited for one in vain.
DONE, AWAY = RERANKING, f"{RERANKING}_away"
# Who waits holds a connection, of which there are few: the others go without at once.
ASKING = CapacityLimiter(4)
MOST_WAITING = 4

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reranker:
    """`/rerank` as Jina, Cohere and others have it, or as Text Embeddings Inference does.

    batch_size: texts of one request.
    """

    endpoint: Endpoint
    model: str
    form: RerankerForm
    batch_size: int

    async def scores(self, query: str, texts: Sequence[str], *, until: float) -> list[float]:
        """How well each text answers the query, higher is better; raises one of FAILURES.

        until: on the clock of `monotonic`.
        """
        found: list[float] = []
        for at in range(0, len(texts), self.batch_size):
            batch = list(texts[at : at + self.batch_size])
            question = self._question(query, batch)
            answer = await self.endpoint.ask(question, attempts=ATTEMPTS, until=until)
            found += scores_in(answer, len(batch))
        return found

    def _question(self, query: str, texts: list[str]) -> dict[str, Any]:
        if self.form is RerankerForm.TEI:
            return {"query": query, "texts": texts, "truncate": True}
        named = {"model": self.model} if self.model else {}
        return named | {
            "query": query,
            "documents": texts,
            "top_n": len(texts),
            "return_documents": False,
        }


def scores_in(answer: Any, count: int) -> list[float]:
    """The scores by the texts' places, of either form; ValueError unless each has a usable one."""
    items = answer["results"] if isinstance(answer, dict) else answer
    found = {
        item["index"]: float(item["relevance_score" if "relevance_score" in item else "score"])
        for item in items
    }
    if len(items) != count or found.keys() != set(range(count)):
        raise ValueError(f"{count} texts, {len(items)} scores")
    if not all(isfinite(score) and abs(score) <= LARGEST_SCORE for score in found.values()):
        raise ValueError("scores that are no numbers to reckon with")
    return [found[place] for place in range(count)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondOpinions:
    """What a process needs to ask for them.

    sessions: see whose texts may leave.
    """

    reranker: Reranker
    weight: float
    leaving: Leaving
    sessions: Sessions
    silence: Silence = field(default_factory=Silence, init=False)

    async def added(
        self,
        pool: Pool,
        index: MatchIndex,
        query: Query,
        ranking: Ranking,
        *,
        limit: int,
        until: float,
    ) -> Ranking:
        """The best `limit` with opinions as one more contribution; a stage tells how that went.

        until: on the clock of `monotonic`. Those whose texts may not leave count as average.
        """
        ids = await self._askable(pool, ranking)
        if not ids:
            return reranked(ranking, {}, weight=self.weight, limit=limit)
        began_at = monotonic()
        texts = ["\n".join(index.texts_of(one))[:LONGEST_TEXT] for one in ids]
        scores = await self._heard(query.texts_to_encode[0], texts, until)
        opinions = dict(zip(ids, scores, strict=True)) if scores else {}
        found = reranked(ranking, opinions, weight=self.weight, limit=limit)
        stage, milliseconds = DONE if scores else AWAY, 1000 * (monotonic() - began_at)
        return replace(found, durations={**found.durations, stage: milliseconds})

    async def _heard(self, asked: str, texts: list[str], until: float) -> list[float]:
        """The scores of the texts; none where they cannot be had."""
        if self.silence.lasts or monotonic() >= until:  # the encoder may have had all the time
            return []
        if ASKING.statistics().tasks_waiting >= MOST_WAITING:
            logger.info("a match goes without a second opinion: the reranker is busy")
            return []
        is_asked = False
        try:
            with fail_after(max(0.0, until - monotonic())):
                async with ASKING:
                    is_asked = True
                    return await self.reranker.scores(asked, texts, until=until)
        except FAILURES as error:
            if is_asked:  # else others had all the time
                self.silence.begin(self.reranker.endpoint.seconds)
            logger.warning("a match goes without a second opinion: %s", type(error).__name__)
            return []

    async def _askable(self, pool: Pool, ranking: Ranking) -> list[str]:
        """Those of the first places whose texts may leave."""
        ids = [UUID(match.candidate_id) for match in ranking.matches[:RERANKED]]
        async with self.sessions.begin() as session:
            return [str(one) for one in await self.leaving.allowed(session, pool, ids)]


def create_second_opinions(
    settings: Settings, sessions: Sessions, leaving: Leaving
) -> SecondOpinions | None:
    """What the settings ask for; None without a reranker. `sessions` as those of a LiveIndex."""
    if settings.reranker_url is None:
        return None
    return SecondOpinions(
        reranker=create_reranker(settings),
        weight=settings.reranker_weight,
        leaving=leaving,
        sessions=sessions,
    )


def create_reranker(settings: Settings) -> Reranker:
    endpoint = Endpoint(
        service="reranker",
        url=f"{str(settings.reranker_url).rstrip('/')}/rerank",
        api_key=settings.reranker_api_key.get_secret_value(),
        seconds=settings.encoder_timeout_seconds,
    )
    return Reranker(
        endpoint=endpoint,
        model=settings.reranker_model,
        form=settings.reranker_form,
        batch_size=settings.encoder_batch_size,
    )
