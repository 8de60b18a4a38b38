"""The sessions of the application, and its keys as they were when the test is over."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from app.encryption.sealed import ring, unlock
from app.scopes import Sessions


@pytest.fixture
async def sessions(app: FastAPI) -> AsyncIterator[Sessions]:
    before = ring()
    yield app.state.sessions
    unlock(before)
