"""The sessions that an import runs on."""

import pytest
from fastapi import FastAPI

from app.scopes import Sessions


@pytest.fixture
def sessions(app: FastAPI) -> Sessions:
    sessions: Sessions = app.state.sessions
    return sessions
