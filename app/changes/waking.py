"""Followers that work by jobs are woken soon after a change that they care for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.changes import repository
from app.jobs import defer_once
from app.scopes import Sessions


@dataclass(eq=False)
class Waking:
    """Puts the followers' tasks into the queue when there is news for them.

    It compares ids, so it may miss what commits behind a younger change; by the clock the tasks
    look for themselves.

    tasks: of each task the first words of the kinds that it reads.
    """

    sessions: Sessions
    tasks: Mapping[str, Sequence[str]]
    _latest_id: int = field(default=0, init=False)

    async def look(self) -> None:
        async with self.sessions() as session:
            latest_id = await repository.latest_id(session)
            before = self._latest_id or latest_id  # a new worker does not ask for all there was
            records = await repository.records_between(session, before, latest_id)
        for task, wanted in self.tasks.items():
            if records & set(wanted):
                await defer_once(task)
        self._latest_id = latest_id
