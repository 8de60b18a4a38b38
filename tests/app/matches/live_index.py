"""The live index of an application with a folder of its own, its file, and restarts."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import URL

from app.main import services
from app.matches.index.live import LiveIndex
from app.matches.models import Pool
from app.settings import Settings
from matching import MatchIndex
from matching.columns import flatten
from tests.app.matches.scenes import another_process


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Settings:
    """Settings with a folder of this test's own."""
    return settings.model_copy(update={"var_folder": tmp_path})


@pytest.fixture
async def app(own: Settings, service_database: URL) -> AsyncIterator[FastAPI]:
    async with another_process(own, service_database) as app:
        yield app


def live_of(app: FastAPI, pool: Pool = Pool.EXPERTS) -> LiveIndex:
    index: LiveIndex = app.state.matcher.indexes[pool]
    return index


@asynccontextmanager
async def restarted(app: FastAPI, service_database: URL) -> AsyncIterator[LiveIndex]:
    """The same application with nothing in memory and everything on disk, as after a restart."""
    before = app.state.sessions, app.state.matcher
    try:
        async with services(app, service_database):
            yield live_of(app)
    finally:
        app.state.sessions, app.state.matcher = before


def saved(settings: Settings) -> list[Path]:
    return sorted(settings.indexes_folder.glob("experts-*"))


def retold(path: Path, **told: object) -> None:
    """The same index in the same place, which says something else of itself."""
    index, note = MatchIndex.load_with_note(path)
    index.save(path, json.dumps(json.loads(note) | told, sort_keys=True))


def is_mapped(index: MatchIndex) -> bool:
    """Whether all that is large about the index lies in a file."""
    arrays = [array for segment in index.segments for _, array in flatten(segment)]
    return all(not array.size or not array.flags.owndata for array in arrays) and bool(arrays)
