"""What leaves this machine for an encoder: what is published, of experts who consented."""

from collections.abc import Sequence
from typing import Any

from httpx import AsyncClient
from sqlalchemy import URL, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.demands.models import DemandState
from app.demands.workflow import SOUGHT
from app.experts.consents import TEXT_VERSION
from app.matches.index.encoding import MatchingWork
from app.matches.models import Pool, StoredVector
from app.settings import Settings
from matching import text_key
from tests.app.matches import scenes
from tests.app.matches.embeddings_server import EmbeddingsServer
from tests.app.matches.remote_encoder import (
    NAME,
    app,
    at,
    count,
    endpoint,
    remote,
    run_jobs,
    run_waiting,
    work,
    work_of,
)
from tests.app.matches.scenes import another_process
from tests.people import People

__all__ = ["app", "endpoint", "remote", "work"]  # fixtures


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
    for state in set(DemandState) - SOUGHT - {DemandState.REFUSED}:
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
    async with another_process(guarded, service_database) as app, at(app, account.id) as staff:
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
        await run_waiting(work)
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
