"""The jobs of the audit log, run by a real worker on the real queue."""

from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.verification import verify
from app.jobs import defer, queue
from app.settings import Settings
from tests.app.audit.entries import entries_of, seal, tamper, write


async def run(app: FastAPI, session: AsyncSession, task: str) -> str:
    """How the job ended."""
    job_id = await defer(session, task)
    await session.commit()
    context = {"sessions": app.state.sessions, "settings": app.state.settings}
    await queue.run_worker_async(
        wait=False, install_signal_handlers=False, additional_context=context
    )
    statement = text("SELECT status FROM procrastinate_jobs WHERE id = :id")
    status = await session.scalar(statement, {"id": job_id})
    await session.rollback()
    return str(status)


async def test_sealing_and_verifying(
    app: FastAPI, session: AsyncSession, caplog: pytest.LogCaptureFixture
) -> None:
    await write(app, 3)
    assert await run(app, session, "seal_audit_entries") == "succeeded"
    verdict = await verify(app.state.sessions)
    assert (verdict.holds, verdict.entries, verdict.waiting) == (True, 3, 0)
    assert await run(app, session, "seal_audit_entries") == "succeeded"
    assert await verify(app.state.sessions) == verdict, "sealing leaves nothing to seal"
    assert await run(app, session, "verify_audit_log") == "succeeded"
    await tamper(app, "UPDATE audit_entries SET status = 200")
    assert await run(app, session, "verify_audit_log") == "failed"
    assert "the audit log is not what was sealed" in caplog.text


async def test_dropping_follows_the_settings(app: FastAPI, session: AsyncSession) -> None:
    settings: Settings = app.state.settings
    assert settings.audit_retention >= timedelta(days=3 * 365), "个人信息保护法 §56"
    await write(app, 1)
    past = settings.audit_retention.days + 1
    await tamper(
        app, f"UPDATE audit_entries SET happened_at = happened_at - interval '{past} days'"
    )
    await seal(app)
    await write(app, 1)
    await seal(app)
    assert await run(app, session, "drop_old_audit_entries") == "succeeded"
    assert len(await entries_of(session)) == 1
    verdict = await verify(app.state.sessions)
    assert (verdict.holds, verdict.dropped_through) == (True, 1)
