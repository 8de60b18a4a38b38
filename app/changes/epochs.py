"""The lives of a database: a position in the change record is good for one of them only.

Transactions are numbered by the cluster. In a restored database the numbers begin somewhere else,
so that old positions would lose changes or wait for ever, and old changes would seem to come from
the future. A restore therefore begins a new epoch; so does, unasked, a database that finds itself
in another cluster or under another id than its last epoch names.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

BEGIN = text(
    """
    WITH here AS (
        SELECT (SELECT system_identifier::text FROM pg_control_system()) AS cluster,
               (SELECT oid::text FROM pg_database WHERE datname = current_database()) AS database
    ), newest AS (
        SELECT cluster, database FROM epochs ORDER BY number DESC LIMIT 1
    )
    INSERT INTO epochs (cluster, database)
    SELECT here.cluster, here.database FROM here
    WHERE CAST(:is_restored AS boolean)
       OR NOT EXISTS (
           SELECT FROM newest
           WHERE newest.cluster = here.cluster AND newest.database = here.database
       )
    RETURNING number
    """
)
# They belong before all that this cluster has numbered, in the order in which they were made.
RENUMBER = text("UPDATE changes SET transaction_id = '1' WHERE transaction_id <> '1'")


async def begin_epoch(connection: AsyncConnection, *, is_restored: bool = False) -> bool:
    """Begin a new epoch if the database was restored, or was copied here; whether it did.

    Commits. Followers notice by themselves: see `repository.read_since`.
    """
    async with connection.begin():
        number = await connection.scalar(BEGIN, {"is_restored": is_restored})
        if number is not None and (number > 1 or is_restored):
            await connection.execute(RENUMBER)
    return number is not None
