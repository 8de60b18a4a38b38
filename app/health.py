"""Whether the process lives, and whether it can serve; both answer soon, whatever hangs."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import URL

from app.database import AWAY
from app.interface.errors import PROBLEM_RESPONSES, Unavailable
from app.interface.language import Text
from app.interface.validation import FieldError
from app.matches.index.ranking import Matcher
from app.migration import is_behind, present_revisions
from app.postgres.probe import Probe


async def forbid_storing(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


router = APIRouter(
    tags=["health"],
    responses={503: PROBLEM_RESPONSES[503]},
    dependencies=[Depends(forbid_storing)],
)

STOPPING = Text("服务正在停止", "The service is stopping")
NO_ANSWER = Text("数据库没有应答", "The database does not answer")
OLD_SCHEMA = Text(
    "数据库结构较旧：请运行 shuangku migrate", "The schema is behind: run shuangku migrate"
)
NO_INDEX = Text("索引尚未载入", "The index is not loaded yet")
NO_FOLLOWER = Text("索引不再跟随数据库：请重启", "The index follows no more: restart the service")


class Health(BaseModel):
    status: str = Field(examples=["ok"])


@dataclass(eq=False, kw_only=True)
class Condition:
    """What decides whether this process lives and can serve.

    is_stopping: its service ends, so that requests had better go to another.
    is_ending: this process ends, so that what lasts is to end now.
    """

    url: URL
    matcher: Matcher
    is_stopping: bool = False
    is_ending: bool = False
    follower: asyncio.Task[None] | None = None
    _revisions: Probe[set[str]] = field(init=False)

    def __post_init__(self) -> None:
        self._revisions = Probe(self.url, present_revisions)

    def ailments(self) -> list[FieldError]:
        """What only a restart mends."""
        has_ended = self.follower is not None and self.follower.done()
        return [_fault("follower", "ended", NO_FOLLOWER)] if has_ended else []

    async def obstacles(self) -> list[FieldError]:
        """Why no request should be sent here now; none when all is well."""
        found = [*self.ailments(), *self._own_obstacles()]
        try:
            revisions = await self._revisions.answer()
        except AWAY:
            return [*found, _fault("database", "no_answer", NO_ANSWER)]
        if is_behind(revisions):
            found.append(_fault("schema", "behind", OLD_SCHEMA))
        return found

    def _own_obstacles(self) -> Iterator[FieldError]:
        if self.is_stopping:
            yield _fault("service", "stopping", STOPPING)
        if not self.matcher.is_loaded:
            yield _fault("index", "not_loaded", NO_INDEX)


def _fault(what: str, code: str, message: Text) -> FieldError:
    return FieldError(pointer=what, code=code, message=message)


@router.get("/livez")
async def is_alive(request: Request) -> Health:
    """存活 · The process answers and its work goes on; if not, it should be started again."""
    condition: Condition = request.app.state.condition
    return _well(condition.ailments())


@router.get("/readyz")
async def is_ready(request: Request) -> Health:
    """就绪 · Requests may come; 503 names in `errors` what is in the way, and needs no restart."""
    condition: Condition = request.app.state.condition
    return _well(await condition.obstacles())


def _well(faults: list[FieldError]) -> Health:
    if faults:
        problem = Unavailable()
        problem.errors = faults
        raise problem
    return Health(status="ok")
