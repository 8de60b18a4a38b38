"""The caller as the rules see them: role, region, and the organizations they act for."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import repository
from app.accounts.dependencies import CurrentAccount
from app.accounts.models import Account, Role
from app.database import SessionDep
from app.interface.errors import Forbidden
from app.regions import covers

# Who may act for an organization. Staff judge what organizations hand in, so they act for none.
ORGANIZATION_ROLES = frozenset({Role.ENTERPRISE, Role.EXPERT})
# Who reads what the pools hold openly; everybody else sees their own records.
POOL_READERS = frozenset({Role.COORDINATOR, Role.ADMINISTRATOR, Role.EVALUATOR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts: the service itself without an account, country-wide without a region."""

    account_id: UUID | None
    role: Role
    region_code: str | None = None
    organization_ids: frozenset[UUID] = frozenset()

    @property
    def is_staff(self) -> bool:
        return self.role in (Role.COORDINATOR, Role.ADMINISTRATOR)

    def manages_region(self, region_code: str | None) -> bool:
        """Whether this is staff whose region includes `region_code`."""
        return self.is_staff and covers(self.scope, region_code)

    def acts_for(self, organization_id: UUID | None) -> bool:
        return organization_id in self.organization_ids

    @property
    def scope(self) -> str | None:
        """The region that bounds this actor; an administrator's is the whole country."""
        return None if self.role is Role.ADMINISTRATOR else self.region_code


def actor_of(session: AsyncSession, account: Account) -> Actor:
    """The account that has entered, with the memberships that were approved."""
    return Actor(
        account_id=account.id,
        role=account.role,
        region_code=account.region_code,
        organization_ids=repository.organization_ids(session),
    )


async def get_actor(session: SessionDep, account: CurrentAccount) -> Actor:
    return actor_of(session, account)


CurrentActor = Annotated[Actor, Depends(get_actor)]


def acting_as(*roles: Role) -> Callable[[Actor], Coroutine[Any, Any, Actor]]:
    """A dependency that answers 403 to every actor of another role."""

    async def check(actor: CurrentActor) -> Actor:
        if actor.role not in roles:
            raise Forbidden()
        return actor

    return check


StaffActor = Annotated[Actor, Depends(acting_as(Role.COORDINATOR, Role.ADMINISTRATOR))]
AdministratorActor = Annotated[Actor, Depends(acting_as(Role.ADMINISTRATOR))]

# What the command line and jobs do is done by the service itself.
SERVICE = Actor(account_id=None, role=Role.ADMINISTRATOR)
