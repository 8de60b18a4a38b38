"""Who may see long work, and what is kept of it: whoever asked for it, and administrators.

Imports follow the same rule; their reports may show what lies outside a region.
"""

from uuid import UUID

from sqlalchemy import ColumnElement, true
from sqlalchemy.orm import InstrumentedAttribute

from app.accounts.models import Role
from app.organizations.actors import Actor
from app.progress.models import LIVING, Operation


def may_read(actor: Actor, asked_by: UUID | None) -> bool:
    return _reads_all(actor) or asked_by == actor.account_id


def readable(actor: Actor, asked_by: InstrumentedAttribute[UUID | None]) -> ColumnElement[bool]:
    """The same rule as `may_read`, in SQL."""
    return true() if _reads_all(actor) else asked_by == actor.account_id


def allowed_actions(operation: Operation) -> list[str]:
    """What whoever reads the operation may do with it now."""
    is_cancellable = operation.state in LIVING and operation.cancel_requested_at is None
    return ["cancel"] if is_cancellable else []


def _reads_all(actor: Actor) -> bool:
    return actor.role is Role.ADMINISTRATOR
