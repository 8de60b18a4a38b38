"""The first places with a second opinion, from an endpoint that may be away or wrong."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from anyio import CapacityLimiter
from fastapi import FastAPI
from httpx import AsyncClient
from pydantic import AnyHttpUrl, SecretStr
from sqlalchemy import URL, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.demands.models import DemandState
from app.demands.workflow import SOUGHT
from app.matches.index import reranking
from app.matches.index.repository import member_ids
from app.matches.models import Match, Pool
from app.problems.similarity import find_pairs, load_open
from app.scopes import Scope, within
from app.settings import RerankerForm, Settings
from app.upkeep import service_checks
from app.upkeep.findings import State
from tests.app.matches import rerank_server, scenes
from tests.app.matches.rerank_server import RerankServer
from tests.app.matches.scenes import another_process, names
from tests.people import People

FAULTS = [
    *("error", "half", "html", "no results", "numbers"),
    *("too few", "too many", "twice", "nan", "huge", "null"),
]
TIMEOUT_SECONDS = 2.0
SLACK = 8.0  # the machine may be busy


@pytest.fixture
def endpoint() -> Iterator[RerankServer]:
    with rerank_server.running() as server:
        yield server


@pytest.fixture
def reranked(settings: Settings, endpoint: RerankServer, tmp_path: Path) -> Settings:
    return settings.model_copy(
        update={
            "var_folder": tmp_path,
            "reranker_url": AnyHttpUrl(endpoint.url),
            "reranker_model": "tea",
            "reranker_api_key": SecretStr("key"),
            "reranker_weight": 5.0,
            "encoder_timeout_seconds": TIMEOUT_SECONDS,
            "encoder_needs_consent": False,
        }
    )


@pytest.fixture
async def app(reranked: Settings, service_database: URL) -> AsyncIterator[FastAPI]:
    """The application with the endpoint as its reranker, and no encoder."""
    async with another_process(reranked, service_database) as app:
        yield app


def added(run: dict[str, Any]) -> dict[str, float]:
    """What the reranker adds, by the candidate's name."""
    return {
        item["expert"]["name"]: c["value"]
        for item in run["matches"]
        for c in item["contributions"]
        if c["name"] == "reranking"
    }


async def states_of(staff: AsyncClient) -> set[str]:
    indexes = (await staff.get("/match-indexes")).json()
    assert {index["encoder_state"] for index in indexes} == {"none"}
    return {index["reranker_state"] for index in indexes}


