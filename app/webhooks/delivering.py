"""Deliveries on their way: a few webhooks at a time, each of them one after another.

Between what is read and what is noted lies the request, in no transaction: whoever is killed
meanwhile leaves the delivery waiting, and it is sent again under the same id.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.changes.repository import ChangeRow
from app.encryption.keys import CannotOpen
from app.jobs import defer_once
from app.outgoing import posting
from app.outgoing.addresses import Allowed, NotAllowed, Target, target_of
from app.outgoing.posting import Answer, Resolve
from app.scopes import Scope, Sessions, open_scope, within
from app.webhooks import operations, repository
from app.webhooks.following import facts_of
from app.webhooks.schemas import Event
from app.webhooks.signing import headers_of
from app.webhooks.workflow import note, withhold

AT_ONCE = 16
LOOK_SECONDS = 1.0
# A job that goes on for ever would hold its worker when that is to stop.
LONGEST_SECONDS = 50.0

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    url: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Sender:
    """How deliveries are sent; failing_for: after so long a webhook is disabled."""

    sessions: Sessions
    allowed: Allowed
    seconds: float
    failing_for: timedelta
    clock: Clock
    resolve: Resolve = posting.resolved

    async def deliver(self) -> None:
        """Send what is due, until nothing is; a slow receiver holds back its own alone."""
        ends_at, busy = time.monotonic() + LONGEST_SECONDS, dict[UUID, asyncio.Task[None]]()
        async with asyncio.TaskGroup() as group:
            while time.monotonic() < ends_at:
                for webhook_id, delivery_id in (await self._due(busy)).items():
                    busy[webhook_id] = group.create_task(self.attempt(delivery_id))
                if not busy:
                    return
                await asyncio.wait(
                    busy.values(), timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                busy = {key: task for key, task in busy.items() if not task.done()}

    async def _due(self, busy: dict[UUID, asyncio.Task[None]]) -> dict[UUID, UUID]:
        if len(busy) >= AT_ONCE:
            return {}
        async with within(self.sessions, Scope.SERVICE)() as session:
            limit = AT_ONCE - len(busy)
            return dict(await repository.due(session, self.clock(), but=list(busy), limit=limit))

    async def attempt(self, delivery_id: UUID) -> None:
        """Send it once, and note what came of it."""
        moment = self.clock()
        answer: Answer | None = Answer(error="secret")  # sealed with a key that is not here
        with suppress(CannotOpen):
            message = await self._message(delivery_id, moment)
            answer = None if message is None else await self._sent(message)
        await self._note(delivery_id, answer, moment)

    async def _message(self, delivery_id: UUID, moment: datetime) -> Message | None:
        """What is to be sent, as its owner may know it now; None if they may not."""
        async with self.sessions() as session:
            await open_scope(session, Scope.SERVICE)
            delivery = await repository.delivery(session, delivery_id)
            if delivery is None:
                return None
            webhook = delivery.webhook
            change = ChangeRow(0, 0, delivery.kind, delivery.subject_id)
            facts = await facts_of(session, webhook.account_id, [change])
        data = facts.get(delivery.subject_id)
        if data is None:
            return None
        event = Event(type=delivery.kind, timestamp=delivery.happened_at, data=dict(data))
        body = event.model_dump_json().encode()
        secrets = operations.secrets_in_force(webhook, moment)
        headers = headers_of(f"msg_{delivery.id}", body, secrets, moment)
        return Message(url=webhook.url, body=body, headers=dict(headers))

    async def _sent(self, message: Message) -> Answer:
        target = self._target(message.url)
        if target is None:  # what is allowed may have changed since it was entered
            return Answer(error="address")
        return await posting.post(
            target,
            message.body,
            message.headers,
            allowed=self.allowed,
            seconds=self.seconds,
            resolve=self.resolve,
        )

    def _target(self, url: str) -> Target | None:
        try:
            return target_of(url, self.allowed)
        except NotAllowed:
            return None

    async def _note(self, delivery_id: UUID, answer: Answer | None, moment: datetime) -> None:
        async with within(self.sessions, Scope.SERVICE).begin() as session:
            delivery = await repository.delivery(session, delivery_id, is_for_update=True)
            if delivery is None:  # deleted meanwhile
                return
            if answer is None:
                withhold(delivery)
                return
            was_enabled = delivery.webhook.is_enabled
            note(delivery, answer, moment=moment, failing_for=self.failing_for)
            if was_enabled and not delivery.webhook.is_enabled:
                await operations.tell_disabled(session, delivery.webhook)


async def wake(sessions: Sessions, clock: Clock) -> None:
    """Ask for the job that sends, if anything is due."""
    async with within(sessions, Scope.SERVICE)() as session:
        is_due = await repository.due(session, clock(), but=[], limit=1)
    if is_due:
        await defer_once("deliver_webhooks")
