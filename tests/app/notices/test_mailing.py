"""Notices by e-mail, from a real server of this machine: digests, hours, and what goes wrong."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from pydantic import SecretStr, ValidationError
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account
from app.clock import CHINA, now
from app.notices.mailing import TRIED_FOR, send_digests
from app.outgoing_settings import MailSecurity
from app.settings import Settings
from tests import mail_server
from tests.app.dockings.scenes import Scene, docked, recommended
from tests.app.notices.scenes import inbox, tell
from tests.mail_server import MailServer
from tests.people import People


@pytest.fixture
async def scene(app: FastAPI, people: People, session: AsyncSession) -> Scene:
    """An enterprise that wants e-mails has been told of three things."""
    await tell(app)
    scene = await recommended(people, session)
    answer = await scene.enterprise.patch("/me", json={"has_notice_mail": True})
    assert answer.json()["has_notice_mail"] is True
    await docked(scene)
    await tell(app)
    return scene


def with_mail(settings: Settings, server: MailServer, **changes: Any) -> Settings:
    return settings.model_copy(
        update={
            "smtp_host": mail_server.HOST,
            "smtp_port": server.port,
            "smtp_user": mail_server.USER,
            "smtp_password": SecretStr(mail_server.PASSWORD),
            "smtp_from": "shuangku@test.invalid",
        }
        | changes
    )


def at(hour: int) -> datetime:
    return now().astimezone(CHINA).replace(hour=hour)


async def test_one_digest_goes_to_whoever_wants_it(
    app: FastAPI, settings: Settings, scene: Scene
) -> None:
    sessions = app.state.sessions
    with mail_server.mail_server() as server:
        sending = with_mail(settings, server)
        await send_digests(sessions, settings, at(12))  # there is no server to send by
        await send_digests(sessions, sending, at(21))
        await send_digests(sessions, sending, at(7))
        assert server.messages == []
        server.fault = "busy"
        await send_digests(sessions, sending, at(12))
        assert server.messages == []
        server.fault = "vanish"
        await send_digests(sessions, sending, at(12))
        server.fault = ""
        await docked_again(app, scene)
        await send_digests(sessions, sending, at(13))
        await send_digests(sessions, sending, at(14))
        me = (await scene.enterprise.get("/me")).json()
        lost, again, later = server.messages
        assert lost["Message-ID"] == again["Message-ID"] != later["Message-ID"]
        assert {message["To"] for message in server.messages} == {me["email"]}
        assert again["Subject"] == "双库：3 条新通知 · Shuangku: 3 new"
        assert again.get_content().count(scene.demand.title) == 6, "in both languages"
        assert "谢绝" in later.get_content()


async def test_an_address_that_is_none_holds_back_nobody_else(
    app: FastAPI, settings: Settings, session: AsyncSession, scene: Scene
) -> None:
    await scene.person.patch("/me", json={"has_notice_mail": True})
    [docking] = (await scene.staff.get("/dockings")).json()["items"]
    await scene.staff.post(f"/dockings/{docking['id']}:invite", json={})
    await tell(app)
    first, second = [(await one.get("/me")).json() for one in (scene.enterprise, scene.person)]
    of_first = update(Account).where(Account.id == UUID(first["id"]))
    await session.execute(of_first.values(email=r"\@[.c"))  # which whoever registers may say
    await session.commit()
    with mail_server.mail_server() as server:
        await send_digests(app.state.sessions, with_mail(settings, server), at(12))
        assert [message["To"] for message in server.messages] == [second["email"]]


async def docked_again(app: FastAPI, scene: Scene) -> None:
    """The docking is declined, after the digest was made up."""
    [docking] = (await scene.staff.get("/dockings")).json()["items"]
    await scene.staff.post(f"/dockings/{docking['id']}:decline", json={"setback": "terms"})
    await tell(app)


async def test_over_tls_and_not_what_is_read_or_old(
    app: FastAPI, settings: Settings, scene: Scene
) -> None:
    sessions = app.state.sessions
    with mail_server.mail_server(is_tls=True) as server:
        sending = with_mail(settings, server, smtp_security=MailSecurity.TLS)
        unknown = with_mail(settings, server, smtp_security=MailSecurity.TLS, smtp_user="x")
        await send_digests(sessions, unknown, at(12))
        await send_digests(sessions, sending, at(12) + TRIED_FOR + timedelta(days=1))
        assert server.messages == []
        await send_digests(sessions, sending, at(12))
        assert len(server.messages) == 1
        await docked_again(app, scene)
        for notice in await inbox(scene.enterprise):
            await scene.enterprise.post(f"/notices/{notice['id']}:read")
        await send_digests(sessions, sending, at(12))
        assert len(server.messages) == 1


@pytest.mark.parametrize(
    "wrong", [{"smtp_host": "mail.test.invalid"}, {"notice_quiet_hours": "8-20"}]
)
def test_settings_that_would_not_work_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Settings(_env_file=None, **wrong)  # type: ignore[arg-type]
