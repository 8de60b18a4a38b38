"""The statements on the shared counters of the rate limits, each a transaction of its own.

A counter is one moment: when its whole quota is there again, if nobody asks any more (the
"theoretical arrival time" of the generic cell rate algorithm, ITU-T I.371). A counter whose moment
has passed says as much as none, and one further ahead than a whole quota, which only a clock that
was set back leaves behind, as much as that.
"""

from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.interface.policies import Policy

TAKE = text("""
    INSERT INTO rate_limits AS kept (subject, full_at, charged)
    VALUES (
        :subject, now() + LEAST(:wanted, :quota) * make_interval(secs => :step),
        LEAST(:wanted, :quota)
    )
    ON CONFLICT (subject) DO UPDATE SET (full_at, charged) = (
        SELECT base + n * make_interval(secs => :step), n
        FROM (SELECT LEAST(
            GREATEST(kept.full_at, now()), now() + :quota * make_interval(secs => :step)
        )) AS present (base)
        CROSS JOIN LATERAL (SELECT GREATEST(0, LEAST(:wanted, FLOOR(:quota + 0.001 -
            EXTRACT(EPOCH FROM base - now()) / :step)))::int) AS affordable (n)
    )
    RETURNING charged, EXTRACT(EPOCH FROM full_at - now())::float8
""")
GIVE_BACK = text("""
    UPDATE rate_limits SET full_at = full_at - make_interval(secs => :step)
    WHERE subject = :subject
""")
REMEMBER = text("""
    INSERT INTO rate_limits (subject, full_at, charged)
    VALUES (:subject, now() + make_interval(secs => :seconds), 0)
    ON CONFLICT (subject) DO UPDATE SET full_at = EXCLUDED.full_at
""")
IS_REMEMBERED = text("SELECT 1 FROM rate_limits WHERE subject = :subject AND full_at > now()")
FORGET = text("DELETE FROM rate_limits WHERE full_at < now()")


class Charged(NamedTuple):
    """How many requests were charged to a counter, and in how many seconds it will be full."""

    requests: int
    full_in: float


async def take(
    connection: AsyncConnection, subject: bytes, policy: Policy, *, wanted: int
) -> Charged:
    """Charge as many of the wanted requests as the quota has; they may be none."""
    values = {"subject": subject, "wanted": wanted, "quota": policy.quota, "step": policy.step}
    return Charged(*(await connection.execute(TAKE, values)).one())


async def give_back(connection: AsyncConnection, subject: bytes, policy: Policy) -> None:
    """Take back the charge of one request."""
    await connection.execute(GIVE_BACK, {"subject": subject, "step": policy.step})


async def remember(connection: AsyncConnection, subject: bytes, *, seconds: int) -> None:
    await connection.execute(REMEMBER, {"subject": subject, "seconds": seconds})


async def is_remembered(connection: AsyncConnection, subject: bytes) -> bool:
    return await connection.scalar(IS_REMEMBERED, {"subject": subject}) is not None
