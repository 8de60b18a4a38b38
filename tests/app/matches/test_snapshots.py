"""An index's file: it ranks as before, is not believed when it is bad, and may be missing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncSession

from app.matches.index import repository as index_repository
from app.matches.index import snapshots
from app.matches.index.snapshots import Origin
from app.matches.models import Pool
from app.settings import Settings
from matching import MatchIndex
from tests.app.matches import scenes
from tests.app.matches.live_index import app, is_mapped, live_of, own, restarted, retold, saved
from tests.app.matches.scenes import names, scores
from tests.people import People

__all__ = ["app", "own"]  # fixtures


async def test_a_saved_index_ranks_alike_and_follows_on_from_its_position(
    people: People, session: AsyncSession, app: FastAPI, service_database: URL, own: Settings
) -> None:
    pool = await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    before = await scenes.match(staff, demand.id)
    await live_of(app).save()
    assert [path.suffix for path in saved(own)] == [".index"]
    await scenes.expert(session, "新人", "锦纶染色；热黄变控制")
    answer = await staff.post(f"/experts/{pool['耐火'].id}:suspend", json={"reason": "x"})
    assert answer.status_code == 200
    # What the file holds is not read from the table again: a change nobody was told of proves it.
    pool["茶叶"].research_directions = ["锦纶染色；热黄变控制；超细旦锦纶针织物"]
    await session.commit()
    async with restarted(app, service_database):
        after = await scenes.match(staff, demand.id)
    assert set(names(after)) == {"染整", "新人", "茶叶", "电机"}
    assert after["index_version"] == before["index_version"]
    tea = next(m for m in after["matches"] if m["expert"]["name"] == "茶叶")
    assert tea["terms"] == []
    # A loaded index is saved again with all it has followed since.
    async with restarted(app, service_database) as live:
        await live.save()
        answer = await staff.post(f"/experts/{pool['耐火'].id}:reinstate")
        assert answer.status_code == 200
    async with restarted(app, service_database):
        assert len(names(await scenes.match(staff, demand.id))) == 5


async def test_a_loaded_index_gives_the_same_scores(
    people: People, session: AsyncSession, app: FastAPI, service_database: URL
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    before = await scenes.match(staff, demand.id)
    await live_of(app).save()
    async with restarted(app, service_database):
        after = await scenes.match(staff, demand.id)
    assert names(after) == names(before)
    assert scores(after) == pytest.approx(scores(before), abs=1e-6)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


def _unaligned(path: Path) -> None:
    path.write_bytes(b"\0" + path.read_bytes())


def _folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: list[Callable[[Path], object]] = [
    _cut,
    _flip,
    _unaligned,
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(b"\xff\xfe" * 5_000),
    lambda path: MatchIndex.load(path).save(path, ""),
    lambda path: MatchIndex.load(path).save(path, "null"),
    lambda path: MatchIndex.load(path).save(path, '{"oldest": "soon"}'),
    lambda path: MatchIndex.fit([]).save(path, MatchIndex.load_with_note(path)[1] + " "),
    lambda path: retold(path, epoch="another"),
    lambda path: retold(path, pool="demands"),
    lambda path: retold(path, year=1999),
    lambda path: retold(path, version_id="00000000-0000-0000-0000-000000000000"),
    lambda path: retold(path, oldest=None),
    lambda path: retold(path, seen=None),
    lambda path: retold(path, seen=[[1]]),
    Path.unlink,
    _folder_instead,
]


async def test_a_damaged_or_foreign_snapshot_is_made_again(
    people: People, session: AsyncSession, app: FastAPI, service_database: URL, own: Settings
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    before = await scenes.match(staff, demand.id)
    for damage in DAMAGE:
        await live_of(app).save()
        (path,) = saved(own)
        damage(path)
        async with restarted(app, service_database):
            after = await scenes.match(staff, demand.id)
        assert scores(after) == pytest.approx(scores(before), abs=1e-6)
        assert after["index_version"] == before["index_version"]
        if path.is_dir():
            path.rmdir()


async def test_a_snapshot_from_a_database_that_was_further_on_is_not_believed(
    people: People, session: AsyncSession, app: FastAPI, service_database: URL, own: Settings
) -> None:
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    await scenes.match(staff, demand.id)
    await live_of(app).save()
    (path,) = saved(own)
    retold(path, oldest=4_000_000_000)
    await scenes.expert(session, "新人", "锦纶染色")
    async with restarted(app, service_database):
        assert "新人" in names(await scenes.match(staff, demand.id))


async def test_a_bad_file_beside_a_running_process_is_passed_over(
    session: AsyncSession, app: FastAPI, own: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    await scenes.pool(session)
    live = live_of(app)
    before = await live.refresh()
    (path,) = saved(own)
    bad = path.with_suffix(".bad")
    bad.write_bytes(path.read_bytes()[:-100])
    bad.replace(path)
    for _ in range(3):
        await live.share()
    assert live.current is before
    assert len([r for r in caplog.records if "unusable" in r.message]) == 1
    await scenes.expert(session, "新人", "锦纶染色")
    assert len(await live.refresh() or ()) == 5
    await live.save()
    assert is_mapped(live.current or MatchIndex.fit([]))


async def test_a_file_of_before_a_restore_is_no_fault(
    session: AsyncSession, app: FastAPI, own: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    await scenes.pool(session)
    await live_of(app).refresh()
    (path,) = saved(own)
    version_id = await index_repository.newest_id(session, Pool.EXPERTS)
    assert version_id is not None
    origin = Origin(epoch="another", pool=Pool.EXPERTS, version_id=version_id)
    assert snapshots.load(own.indexes_folder, origin) is None
    assert [r for r in caplog.records if "index" in r.message and r.levelname == "WARNING"] == []
    path.write_bytes(path.read_bytes()[:-100])
    for _ in range(2):  # before it has waited for its turn, and after
        assert snapshots.load(own.indexes_folder, origin) is None
    assert len([r for r in caplog.records if "unusable" in r.message]) == 1
    assert snapshots.forget_all(own.indexes_folder) == 1
    assert saved(own) == []


async def test_without_a_disk_to_write_to_it_matches_all_the_same(
    people: People, session: AsyncSession, app: FastAPI, own: Settings
) -> None:
    own.indexes_folder.write_text("no folder")
    await scenes.pool(session)
    demand = await scenes.demand(session, await people.organization())
    staff = await people.coordinator()
    assert len(names(await scenes.match(staff, demand.id))) == 4
    await scenes.expert(session, "新人", "锦纶染色")
    await live_of(app).share()
    await live_of(app).save()
    assert len(names(await scenes.match(staff, demand.id))) == 5
