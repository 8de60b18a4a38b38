"""Demands of several enterprises about a few subjects, and the job that compares them."""

from typing import Any
from uuid import UUID

from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.demands.models import Demand
from app.jobs import observed, queue
from app.matches.index.encoding import MatchingWork
from app.organizations.models import Organization
from app.progress.following import follow_job
from app.scopes import Scope, within
from tests.app.demands.forms import take_step
from tests.app.matches import scenes
from tests.people import YIWU, People

SUBJECTS = {
    "黄变": ("浅色锦纶袜热黄变控制", "锦纶针织袜定型后黄变", ["锦纶", "黄变"]),
    "黄变二": ("浅色锦纶袜黄变的控制", "锦纶袜定型与仓储后黄变", ["锦纶", "黄变"]),
    "氨氮": ("高氨氮废水处理", "化工废水中的氨氮去除", ["氨氮", "废水"]),
    "氨氮二": ("高氨氮废水的处理技术", "废水氨氮去除", ["氨氮", "废水"]),
    "机器人": ("桥梁爬壁机器人", "钢桥缆索检测", ["机器人"]),
    "茶": ("茶树病虫害绿色防控", "茶园减药", ["茶树"]),
}


async def demand(
    session: AsyncSession,
    people: People,
    subject: str,
    *,
    organization: Organization | None = None,
    region_code: str | None = YIWU,
    **fields: Any,
) -> Demand:
    """A published demand about the subject, by default of an enterprise of its own."""
    title, summary, keywords = SUBJECTS[subject]
    organization = organization or await people.organization(region_code=region_code or YIWU)
    known = {"title": title, "public_summary": summary, "keywords": keywords}
    stored = await scenes.demand(
        session, organization, **known | {"region_code": region_code} | fields
    )
    await session.refresh(stored, ["organization"])
    return stored


async def others(session: AsyncSession, people: People) -> None:
    """Demands that are like no other, so that there are words to tell apart."""
    for subject in ("机器人", "茶"):
        await demand(session, people, subject)


async def propose(app: FastAPI, staff: AsyncClient | None = None) -> None:
    """The job as every night or, of staff, as an operation; by a real worker."""
    if staff is None:
        await queue.tasks["look_for_common_problems"].defer_async(timestamp=0)
    else:
        assert (await staff.post("/common-problems:propose")).status_code == 202
    await do_jobs(app)


async def do_jobs(app: FastAPI) -> None:
    """All that waits in the queue."""
    sessions = app.state.sessions
    work = MatchingWork(sessions=within(sessions, Scope.INDEX), matcher=app.state.matcher)
    await queue.run_worker_async(
        wait=False,
        listen_notify=False,
        install_signal_handlers=False,
        worker_middleware=[observed, follow_job],
        additional_context={"sessions": sessions, "matching": work},
    )


async def withdraw(app: FastAPI, people: People, demand: Demand) -> None:
    """Its enterprise takes a published demand back, and the jobs that follow from it are done."""
    enterprise = await people.enterprise(demand.organization)
    status, body = await take_step(enterprise, demand.id, "withdraw")
    assert (status, body["state"]) == (200, "withdrawn")
    await do_jobs(app)


async def listed(client: AsyncClient, **query: str) -> list[dict[str, Any]]:
    answer = await client.get("/common-problems", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def only(client: AsyncClient, **query: str) -> dict[str, Any]:
    """The one problem of a list, in full."""
    [found] = await listed(client, **query)
    return await read(client, found["id"])


async def read(client: AsyncClient, problem_id: str) -> dict[str, Any]:
    answer = await client.get(f"/common-problems/{problem_id}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def members(problem: dict[str, Any]) -> set[UUID]:
    return {UUID(member["demand_id"]) for member in problem["members"]}


async def step(client: AsyncClient, problem_id: str, verb: str) -> tuple[int, dict[str, Any]]:
    body = {"reason": "工况不同，并非同一难题"} if verb == "dismiss" else None
    answer = await client.post(f"/common-problems/{problem_id}:{verb}", json=body)
    return answer.status_code, answer.json()
