"""Connections whose statements stay prepared when a transaction is undone.

The driver forgets them with every ROLLBACK, since a statement may ask a table that was undone. The
service makes no tables; what it undoes is the work of each request that it refuses, and all
statements of the next requests would be planned anew, which under row-level security takes longer
than to run them.
"""

from typing import Any

from psycopg import AsyncConnection
from psycopg._preparing import PrepareManager  # only this decides what is forgotten when
from psycopg.pq import TransactionStatus


class KeptStatements(PrepareManager):
    """What is prepared on a connection."""

    is_undoing = False

    def clear(self) -> bool:
        return False if self.is_undoing else super().clear()


class KeepingConnection(AsyncConnection[Any]):
    """Forgets its statements only with a transaction that met an error.

    A migration may have changed what one of them returns, which PostgreSQL calls an error for as
    long as it stays prepared.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._prepared = self._kept = KeptStatements()

    async def rollback(self) -> None:
        self._kept.is_undoing = self.info.transaction_status == TransactionStatus.INTRANS
        try:
            await super().rollback()
        finally:
            self._kept.is_undoing = False
