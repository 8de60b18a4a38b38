"""Connections whose statements stay prepared when a transaction is undone.

The driver forgets them with every ROLLBACK, since a statement may ask a table that was undone with
it. No request makes one, but each that is refused is undone, and all statements of the next ones
would be planned anew, which under row-level security takes longer than to run them.

Nothing of this is a part of the driver's interface; tests/app/test_database.py tells if it changes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from psycopg import AsyncConnection
from psycopg._preparing import Key, Prepare, PrepareManager
from psycopg._queries import PostgresQuery
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.rows import AsyncRowFactory, tuple_row

UNDONE = b"ROLLBACK"  # what PostgreSQL answers, also to the rollback of a savepoint


class LastingStatements(PrepareManager):
    """What is prepared on a connection: forgotten when a statement fails, not when it is undone.

    A migration may have changed what a statement returns, which PostgreSQL then refuses for as long
    as it stays prepared.
    """

    def __init__(self, pgconn: PGconn) -> None:
        super().__init__()
        self._pgconn = pgconn
        self._is_undoing = False

    def get(self, query: PostgresQuery, prepare: bool | None = None) -> tuple[Prepare, bytes]:
        """After an error only a savepoint is gone back to, and then nothing tells of the error."""
        if self._has_failed():
            self.clear()
        return super().get(query, prepare)

    def validate(self, key: Key, prep: Prepare, name: bytes, results: Sequence[PGresult]) -> None:
        """Note how a statement has ended."""
        is_undone = any((one.command_status or b"").startswith(UNDONE) for one in results)
        with self.undoing() if is_undone else nullcontext():
            super().validate(key, prep, name, results)

    def clear(self) -> bool:
        """Forget everything, unless something is undone; whether there was anything."""
        return False if self._is_undoing else super().clear()

    @contextmanager
    def undoing(self) -> Iterator[None]:
        """Forget nothing meanwhile, but for a transaction that has met an error."""
        self._is_undoing = not self._has_failed()
        try:
            yield
        finally:
            self._is_undoing = False

    def _has_failed(self) -> bool:
        return self._pgconn.transaction_status == TransactionStatus.INERROR


class LastingConnection(AsyncConnection[Any]):
    """A connection whose statements last."""

    _prepared: LastingStatements

    def __init__(self, pgconn: PGconn, row_factory: AsyncRowFactory[Any] = tuple_row) -> None:
        super().__init__(pgconn, row_factory)
        self._prepared = LastingStatements(pgconn)

    def _rollback_gen(self) -> PQGen[None]:
        with self._prepared.undoing():
            yield from super()._rollback_gen()