async def test_the_first_places_are_put_in_another_order_and_still_add_up(
    people: People, session: AsyncSession, endpoint: RerankServer
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    run = await scenes.match(staff, demand.id)
    assert run["reranking"] == "done"
    assert names(run)[0] == "茶叶"
    assert added(run) == pytest.approx({"茶叶": 3.0, "染整": -1.0, "耐火": -1.0, "电机": -1.0})
    for item in run["matches"]:
        total = sum(c["value"] for c in item["contributions"])
        assert total == pytest.approx(item["score"], abs=1e-6)
    assert [item["rank"] for item in run["matches"]] == [1, 2, 3, 4]
    [question] = endpoint.questions
    assert (question["model"], question["top_n"], question["return_documents"]) == ("tea", 4, False)
    assert demand.title in question["query"]
    features = await session.scalars(select(Match.features).order_by(Match.rank))
    assert [one["reranking"] for one in features] == [0.9, 0.1, 0.1, 0.1]
    stored = (await staff.get(f"/match-runs/{run['id']}")).json()
    assert stored["reranking"] == "done"
    assert await states_of(staff) == {"in_use"}
    # With few asked for, all four are looked at, and the reranker's favourite comes in.
    assert names(await scenes.match(staff, demand.id, limit=1)) == ["茶叶"]


async def test_text_embeddings_inference_is_asked_in_its_own_form_and_in_batches(
    people: People,
    session: AsyncSession,
    endpoint: RerankServer,
    reranked: Settings,
    service_database: URL,
) -> None:
    await scenes.pool(session)
    tei = {"reranker_form": RerankerForm.TEI, "reranker_model": "", "encoder_batch_size": 3}
    async with (
        another_process(reranked.model_copy(update=tei), service_database) as other,
        People(other, session) as others,
    ):
        staff = await others.coordinator()
        found = (await staff.post("/matches:preview", json={"title": "锦纶染色"})).json()
    assert (found["reranking"], names(found)[0]) == ("done", "茶叶")
    assert [len(question["texts"]) for question in endpoint.questions] == [3, 1]
    assert "model" not in endpoint.questions[0]


async def test_without_usable_scores_the_match_goes_on_and_says_so(
    people: People,
    session: AsyncSession,
    app: FastAPI,
    endpoint: RerankServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    monkeypatch.setattr(type(app.state.matcher.second_opinions.silence), "lasts", False)
    for fault in FAULTS:
        endpoint.fault = fault
        run = await scenes.match(staff, demand.id)
        assert (run["reranking"], names(run)[0], added(run)) == ("away", "染整", {}), fault
    endpoint.fault = None
    assert (await scenes.match(staff, demand.id))["reranking"] == "done"


async def test_a_hang_is_left_after_the_timeout_and_not_asked_for_as_long(
    people: People, session: AsyncSession, app: FastAPI, endpoint: RerankServer
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    await app.state.matcher.prepare()
    endpoint.fault = "hang"
    began = monotonic()
    run = await scenes.match(staff, demand.id)
    assert monotonic() - began < TIMEOUT_SECONDS + SLACK
    assert (run["reranking"], names(run)[0]) == ("away", "染整")
    if monotonic() - began < 2 * TIMEOUT_SECONDS:  # else the machine was too busy to tell
        assert await states_of(staff) == {"away"}
        assert (await scenes.match(staff, demand.id))["reranking"] == "away"
        assert len(endpoint.questions) == 1


async def test_few_wait_for_a_reranker_that_is_busy(
    people: People, session: AsyncSession, endpoint: RerankServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    monkeypatch.setattr(reranking, "MOST_WAITING", 0)
    staff = await people.coordinator()
    assert (await scenes.match(staff, demand.id))["reranking"] == "away"
    assert endpoint.questions == []
    assert await states_of(staff) == {"in_use"}, "busy is not away"


async def test_only_texts_of_experts_who_consented_go_there(
    people: People,
    session: AsyncSession,
    endpoint: RerankServer,
    reranked: Settings,
    service_database: URL,
) -> None:
    """Whatever the encoder is."""
    await scenes.expert(session, "同意者", "锦纶染色工艺", is_external_encoding_allowed=True)
    person = await people.account(Role.EXPERT)
    silent = await scenes.expert(session, "未表示者", "锦纶永磁电机", account_id=person.id)
    demand = await scenes.demand(session, await people.organization())
    guarded = reranked.model_copy(update={"encoder_needs_consent": True})
    async with (
        another_process(guarded, service_database) as other,
        People(other, session) as others,
    ):
        run = await scenes.match(await others.coordinator(), demand.id)
        assert added(run) == {"同意者": 0.0}
        assert {*names(run)} == {"同意者", "未表示者"}
        sent = len(endpoint.questions)
        asking = await others.client(person)
        found = await asking.get(f"/experts/{silent.id}/matching-demands")
        assert len(found.json()) == 1
    assert len(endpoint.questions) == sent
    assert not [text for text in endpoint.texts if "永磁电机" in text]


async def test_what_is_not_published_goes_there_in_no_direction(
    people: People, session: AsyncSession, endpoint: RerankServer
) -> None:
    organization = await people.organization()
    published = await scenes.demand(session, organization, title="公开的需求", problem="可以看")
    await scenes.achievement(session, "茶园监测", "害虫图像识别")
    staff = await people.coordinator()
    ways = ("similar-demands", "matching-achievements")
    for state in set(DemandState) - SOUGHT - {DemandState.REFUSED}:
        text = {"title": "内部需求", "problem": f"不可外传{state}"}
        hidden = await scenes.demand(session, organization, state=state, **text)
        for way in ways:
            answer = await staff.get(f"/demands/{hidden.id}/{way}")
            assert (answer.status_code, len(answer.json())) == (200, 1), (state, way)
    assert endpoint.questions == []
    found = (await staff.get(f"/demands/{published.id}/matching-achievements")).json()
    assert "reranking" in {c["name"] for c in found[0]["contributions"]}
    assert not [text for text in endpoint.texts if "内部" in text or "外传" in text]


async def test_it_is_asked_once_though_staff_are_ranked_for_twice(
    people: People, session: AsyncSession, endpoint: RerankServer
) -> None:
    organization = await people.organization()
    await scenes.demand(session, organization, title="锦纶染色")
    await scenes.demand(session, organization, title="茶园害虫", problem="茶")
    expert = await scenes.expert(session, "染整", scenes.DIRECTIONS["染整"])
    staff = await people.administrator()
    found = (await staff.get(f"/experts/{expert.id}/matching-demands")).json()
    assert [item["demand"]["title"] for item in found] == ["茶园害虫", "锦纶染色"]
    assert len(endpoint.questions) == 1


async def test_like_demands_are_looked_for_without_it(
    people: People, session: AsyncSession, app: FastAPI, endpoint: RerankServer
) -> None:
    """How like they are is measured; nobody looks at the places."""
    organization = await people.organization()
    for number in range(2):
        await scenes.demand(session, organization, title=f"锦纶染色{number}")
    sessions = within(app.state.sessions, Scope.INDEX)
    async with sessions() as reading:
        pool = await load_open(reading, await member_ids(reading, Pool.DEMANDS))
    await find_pairs(sessions, app.state.matcher, pool)
    assert endpoint.questions == []


async def test_the_doctor_asks_it(reranked: Settings, endpoint: RerankServer) -> None:
    assert (await service_checks.reranker(reranked)).state is State.GOOD
    for fault in ("error", "nan", "hang"):
        endpoint.fault = fault
        found = await service_checks.reranker(reranked)
        assert found.state is State.BAD, fault
    none = reranked.model_copy(update={"reranker_url": None})
    assert (await service_checks.reranker(none)).state is State.GOOD


async def test_whoever_waits_in_vain_for_a_turn_silences_nobody(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others had all the time: that says nothing of the endpoint."""
    taken = CapacityLimiter(1)
    await taken.acquire_on_behalf_of(object())
    monkeypatch.setattr(reranking, "ASKING", taken)
    opinions = app.state.matcher.second_opinions
    assert await opinions._heard("锦纶", ["染色"], until=monotonic() + 0.2) == []
    assert not opinions.silence.lasts
