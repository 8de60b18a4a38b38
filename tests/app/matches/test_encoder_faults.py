"""An encoder's endpoint may be away, slow or wrong; matching goes on without it."""

import asyncio
import threading
from collections.abc import Sequence
from functools import partial
from time import monotonic
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.matches.index import encoders, vectors
from app.matches.index.encoders import EncoderBusy, EncoderUnavailable
from app.matches.index.encoding import MatchingWork
from app.matches.index.vectors import usable
from app.matches.models import StoredVector
from matching import LocalEncoder
from tests.app.matches import embeddings_server, scenes
from tests.app.matches.embeddings_server import DIMENSIONS, EmbeddingsServer, embed
from tests.app.matches.remote_encoder import (
    NAME,
    TIMEOUT_SECONDS,
    app,
    count,
    endpoint,
    remote,
    run_jobs,
    work,
)
from tests.app.matches.scenes import names
from tests.people import People

__all__ = ["app", "endpoint", "remote", "work"]  # fixtures

FAULTS = [
    "error",
    "half",
    "html",
    "no data",
    "list",
    "too few",
    "mixed lengths",
    "null",
    "nan",
    "infinite",
    "huge",
    "zero",
]


async def test_wrong_vectors_poison_nothing(
    people: People,
    session: AsyncSession,
    work: MatchingWork,
    endpoint: EmbeddingsServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encoders, "DOCUMENT_TERMS", 0.1)
    await scenes.pool(session)
    organization = await people.organization()
    demand = await scenes.demand(session, organization)
    staff = await people.coordinator()
    for fault in FAULTS:
        endpoint.fault = fault
        await run_jobs(work)
        assert await count(session) == 0, fault
        run = await scenes.match(staff, demand.id)
        assert (run["encoder"], run["pending"], names(run)[0]) == ("lsa", 4, "染整"), fault
    endpoint.fault = None
    await run_jobs(work)
    assert (await scenes.match(staff, demand.id))["encoder"] == NAME
    # The index is encoded by now; where a query's vector cannot be had, its words remain.
    other = await scenes.demand(session, organization, title="锦纶线染色")
    kept = await count(session)
    for fault in FAULTS:
        endpoint.fault = fault
        run = await scenes.match(staff, other.id)
        assert (run["encoder"], names(run)[0]) == ("none", "染整"), fault
        assert await count(session) == kept, fault


async def test_an_encoder_that_became_another_one_under_its_name_is_refused(
    people: People, session: AsyncSession, work: MatchingWork, endpoint: EmbeddingsServer
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    await run_jobs(work)
    kept = await count(session)
    endpoint.fault = "other length"
    await scenes.expert(session, "新人", "锦纶防黄变")
    other = await scenes.demand(session, await people.organization(), title="锦纶线染色")
    await run_jobs(work)
    assert await count(session) == kept
    for wanted in (demand, other):
        assert "新人" in names(await scenes.match(staff, wanted.id))
    lengths = await session.scalars(select(func.octet_length(StoredVector.vector)).distinct())
    assert lengths.all() == [4 * DIMENSIONS]


@pytest.mark.parametrize("fault", ["hang", "drip"])
async def test_an_endpoint_that_hangs_is_left_after_the_timeout(
    people: People,
    session: AsyncSession,
    work: MatchingWork,
    endpoint: EmbeddingsServer,
    fault: str,
) -> None:
    await scenes.pool(session)
    await scenes.demand(session, await people.organization())
    await run_jobs(work)
    other = await scenes.demand(session, await people.organization(), title="锦纶线染色")
    staff = await people.coordinator()
    endpoint.fault = fault
    began = monotonic()
    run = await scenes.match(staff, other.id)
    assert monotonic() - began < embeddings_server.HANG_SECONDS
    assert (run["encoder"], names(run)[0]) == ("none", "染整")
    # Those who come after do not wait for it, until it has had time to recover.
    asked = len(endpoint.texts)
    assert (await scenes.match(staff, other.id))["encoder"] == "none"
    assert len(endpoint.texts) == asked
    endpoint.fault = None
    await asyncio.sleep(TIMEOUT_SECONDS)
    assert (await scenes.match(staff, other.id))["encoder"] == NAME


async def test_few_wait_for_an_encoder_that_is_busy() -> None:
    """Each of them holds a connection meanwhile, of which there are few."""
    gate = threading.Event()

    class Slow(LocalEncoder):
        def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
            gate.wait()
            return np.stack([_vector(text) for text in texts])

    ask = partial(vectors._made, Slow(), ["锦纶"], is_query=True, seconds=60)
    waiting = [asyncio.create_task(ask()) for _ in range(2 + vectors.MOST_WAITING)]
    for _ in range(10):  # each of them runs until it waits
        await asyncio.sleep(0)
    assert vectors.ENCODING.statistics().tasks_waiting == vectors.MOST_WAITING
    with pytest.raises(EncoderBusy):
        await ask()
    gate.set()
    assert len(await asyncio.gather(*waiting)) == len(waiting)


async def test_one_bad_vector_does_not_hold_up_the_others() -> None:
    good, bad = [_vector("锦纶")], [_vector("锦纶") * float("nan"), _vector("锦纶") * 0]
    made = dict(zip("abc", [*good, *bad], strict=True))
    assert set(usable(made, DIMENSIONS)) == {"a"}
    with pytest.raises(EncoderUnavailable, match="none of them"):
        usable({"b": bad[0]}, DIMENSIONS)
    with pytest.raises(EncoderUnavailable, match="lengths"):
        usable(made, DIMENSIONS + 1)


def _vector(text: str) -> Any:
    return np.asarray(embed(text), dtype=np.float32)
