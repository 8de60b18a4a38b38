"""The cast of the tests: accounts of every role, each with a signed-in HTTP client."""

from contextlib import AsyncExitStack
from typing import Self
from uuid import UUID

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Request
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, Role
from app.organizations.models import (
    Membership,
    MembershipState,
    Organization,
    OrganizationKind,
    OrganizationState,
)
from app.search import search_vector
from tests.audit_trail import AuditTrail

# Of every account that `People` makes; the hash is made once for all, and as cheap as can be.
PASSWORD = "correct-horse-42"
PASSWORD_HASH = (
    "$argon2id$v=19$m=8,t=1,p=1$rUypxCGqy7+QmOlXEGt74Q$WgYwO26PykrRD9OAjvAOffBtepr9cv51eH0zmYZ8on0"
)
YIWU, JINHUA, ZHEJIANG, GUANGZHOU = "330782", "330700", "330000", "440100"


async def overwriting(request: Request) -> None:
    """Where a test does not say which version it saw, it means whichever there is."""
    if request.method in ("PUT", "PATCH", "DELETE"):
        request.headers.setdefault("If-Match", "*")


async def new_key(client: AsyncClient, **fields: object) -> dict[str, str]:
    """An API key of the client's account, which `People` has made."""
    answer = await client.post("/api-keys", json={"name": "接口", "password": PASSWORD, **fields})
    assert answer.status_code == 201, answer.text
    key: dict[str, str] = answer.json()
    return key


class People:
    """Makes accounts straight in the database and clients that carry their tokens.

    Passwords are not hashed here: all have the same.
    """

    def __init__(self, app: FastAPI, session: AsyncSession) -> None:
        self._app = app
        self._session = session
        # An application that a test makes besides has none: nobody checks it.
        self._trail: AuditTrail = getattr(app.state, "audit_trail", AuditTrail())
        self._clients = AsyncExitStack()
        self._count = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._clients.aclose()

    async def account(self, role: Role, *, region_code: str | None = None) -> Account:
        self._count += 1
        account = Account(
            email=f"{role}{self._count}@test.invalid",
            display_name=f"{role} {self._count}",
            role=role,
            region_code=region_code,
            password_hash=PASSWORD_HASH,
            is_active=True,
        )
        self._session.add(account)
        await self._session.commit()
        return account

    async def client(self, account: Account) -> AsyncClient:
        """A client signed in as the account."""
        token = self._app.state.access_tokens.write(account.id)
        transport = ASGITransport(app=self._app, raise_app_exceptions=False)
        client = AsyncClient(
            transport=transport,
            base_url="http://test/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            event_hooks={
                "request": [overwriting],
                "response": [self._trail.note],
            },
        )
        return await self._clients.enter_async_context(client)

    async def coordinator(self, region_code: str | None = YIWU) -> AsyncClient:
        return await self.client(await self.account(Role.COORDINATOR, region_code=region_code))

    async def administrator(self) -> AsyncClient:
        return await self.client(await self.account(Role.ADMINISTRATOR))

    async def evaluator(self) -> AsyncClient:
        return await self.client(await self.account(Role.EVALUATOR))

    async def expert(self) -> AsyncClient:
        return await self.client(await self.account(Role.EXPERT))

    async def enterprise(self, organization: Organization | None = None) -> AsyncClient:
        """A client of an approved member of the organization, by default of a new one in Yiwu."""
        account = await self.account(Role.ENTERPRISE, region_code=YIWU)
        await self.join(account, organization or await self.organization())
        return await self.client(account)

    async def organization(
        self,
        name: str = "",
        *,
        kind: OrganizationKind = OrganizationKind.ENTERPRISE,
        region_code: str = YIWU,
        state: OrganizationState = OrganizationState.VERIFIED,
    ) -> Organization:
        self._count += 1
        name = name or f"测试机构{self._count}"
        organization = Organization(
            name=name,
            kind=kind,
            region_code=region_code,
            state=state,
            search=search_vector([], names=[name]),
        )
        self._session.add(organization)
        await self._session.commit()
        return organization

    async def join(self, account: Account, organization: Organization) -> UUID:
        membership = Membership(
            account_id=account.id,
            organization_id=organization.id,
            state=MembershipState.APPROVED,
        )
        self._session.add(membership)
        await self._session.commit()
        return membership.id
