"""Seal again what is not under the first key: values from before there were keys, and old keys'.

Safe beside a running service and after a kill: each batch is a transaction that touches only rows
which nobody has changed meanwhile, and what is done is not stale any more.
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.encryption import repository
from app.encryption.keys import CannotOpen, KeyRing
from app.encryption.sealed import SealedTable, place_of, ring, sealed_tables
from app.operators import OperatorError
from app.scopes import Scope, Sessions, within

logger = logging.getLogger(__name__)

BATCH = 500
Progress = Callable[[str, int], None]


class MissingKeys(OperatorError):
    """The database holds values that these keys cannot read; ids: of those that could."""

    def __init__(self, ids: Collection[str]) -> None:
        missing = ", ".join(sorted(ids))
        super().__init__(
            f"缺少库中数据所用的加密密钥 {missing}",
            f"keys that the database needs are missing: {missing}",
            "  → 运行 shuangku doctor，查看到哪里找回、放在哪里"
            " · shuangku doctor tells where to look for them, and where to put them",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """How many rows were sealed again, and how many could not be."""

    resealed: int
    left: int


async def require_keys(sessions: Sessions) -> None:
    """Note the key that this process seals with; raises MissingKeys for one that it lacks.

    So a process with a key of its own finds out before it writes what others cannot read.
    """
    keys = ring()
    async with sessions.begin() as session:
        if missing := await repository.key_ids(session) - set(keys.keys):
            raise MissingKeys(missing)
        await repository.note_key(session, keys.first)


async def reseal(sessions: Sessions, progress: Progress = lambda table, done: None) -> Rotation:
    """Put every value under the first key; `progress` hears each table's name and rows done.

    When nothing is left, the other keys are not needed any more.
    """
    keys, total = ring(), 0
    sessions = within(sessions, Scope.SEALING)
    for sealed in sealed_tables():
        done = 0
        while count := await _pass(sessions, sealed, keys):
            done += count
            progress(sealed.table.name, done)
        total += done
    async with sessions.begin() as session:
        left = [await repository.count_stale(session, s, keys.first) for s in sealed_tables()]
        if not any(left):
            await repository.forget_other_keys(session, keys.first)
    return Rotation(resealed=total, left=sum(left))


async def _pass(sessions: Sessions, sealed: SealedTable, keys: KeyRing) -> int:
    """Once over the table; how many rows were sealed again."""
    last, count, limit = UUID(int=0), 0, 1 if sealed.holds_files else BATCH
    while True:
        async with sessions.begin() as session:
            rows = await repository.stale_rows(session, sealed, keys.first, after=last, limit=limit)
            if not rows:
                return count
            renewed = [(row, new) for row in rows if (new := _renewed(sealed, row, keys))]
            count += await repository.replace(session, sealed, renewed)
        last = rows[-1].id


def _renewed(sealed: SealedTable, row: Row[Any], keys: KeyRing) -> list[Any] | None:
    """The row's values under the first key; None if one of them cannot be read."""
    places = {name: place_of(sealed.table.name, name, row.id) for name in sealed.columns}
    try:
        return [keys.renew(row._mapping[name], place) for name, place in places.items()]
    except CannotOpen as error:
        logger.error("%s", error)
        return None
