"""Who may see and manage an account."""

from sqlalchemy import ColumnElement, false, true

from app.accounts.models import MEMBERS, Account, Role
from app.regions import covers, in_jurisdiction


def may_manage(actor: Account, account: Account) -> bool:
    """Administrators manage all; coordinators the members of their region."""
    if actor.role is Role.ADMINISTRATOR:
        return True
    return (
        actor.role is Role.COORDINATOR
        and account.role in MEMBERS
        and covers(actor.region_code, account.region_code)
    )


def may_erase_own(account: Account) -> bool:
    """Whoever has records of their own; staff and evaluators first hand their work over."""
    return account.role in MEMBERS


def readable(actor: Account) -> ColumnElement[bool]:
    """The same rule as `may_manage`, in SQL."""
    if actor.role is Role.ADMINISTRATOR:
        return true()
    return managed_role(actor.role) & in_jurisdiction(Account.region_code, actor.region_code)


def managed_role(role: Role) -> ColumnElement[bool]:
    """Accounts whose role somebody of this role manages, wherever they are."""
    if role is Role.ADMINISTRATOR:
        return true()
    return Account.role.in_(MEMBERS) if role is Role.COORDINATOR else false()


def allowed_actions(actor: Account, account: Account) -> list[str]:
    """What the actor may do with this account now."""
    actions = ["update", "issue-password-reset"] if may_manage(actor, account) else []
    if account.has_second_factor and actor.role is Role.ADMINISTRATOR and actor.id != account.id:
        actions.append("reset-second-factor")
    return actions + (["change-password"] if actor.id == account.id else [])
