"""Who may see and manage an account."""

from collections.abc import Collection
from typing import Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, SQLColumnExpression, Text, false, func, true
from sqlalchemy.dialects.postgresql import ARRAY

from app.accounts.models import MEMBERS, Account, Role
from app.regions import all_in_jurisdiction, covers_all


class Manager(Protocol):
    """What of the caller decides which accounts they manage."""

    @property
    def role(self) -> Role: ...

    @property
    def region_code(self) -> str | None: ...


def regions_of(
    account_id: SQLColumnExpression[UUID], region_code: SQLColumnExpression[str | None]
) -> ColumnElement[list[str]]:
    """All regions that an account reaches, whoever asks.

    Its own, those of the organizations that it acts for, and that of its profile; the function is
    PostgreSQL's, see migrations/versions/0015_managed_accounts.py.
    """
    return func.account_regions(account_id, region_code, type_=ARRAY(Text))


def may_manage(actor: Manager, account: Account, regions: Collection[str]) -> bool:
    """Administrators manage all; coordinators those members all of whose regions are theirs.

    Whoever manages an account can become it by a reset code, so one that reaches beyond the
    coordinator's region, or of which nobody can say where it belongs, is not theirs.
    """
    if actor.role is Role.ADMINISTRATOR:
        return True
    return (
        actor.role is Role.COORDINATOR
        and account.role in MEMBERS
        and covers_all(actor.region_code, regions)
    )


def lacks_region(account: Account) -> bool:
    """A coordinator without a region would reach all of them, by an oversight."""
    return account.role is Role.COORDINATOR and account.region_code is None


def may_erase_own(account: Account) -> bool:
    """Whoever has records of their own; staff and evaluators first hand their work over."""
    return account.role in MEMBERS


def managed(actor: Manager) -> ColumnElement[bool]:
    """The same rule as `may_manage`, in SQL."""
    if actor.role is Role.ADMINISTRATOR:
        return true()
    if actor.role is not Role.COORDINATOR:
        return false()
    return Account.role.in_(MEMBERS) & all_in_jurisdiction(
        regions_of(Account.id, Account.region_code), actor.region_code
    )


def allowed_actions(actor: Account, account: Account) -> list[str]:
    """What the actor may do with their own account, or with one that they manage, now."""
    if account.erased_at is not None:
        return []
    is_managed = actor.role is Role.ADMINISTRATOR or actor.id != account.id
    actions = ["update", "issue-password-reset"] if is_managed else []
    if account.has_second_factor and actor.role is Role.ADMINISTRATOR and actor.id != account.id:
        actions.append("reset-second-factor")
    return actions + (["change-password"] if actor.id == account.id else [])
