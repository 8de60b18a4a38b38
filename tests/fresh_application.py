"""The application goes from test to test with its connections open, and knows nothing of before."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.health import Condition
from app.jobs import job_probe
from app.matches.index.ranking import create_matcher
from app.matches.models import Pool


@asynccontextmanager
async def begun_again(app: FastAPI) -> AsyncIterator[FastAPI]:
    """An application whose services are open, as if they had just been opened.

    What a process keeps of the records of its database is made anew here; more of it belongs here.
    """
    state = app.state
    opened, url = dict(state._state), state.condition.url
    overrides = dict(app.dependency_overrides)
    state.matcher = create_matcher(state.settings, state.matcher.indexes[Pool.EXPERTS].sessions)
    state.job_probe = job_probe(url)
    state.condition = Condition(url=url, matcher=state.matcher)
    state.limiter._leases.clear()
    state.refusal_log._is_keeping_up = True
    try:
        yield app
        await state.refusal_log.drain()
    finally:
        state._state.clear()
        state._state.update(opened)
        app.dependency_overrides = overrides
