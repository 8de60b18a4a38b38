"""Between matches: keep the indexes near the database, and ask for the vectors of what is new."""

import asyncio
import time
from functools import partial

from app.database import answered
from app.jobs import defer_once
from app.matches.index.ranking import Matcher
from app.matches.models import Pool
from app.metrics.instruments import instruments

PAUSE_SECONDS = 0.5


async def follow(matcher: Matcher) -> None:
    """Refresh every pool twice a second until cancelled; database and files are waited for."""
    while True:
        await answered(partial(_catch_up_and_ask, matcher), who="the index")
        await asyncio.sleep(PAUSE_SECONDS)


async def _catch_up_and_ask(matcher: Matcher) -> None:
    if await _catch_up(matcher) and matcher.encoder is not None:
        await defer_once("encode_texts")


async def _catch_up(matcher: Matcher) -> bool:
    """Bring every pool up to date and share it; whether any has changed."""
    has_changed = False
    for pool in Pool:
        live, looked_at = matcher.indexes[pool], time.time()
        before = live.current
        has_changed |= await live.refresh() is not before
        await live.share()
        _measure(matcher, pool, looked_at)
    return has_changed


def _measure(matcher: Matcher, pool: Pool, looked_at: float) -> None:
    measured, live = instruments(), matcher.indexes[pool]
    index = live.current
    measured.current_at.labels(pool).set(looked_at)
    measured.candidates.labels(pool).set(len(index) if index else 0)
    measured.pending.labels(pool).set(matcher.pending(index) if index else 0)
    if live.fitted_at is not None:
        measured.fitted_at.labels(pool).set(live.fitted_at)
