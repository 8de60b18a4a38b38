"""Work on many records of which each is a matter of its own."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.database import OF_CONNECTIONS
from app.scrubbing import safe

logger = logging.getLogger(__name__)


async def attend_to(
    ids: Iterable[UUID], attend: Callable[[UUID], Awaitable[object]], *, what: str
) -> int:
    """Attend to one after the other, each in a transaction of its own; with how many it did so.

    What goes wrong with one is logged and holds back no other, unless the database is away.
    """
    count = 0
    for one in ids:
        try:
            count += bool(await attend(one))
        except (OperationalError, PoolTimeout, *OF_CONNECTIONS):
            raise
        except Exception as error:  # whatever it is, the others are due, too
            logger.error("%s %s is passed over: %s", what, one, safe(error))
    return count
