"""Jobs of matching: encode what is new, learn new statistics, save the indexes.

Each looks for its own work, so that running it twice, or once too often, changes nothing. Those
that come back by the clock are not retried besides; the others, which carry out a consent taken
back, an erasure or a request, would be gone with the first database error.
"""

import logging
from time import monotonic

from procrastinate import JobContext

from app import logs
from app.jobs import LONG, RETRY, defer_once, queue
from app.matches.index import fitting, pools, repository
from app.matches.index.documents import public_query_of_demand
from app.matches.index.encoders import EncoderUnavailable
from app.matches.index.encoding import MatchingWork, Progress, Tell, encode_all, take_turn
from app.matches.index.fitting import PoolSize
from app.matches.models import Pool
from app.progress.following import advance
from matching import MatchIndex, text_key

logger = logging.getLogger(__name__)
events = logs.events(__name__)

TOLD_EVERY_SECONDS = 30.0


@queue.periodic(cron="* * * * *")
@queue.task(
    name="encode_texts", queue=LONG, queueing_lock="encode_texts", lock="encode", pass_context=True
)
async def encode_texts(context: JobContext, timestamp: int = 0) -> None:
    """Give every text of the pools, and every published demand as a query, its vector."""
    work: MatchingWork = context.additional_context["matching"]
    encoder = work.matcher.encoder
    if encoder is None:
        return
    try:
        await encode_all(work, encoder, _telling_the_log())
    except EncoderUnavailable as error:
        logger.warning("texts wait for the encoder: %s", error)
    await defer_once("fit_indexes")


def _telling_the_log() -> Tell:
    """Every half minute, and at the end of a pass that had something to do."""
    told_at = monotonic()

    def tell(progress: Progress) -> None:
        nonlocal told_at
        is_over = progress.done == progress.total
        if not is_over and monotonic() - told_at < TOLD_EVERY_SECONDS:
            return
        told_at, left = monotonic(), progress.seconds_left
        rate = round(progress.per_second, 1)
        told = {"texts_per_second": rate, "seconds_left": None if left is None else round(left)}
        events.info("encoding", done=progress.done, total=progress.total, **told)

    return tell


@queue.periodic(cron="* * * * *")
@queue.task(
    name="fit_indexes", queue=LONG, queueing_lock="fit_indexes", lock="index", pass_context=True
)
async def fit_indexes(context: JobContext, timestamp: int = 0) -> None:
    """Put new statistics in force for the pools that have outgrown theirs, and save them."""
    work: MatchingWork = context.additional_context["matching"]
    try:
        for pool in await _outgrown(work):
            await _fit(work, pool)
    except EncoderUnavailable as error:
        logger.warning("new statistics wait for the encoder: %s", error)


@queue.task(name="refit_indexes", queue=LONG, retry=RETRY, lock="index", pass_context=True)
async def refit_indexes(context: JobContext) -> None:
    """Put new statistics in force for every pool, because somebody asked for it."""
    work: MatchingWork = context.additional_context["matching"]
    for done, pool in enumerate(Pool):
        await advance(done, len(Pool))
        await _fit(work, pool)


@queue.periodic(cron="*/10 * * * *")
@queue.task(
    name="save_indexes", queue=LONG, queueing_lock="save_indexes", lock="index", pass_context=True
)
async def save_indexes(context: JobContext, timestamp: int = 0) -> None:
    """Write the indexes down, so that the next start has little to catch up with."""
    work: MatchingWork = context.additional_context["matching"]
    for index in work.matcher.indexes.values():
        await index.save()


@queue.periodic(cron="11 4 * * *")
@queue.task(
    name="forget_vectors",
    queue=LONG,
    queueing_lock="forget_vectors",
    lock="encode",
    pass_context=True,
)
async def forget_vectors(context: JobContext, timestamp: int = 0) -> None:
    """Delete the vectors of texts that stand in no pool any more, or without consent."""
    await _forget_vectors(context.additional_context["matching"])


@queue.task(
    name="forget_external_vectors",
    queue=LONG,
    queueing_lock="forget_external_vectors",
    retry=RETRY,
    lock="encode",
    pass_context=True,
)
async def forget_external_vectors(context: JobContext) -> None:
    """The same once an expert has taken their consent back, and then out of the saved indexes.

    No match used them from that commit on: an index follows the declaration.
    """
    work: MatchingWork = context.additional_context["matching"]
    if work.matcher.leaving.limits_encoding(Pool.EXPERTS):
        await _forget_vectors(work)
        await defer_once("rebuild_indexes")


@queue.task(
    name="rebuild_indexes",
    queue=LONG,
    queueing_lock="rebuild_indexes",
    retry=RETRY,
    lock="index",
    pass_context=True,
)
async def rebuild_indexes(context: JobContext) -> None:
    """Make the indexes anew from the records: a removed one leaves its copy in what stood there."""
    work: MatchingWork = context.additional_context["matching"]
    for index in work.matcher.indexes.values():
        await index.rebuild()


async def _forget_vectors(work: MatchingWork) -> None:
    async with work.sessions.begin() as session:
        await take_turn(session)
        documents: set[str] = set()
        for pool in Pool:
            candidates = await pools.load_all(session, pool)
            for candidate in await pools.encodable(session, pool, candidates, work.matcher.leaving):
                documents |= {text_key(text) for text in MatchIndex.texts_to_encode(candidate)}
        asked = await pools.queries(session)
        asked += await pools.queries(session, public_query_of_demand)  # as they are compared
        queries = {text_key(text) for query in asked for text in query.texts_to_encode}
        await repository.keep_vectors(session, documents, is_query=False)
        await repository.keep_vectors(session, queries, is_query=True)


async def _fit(work: MatchingWork, pool: Pool) -> None:
    """Its file is there before anybody hears of the version, so that nobody builds it again."""
    async with work.sessions.begin() as session:
        await work.matcher.indexes[pool].fit(session, work.matcher.encoder)
    await work.matcher.indexes[pool].save()


async def _outgrown(work: MatchingWork) -> list[Pool]:
    """The pools whose statistics were learned on another pool than there is now."""
    async with work.sessions.begin() as session:
        found = []
        queries = await repository.member_count(session, Pool.DEMANDS)
        for pool in Pool:
            candidates = await repository.member_count(session, pool)
            stored = await repository.newest(session, pool)
            known = stored.encoded if stored else 0
            encoded = candidates if pool in work.settled else known
            if work.matcher.leaving.limits_encoding(pool):
                encoded = min(encoded, await repository.encodable_count(session))
            size = PoolSize(candidates=candidates, encoded=encoded, queries=queries)
            if fitting.is_outgrown(stored, size, work.matcher.encoder):
                found.append(pool)
        return found
