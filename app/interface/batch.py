"""`POST /demands:batch`: many items in one request and one transaction.

Each item goes through the same dependencies and the same function as the request it stands for, in
a savepoint of its own, so no rule is written twice: roles, jurisdictions, preconditions and changes
are those of the single routes.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from inspect import unwrap
from typing import Any, Generic, TypeVar
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from psycopg.errors import DeadlockDetected
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import StaleDataError

from app.database import Record, SessionDep, get_session
from app.interface import auditing, idempotency
from app.interface.admission import Values, limited
from app.interface.auditing import AuditedItem
from app.interface.batch_items import CREATE, Action, Batch, Fault, actions_of, batch_model
from app.interface.errors import (
    ChangedMeanwhile,
    Invalid,
    PayloadTooLarge,
    Problem,
    ProblemBody,
    RefusedItem,
    Unavailable,
)
from app.interface.failures import from_database
from app.interface.language import Text, language_of
from app.interface.policies import RateClass
from app.interface.preconditions import PRECONDITION, Precondition
from app.interface.schemas import Body
from app.interface.turns import take_turn
from app.settings import SettingsDep

BodyT = TypeVar("BodyT")

MAX_ERRORS = 100
ATTEMPTS = 5
PAUSE_SECONDS = 0.2
DESCRIPTION = """批量处理 · Up to 500 items in one request, done in their order.

