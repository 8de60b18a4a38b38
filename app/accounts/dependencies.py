"""Who is calling: the account behind a bearer token or an API key."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import repository
from app.accounts.models import STAFF, Account, ApiKey, Role
from app.accounts.secrets import AccessClaims, AccessTokensDep, digest
from app.clock import now
from app.database import SessionDep
from app.interface import auditing
from app.interface.errors import Forbidden, NotSignedIn
from app.interface.language import Text
from app.scopes import Sessions
from app.settings import SettingsDep

API_KEY_PREFIX = "sk_"
READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
USE_NOTED_EVERY = timedelta(minutes=1)

bearer = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="访问令牌（`/auth:sign-in`）或 API 密钥（`sk_…`） · access token or API key",
)


Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


async def get_caller(
    request: Request,
    session: SessionDep,
    tokens: AccessTokensDep,
    credentials: Credentials,
) -> Account:
    """The active account of the caller; 401 without one.

    From here on the transaction sees and writes what this account may, see `app.scopes`.
    """
    if credentials is None:
        raise NotSignedIn()
    secret = credentials.credentials
    if secret.startswith(API_KEY_PREFIX):
        account = await _account_of_key(session, secret, request.method)
    else:
        account = await _account_of_token(session, tokens.read(secret))
    if account is None or not account.is_active:
        raise NotSignedIn(Text("令牌无效或已过期", "The token is not valid or has expired"))
    request.state.principal = account.id
    request.state.standing = _standing(session, account)
    return account


def _standing(session: AsyncSession, account: Account) -> str:
    """What the account's rights rest on, apart from the records."""
    organizations = sorted(map(str, repository.organization_ids(session)))
    return " ".join([account.role, account.region_code or "", *organizations])


async def _account_of_token(session: AsyncSession, claims: AccessClaims | None) -> Account | None:
    account = await repository.open_scope_of(session, claims.account_id) if claims else None
    if account is None or claims is None or claims.issued_at < account.tokens_valid_from:
        return None
    auditing.identify(session, account.id, account.role)
    return account


async def account_of_key(sessions: Sessions, secret: str) -> UUID | None:
    """Whose API key this is, for whoever has yet to let the request in."""
    if not secret.startswith(API_KEY_PREFIX):
        return None
    async with sessions() as session:
        found = await _owner_of(session, secret)
    return found[0].id if found is not None and found[0].is_active else None


async def _owner_of(session: AsyncSession, secret: str) -> tuple[Account, ApiKey] | None:
    """The account of a living key, and the key."""
    account = await repository.open_scope_by_secret(session, digest(secret))
    key = await repository.find_api_key(session, digest(secret)) if account else None
    if account is None or key is None or not is_living(key):
        return None
    return account, key


async def _account_of_key(session: AsyncSession, secret: str, method: str) -> Account | None:
    found = await _owner_of(session, secret)
    if found is None:
        return None
    account, key = found
    auditing.identify(session, account.id, account.role, api_key_id=key.id)
    if key.is_read_only and method not in READ_METHODS:
        raise Forbidden(Text("该密钥只能读取", "This key may only read"))
    if key.last_used_at is None or now() - key.last_used_at > USE_NOTED_EVERY:
        await repository.note_use(session, key.id)
    return account


def is_living(key: ApiKey) -> bool:
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now())


# Also staff who have yet to set up the second factor that they need: use it where they do that.
Caller = Annotated[Account, Depends(get_caller)]


class SecondFactorNeeded(Forbidden):
    code = "second_factor_needed"


async def get_account(caller: Caller, settings: SettingsDep) -> Account:
    """The caller, who has the second factor that the settings ask of staff; else 403."""
    is_needed = settings.staff_need_second_factor and caller.role in STAFF
    if is_needed and not caller.has_second_factor:
        raise SecondFactorNeeded(Text("请先启用两步验证", "Set up a second factor first"))
    return caller


CurrentAccount = Annotated[Account, Depends(get_account)]


async def refuse_keys(credentials: Credentials) -> None:
    """403 for an API key: a leaked one could outlive its end."""
    if credentials is not None and credentials.credentials.startswith(API_KEY_PREFIX):
        raise Forbidden(Text("请登录后操作，不能使用 API 密钥", "Sign in; a key may not do this"))


NoKey = Annotated[None, Depends(refuse_keys)]


async def get_person(account: CurrentAccount, _: NoKey) -> Account:
    """The caller, who signed in."""
    return account


async def get_enrolling_person(caller: Caller, _: NoKey) -> Account:
    """The caller, who signed in, also before the second factor that they need."""
    return caller


EnrollingAccount = Annotated[Account, Depends(get_enrolling_person)]
SignedInAccount = Annotated[Account, Depends(get_person)]


def with_role(*roles: Role) -> Callable[[Account], Coroutine[Any, Any, Account]]:
    """A dependency that answers 403 to every account of another role."""

    async def check(account: CurrentAccount) -> Account:
        if account.role not in roles:
            raise Forbidden()
        return account

    return check


StaffAccount = Annotated[Account, Depends(with_role(*STAFF))]
AdministratorAccount = Annotated[Account, Depends(with_role(Role.ADMINISTRATOR))]


async def get_staff_person(account: StaffAccount, person: SignedInAccount) -> Account:
    """Staff who signed in: a leaked key must not open a second way in."""
    return person


async def get_administrating_person(
    account: AdministratorAccount, person: SignedInAccount
) -> Account:
    return person


SignedInStaffAccount = Annotated[Account, Depends(get_staff_person)]
SignedInAdministratorAccount = Annotated[Account, Depends(get_administrating_person)]
