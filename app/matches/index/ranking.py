"""Ask the live index: bring it up to date, find or make the query's vector, rank in a thread."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from time import monotonic
from typing import Annotated

from anyio import to_thread
from cachetools import LRUCache
from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from app.matches.index import vectors
from app.matches.index.encoders import EncoderBusy, EncoderUnavailable, create_encoder
from app.matches.index.leaving import Leaving
from app.matches.index.live import LiveIndex
from app.matches.index.remote import Silence
from app.matches.index.reranking import RERANKED, SecondOpinions, create_second_opinions
from app.matches.models import Pool
from app.metrics.instruments import instruments
from app.scopes import Sessions
from app.settings import Settings
from matching import (
    DEFAULT_WEIGHTS,
    Constraints,
    Encoder,
    MatchIndex,
    Preferences,
    Query,
    Ranking,
    Weights,
    WeightsFor,
    match,
    text_key,
    warm_up,
)

logger = logging.getLogger(__name__)


EMPTY = Ranking(
    matches=(),
    exclusions=(),
    index_version="",
    encoder="none",
    measured=(),
    pending=0,
    durations={},
)
QUERY_VECTORS = 2_000
NO_CONSTRAINTS, NO_PREFERENCES = Constraints(), Preferences()


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """The process's live indexes, their encoder, who gives second opinions, and whose texts leave.

    encoder_seconds: how long a match waits for the two, and how long matches then go without.
    """

    indexes: Mapping[Pool, LiveIndex]
    encoder: Encoder | None
    encoder_seconds: float
    leaving: Leaving
    second_opinions: SecondOpinions | None
    silence: Silence = field(default_factory=Silence, init=False)
    # By `text_key`; an encoder makes the same vector of the same text, whoever asks.
    query_vectors: LRUCache[str, vectors.Vector] = field(
        default_factory=lambda: LRUCache(QUERY_VECTORS), init=False
    )

    async def rank(
        self,
        session: AsyncSession,
        pool: Pool,
        query: Query,
        *,
        constraints: Constraints = NO_CONSTRAINTS,
        preferences: Preferences = NO_PREFERENCES,
        weights: Weights | WeightsFor = DEFAULT_WEIGHTS,
        limit: int = 20,
        keeps_vector: bool = True,
        may_leave: bool = True,
        asks_reranker: bool = True,
        index: MatchIndex | None = None,
    ) -> Ranking:
        """The best of the pool as it is committed now; empty when it is, or the query is.

        index: the pool's as its caller has had it refreshed, who asks it more than this.
        may_leave: False for a text that must not leave this machine.
        asks_reranker: False where the places are not for people to look at.
        """
        if index is None:
            index = await self.indexes[pool].refresh(session)
        if index is None:
            return EMPTY
        if not len(index) or not query.text.strip():
            return replace(EMPTY, index_version=index.version)
        found: dict[str, vectors.Vector] = {}
        asked_at = monotonic()
        if may_leave or not self.leaving.encodes_outside:
            found = await self._query_vectors(session, index, query, keeps_vector)
        left = self.encoder_seconds - (monotonic() - asked_at)
        opinions = self.second_opinions if may_leave and asks_reranker else None
        ranking = await to_thread.run_sync(
            lambda: match(
                query,
                index,
                query_vectors=found,
                constraints=constraints,
                preferences=preferences,
                weights=weights,
                limit=limit if opinions is None else max(limit, RERANKED),
            )
        )
        if opinions is not None:
            until = monotonic() + left
            ranking = await opinions.added(pool, index, query, ranking, limit=limit, until=until)
        for stage, milliseconds in ranking.durations.items():
            instruments().stage_seconds.labels(stage).observe(milliseconds / 1000)
        return replace(ranking, pending=self.pending(index))

    @property
    def is_loaded(self) -> bool:
        """Whether every pool's index has been read, so that no match has to wait for it."""
        return all(live.is_loaded for live in self.indexes.values())

    async def prepare(self) -> None:
        """Load or build every index and compile what matching compiles, before requests come."""
        await to_thread.run_sync(warm_up)
        for live in self.indexes.values():
            await live.refresh()

    def pending(self, index: MatchIndex) -> int:
        """How many candidates still wait for vectors that the encoder will make.

        Before enough of them have theirs, the latent space serves all, and all of them wait.
        """
        is_latent = self.encoder is not None and index.model.is_latent
        return len(index) if is_latent else len(index.pending)

    async def _query_vectors(
        self, session: AsyncSession, index: MatchIndex, query: Query, keeps: bool
    ) -> dict[str, vectors.Vector]:
        """The stored vectors of the query's texts, or new ones; none where they cannot be had."""
        if self.encoder is None or index.model.encoder != self.encoder.name:
            return {}
        texts = {text_key(text): text for text in query.texts_to_encode}
        known = {k: found for k in texts if (found := self.query_vectors.get(k)) is not None}
        missing = [text for key, text in texts.items() if key not in known]
        if missing and not self.silence.lasts:
            try:
                made = await vectors.encode(
                    session,
                    self.encoder,
                    missing,
                    is_query=True,
                    keeps=keeps,
                    seconds=self.encoder_seconds,
                )
                self.query_vectors.update(made)
                known |= made
            except EncoderBusy:
                logger.info("a match goes without its query's vectors: the encoder is busy")
            except EncoderUnavailable as error:
                self.silence.begin(self.encoder_seconds)
                logger.warning("a match goes without its query's vectors: %s", error)
        return known


def create_matcher(settings: Settings, sessions: Sessions) -> Matcher:
    """The matcher of a process; `sessions` must not be those of its requests (see LiveIndex)."""
    encoder, leaving = create_encoder(settings), Leaving.of(settings)
    folder = settings.indexes_folder
    key = settings.secret_key.get_secret_value().encode()
    secret = blake2b(key, person=b"damping", digest_size=32).digest()
    indexes = {
        pool: LiveIndex(pool=pool, sessions=sessions, folder=folder, secret=secret, leaving=leaving)
        for pool in Pool
    }
    return Matcher(
        indexes=indexes,
        encoder=encoder,
        encoder_seconds=settings.encoder_timeout_seconds,
        leaving=leaving,
        second_opinions=create_second_opinions(settings, sessions, leaving),
    )


async def get_matcher(request: Request) -> Matcher:
    matcher: Matcher = request.app.state.matcher
    return matcher


MatcherDep = Annotated[Matcher, Depends(get_matcher)]