Each item goes through the same checks as a request of its own, and its result has the status and
body, or the problem, of that request; pointers begin with the item's place. A refused item leaves
nothing behind and the others stand, unless the batch is `atomic`: then one refused item undoes all
(409 `batch_refused`, whose `results` say which and why). An `Idempotency-Key` covers the batch.
Ten items count as one write, and an account's batches come one after another: 429 meanwhile.
"""
TOO_LARGE = Text("结果过大，未执行，请分批提交", "The answers are too large; nothing was done")


class BatchResult(BaseModel, Generic[BodyT]):
    """What a request of its own would have answered: a body or a problem."""

    status: int = Field(examples=[HTTPStatus.OK])
    body: BodyT | None
    problem: ProblemBody | None = Field(examples=[None])


class BatchResults(BaseModel, Generic[BodyT]):
    """One result an item, in the order of the items."""

    results: list[BatchResult[BodyT]]


class NotDone(Problem):
    """An item with which nothing was wrong, but with another one of its batch."""

    status, code = 424, "not_done"
    title = Text("同批其他项被拒绝，未执行", "Not done: another item was refused")


class BatchRefused(Problem):
    """A batch that was to be done as a whole or not at all."""

    status, code = 409, "batch_refused"
    title = Text("批次中有被拒绝的项，全部未执行", "An item was refused, so nothing was done")

    def __init__(self, fates: Sequence[Problem]) -> None:
        super().__init__(errors=[error for fate in fates for error in fate.errors][:MAX_ERRORS])
        self._fates = fates

    def body(self, language: str, request_id: str | None = None) -> ProblemBody:
        """With the problem of every item."""
        results = [RefusedItem(status=f.status, problem=f.body(language)) for f in self._fates]
        return super().body(language, request_id).model_copy(update={"results": results})


def add_batch(router: APIRouter, collection: str, record: type[Record], caller: Any) -> None:
    """Add `POST /{collection}:batch` to a router that has the collection's other routes.

    `record` is the table whose rows are locked, `caller` the annotation that names the account.
    """
    actions = actions_of(router, collection)
    body: Any = actions[CREATE].route.response_model
    noun = body.__name__.removesuffix("Body")
    (asked,) = caller.__metadata__

    async def run_batch(
        request: Request, session: SessionDep, settings: SettingsDep, account: Any, data: Any
    ) -> Response:
        run = _Run(
            session=session,
            record=record,
            actions=actions,
            known={get_session: session, asked.dependency: account},
            request=request,
            max_bytes=settings.max_body_bytes,
        )
        return await _until_done(run, data)

    run_batch.__annotations__ |= {"account": caller, "data": batch_model(noun, actions)}
    router.add_api_route(
        f"/{collection}:batch",
        limited(RateClass.WRITES, items_of=_count_items)(run_batch),
        methods=["POST"],
        name=f"batch_{collection}",
        description=DESCRIPTION,
        response_model=BatchResults[body],
    )


def _count_items(values: Values) -> int:
    batch: Batch = values["data"]
    return len(batch.items)


async def _until_done(run: "_Run", batch: Batch) -> Response:
    """Do the batch; where it would wait for another one that waits for it, begin again.

    Rows are locked in one order, but two batches may still meet at values that are unique. To go
    back to a savepoint would not do: who waits for a row of a savepoint that was released waits
    for the end of the whole transaction.
    """
    for attempt in range(1, ATTEMPTS):
        run.session.expunge_all()
        try:
            return await run.answer(batch)
        except OperationalError as error:
            if not isinstance(error.orig, DeadlockDetected):
                raise
        await run.session.rollback()
        await asyncio.sleep(random.uniform(0, attempt * PAUSE_SECONDS))
        await take_turn(run.request)
        if (kept := await idempotency.claim_again(run.request)) is not None:
            return kept
    return await run.answer(batch)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One batch: what all of its items share."""

    session: AsyncSession
    record: type[Record]
    actions: Mapping[str, Action]
    known: Mapping[Any, Any]
    request: Request
    max_bytes: int

    async def answer(self, batch: Batch) -> Response:
        """The results; raises BatchRefused for an atomic batch of which an item was refused."""
        await self._lock({item.id for item in batch.items if hasattr(item, "id")})
        results, fates, size = list[bytes](), list[Problem | None](), 0
        refused = list[AuditedItem]()
        for number, item in enumerate(batch.items):
            result, fate = await self._result(number, item)
            if fate is not None:
                refused.append(self._audited(item, fate))
            # As text: five hundred records held as objects would take ten times as much.
            results.append(result.model_dump_json().encode())
            fates.append(fate if batch.atomic else None)
            size += len(results[-1])
            if size > self.max_bytes:
                raise PayloadTooLarge(TOO_LARGE)
        auditing.note_refused_items(self.session, refused)
        if any(fates):
            raise BatchRefused([fate or NotDone() for fate in fates])
        content = b'{"results":[' + b",".join(results) + b"]}"
        return Response(content, media_type="application/json")

    async def _result(self, number: int, item: Any) -> tuple[BatchResult[Any], Problem | None]:
        """What became of one item, and the problem if it was refused."""
        try:
            return await self._done(item), None
        except Unavailable:
            raise
        except Problem as problem:
            within = "" if isinstance(item, Fault) else "/data"
            fate = _placed(problem, f"/items/{number}{within}")
            body = fate.body(language_of(self.request), self.request.scope.get("request_id"))
            return BatchResult(status=fate.status, body=None, problem=body), fate

    def _audited(self, item: Any, fate: Problem) -> AuditedItem:
        """The refusal for the audit log, where a batch is no way to try unseen what one may do."""
        action = self.actions.get(item.action)
        data = getattr(item, "data", None)
        return AuditedItem(
            action=action.label if action else self.request.state.trace.action,
            record_id=getattr(item, "id", None),
            fields=frozenset(data.sent_names() if isinstance(data, Body) else ()),
            status=fate.status,
            code=fate.code,
        )

    async def _lock(self, ids: set[UUID]) -> None:
        """In the order of the ids, so that two batches over the same records do not deadlock."""
        record_id = self.record.id
        rows = select(record_id).where(record_id.in_(ids)).order_by(record_id)
        await self.session.execute(rows.with_for_update())

    async def _done(self, item: Any) -> BatchResult[Any]:
        """Do one item in a savepoint; raises the Problem that its own request would answer."""
        self.session.expunge_all()  # each item reads for itself, as a request would
        if isinstance(item, Fault):
            if item.action:  # whom the door turns away is not told what is wrong behind it
                await self._values(self.actions[item.action].route.dependant)
            raise Invalid(errors=item.errors)
        try:
            async with self.session.begin_nested():
                return await self._called(self.actions[item.action], item)
        except StaleDataError:
            raise ChangedMeanwhile() from None
        except DBAPIError as error:
            if isinstance(error, OperationalError) or error.connection_invalidated:
                raise
            raise from_database(error) from error

    async def _called(self, action: Action, item: Any) -> BatchResult[Any]:
        precondition = Precondition(
            if_match=getattr(item, "if_match", None),
            record_id=getattr(item, "id", None),
            is_required=action.is_changing,
        )
        self.session.info[PRECONDITION] = precondition
        route = action.route
        values = await self._values(route.dependant)
        if action.record_parameter:
            values[action.record_parameter] = item.id
        if action.body_parameter:
            values[action.body_parameter] = item.data
        body = await unwrap(route.endpoint)(**values)
        if precondition.is_required and not precondition.was_asked:
            raise RuntimeError(f"{route.path} changes without a precondition")
        return BatchResult(status=route.status_code or HTTPStatus.OK, body=body, problem=None)

    async def _values(self, dependant: Dependant) -> dict[str, Any]:
        """What the dependencies give, solved anew: an item may have changed what the caller is."""
        return {str(d.name): await self._value(d) for d in dependant.dependencies}

    async def _value(self, dependant: Dependant) -> Any:
        if dependant.call in self.known:
            return self.known[dependant.call]
        return await dependant.call(**await self._values(dependant))  # type: ignore[misc]


def _placed(problem: Problem, place: str) -> Problem:
    """The problem with its pointers leading from the whole body to the item."""
    problem.errors = [
        replace(error, pointer=place + error.pointer)
        if error.pointer.startswith("/") or not error.pointer
        else error
        for error in problem.errors
    ]
    return problem.with_traceback(None)  # which would keep the item's records in memory
