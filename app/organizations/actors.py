"""The caller as the rules see them: role, region, and the organizations they act for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import repository
from app.accounts.dependencies import (
    AdministratorAccount,
    CurrentAccount,
    SignedInAccount,
    StaffAccount,
)
from app.accounts.models import STAFF, Account, Role
from app.database import SessionDep
from app.regions import covers


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts: the service itself without an account, country-wide without a region."""

    account_id: UUID | None
    role: Role
    region_code: str | None = None
    organization_ids: frozenset[UUID] = frozenset()

    @property
    def is_staff(self) -> bool:
        return self.role in STAFF

    def manages_region(self, region_code: str | None) -> bool:
        """Whether this is staff whose region includes `region_code`."""
        return self.is_staff and covers(self.jurisdiction, region_code)

    def acts_for(self, organization_id: UUID | None) -> bool:
        return organization_id in self.organization_ids

    def region_for(self, region_code: str | None) -> str | None:
        """The region of what the actor enters: staff's and experts' own, where none is stated.

        What has none is open to the staff of every region; an administrator may mean that.
        """
        return region_code or (None if self.role is Role.ENTERPRISE else self.jurisdiction)

    def placing(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The changes of a record; one that takes its region away gives it that of `region_for`."""
        if "region_code" not in changes:
            return dict(changes)
        return {**changes, "region_code": self.region_for(changes["region_code"])}

    @property
    def jurisdiction(self) -> str | None:
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


async def get_signed_in_actor(session: SessionDep, account: SignedInAccount) -> Actor:
    return actor_of(session, account)


async def get_staff_actor(session: SessionDep, account: StaffAccount) -> Actor:
    return actor_of(session, account)


async def get_administrating_actor(session: SessionDep, account: AdministratorAccount) -> Actor:
    return actor_of(session, account)


SignedInActor = Annotated[Actor, Depends(get_signed_in_actor)]
StaffActor = Annotated[Actor, Depends(get_staff_actor)]
AdministratorActor = Annotated[Actor, Depends(get_administrating_actor)]

# What the command line and jobs do is done by the service itself.
SERVICE = Actor(account_id=None, role=Role.ADMINISTRATOR)
