"""The digest of standing matches as a notice: to whom there is something new, once a day."""

from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.matches.digests import operations as digests
from app.notices.match_digests import tell_coordinators
from tests.app.matches import scenes
from tests.app.matches.standing.following import follower
from tests.app.notices.scenes import inbox, tell
from tests.people import GUANGZHOU, People


async def test_coordinators_are_told_once_a_day_of_what_is_new(
    app: FastAPI, people: People, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions, moment = app.state.sessions, now()
    await tell(app)
    demand = await scenes.demand(session, await people.organization())
    await scenes.pool(session)
    staff, far = await people.coordinator(), await people.coordinator(GUANGZHOU)
    await people.administrator()
    assert await tell_coordinators(sessions, moment, newcomers=1) == 0
    await (await follower(app)).follow()
    told = [await tell_coordinators(sessions, moment, newcomers=n) for n in (5, 4, 1)]
    assert told == [0, 1, 0]
    await tell(app)
    [notice] = [one for one in await inbox(staff) if one["kind"] == "match_digest.told"]
    assert (notice["path"], "常态匹配" in notice["text"]) == ("/api/v1/match-digest", True)
    assert await inbox(far) == []
    [item] = (await staff.get("/match-digest")).json()["items"]
    assert (item["demand"]["id"], item["entered"]) == (str(demand.id), 4)
    # Also for whoever reads the notice days later.
    monkeypatch.setattr(digests, "now", lambda: moment + timedelta(days=2))
    assert len((await staff.get("/match-digest")).json()["items"]) == 1
    # What was told is no news on the next day, what comes since is.
    later = moment + timedelta(days=1)
    assert await tell_coordinators(sessions, later, newcomers=1) == 0
    await scenes.expert(session, "新人", "锦纶染色；热黄变控制；超细旦锦纶针织物")
    await (await follower(app)).follow()
    assert await tell_coordinators(sessions, later, newcomers=1) == 1
