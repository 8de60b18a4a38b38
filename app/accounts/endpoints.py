"""HTTP for sign-in, one's own account, accounts and API keys."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.accounts import api_keys, operations, password_reset, sign_in
from app.accounts.dependencies import (
    CurrentAccount,
    SignedInAccount,
    SignedInStaffAccount,
    StaffAccount,
)
from app.accounts.schemas import (
    AccountBody,
    AccountCreate,
    AccountQuery,
    AccountUpdate,
    ApiKeyBody,
    ApiKeyCreate,
    ApiKeyQuery,
    MeUpdate,
    NewApiKey,
    PasswordChange,
    PasswordResetCode,
    PasswordResetRequest,
    PasswordResetUse,
    Refresh,
    SignIn,
    Tokens,
)
from app.accounts.secrets import AccessTokensDep
from app.database import SessionDep
from app.interface.auditing import by_email, sensitive
from app.interface.idempotency import unkept
from app.interface.pagination import Page, PagesDep
from app.interface.routing import conventional_router
from app.settings import SettingsDep

router = conventional_router("accounts")


@router.post("/auth:sign-in")
@unkept
@by_email
async def sign_in_with_password(
    session: SessionDep, tokens: AccessTokensDep, settings: SettingsDep, data: SignIn
) -> Tokens:
    """登录 · Exchange e-mail and password for an access token and a refresh token."""
    return await sign_in.sign_in(session, tokens, settings.refresh_lifetime, data)


@router.post("/auth:refresh")
@unkept
async def refresh_tokens(
    session: SessionDep, tokens: AccessTokensDep, settings: SettingsDep, data: Refresh
) -> Tokens:
    """续期 · Exchange a refresh token, once, for new tokens; a second use ends the sign-in."""
    return await sign_in.refresh(session, tokens, settings.refresh_lifetime, data.refresh_token)


@router.post("/auth:sign-out", status_code=status.HTTP_204_NO_CONTENT)
@unkept
async def sign_out(session: SessionDep, data: Refresh) -> None:
    """退出 · End the sign-in that this refresh token belongs to."""
    await sign_in.sign_out(session, data.refresh_token)


@router.post("/auth:request-password-reset", status_code=status.HTTP_202_ACCEPTED)
@by_email
async def request_password_reset(session: SessionDep, data: PasswordResetRequest) -> None:
    """申请重置密码 · Ask the staff for a reset code; the answer is the same for every e-mail."""
    await password_reset.request(session, data.email)


@router.post("/auth:reset-password", status_code=status.HTTP_204_NO_CONTENT)
@unkept
async def reset_password(session: SessionDep, data: PasswordResetUse) -> None:
    """重置密码 · Set a new password with a one-time code from the staff."""
    await password_reset.use(session, data)


@router.get("/me")
async def read_me(account: CurrentAccount) -> AccountBody:
    """我的账号 · The account behind this token."""
    return operations.show(account, account)


@router.patch("/me")
async def update_me(session: SessionDep, account: CurrentAccount, data: MeUpdate) -> AccountBody:
    """修改我的账号 · Change one's own display name."""
    return operations.show(account, await operations.update_own(session, account, data))


@router.post("/me:change-password")
@unkept
async def change_password(
    session: SessionDep,
    tokens: AccessTokensDep,
    settings: SettingsDep,
    account: SignedInAccount,
    data: PasswordChange,
) -> Tokens:
    """修改密码 · Set a new password; all tokens of the account end but the new ones."""
    return await sign_in.change_password(session, tokens, settings.refresh_lifetime, account, data)


@router.post("/accounts", status_code=status.HTTP_201_CREATED)
async def create_account(
    session: SessionDep, account: SignedInStaffAccount, data: AccountCreate
) -> AccountBody:
    """建立账号 · Administrators make any account, coordinators those of enterprises and experts."""
    return operations.show(account, await operations.create(session, account, data))


@router.get("/accounts")
@sensitive()
async def list_accounts(
    pages: PagesDep, account: StaffAccount, query: Annotated[AccountQuery, Query()]
) -> Page[AccountBody]:
    """账号列表 · The accounts that the caller manages."""
    return await operations.search(pages, account, query)


@router.get("/accounts/{account_id:uuid}")
@sensitive()
async def read_account(session: SessionDep, account: StaffAccount, account_id: UUID) -> AccountBody:
    """账号详情 · One account that the caller manages."""
    return operations.show(account, await operations.get(session, account, account_id))


@router.patch("/accounts/{account_id:uuid}")
async def update_account(
    session: SessionDep, account: StaffAccount, account_id: UUID, data: AccountUpdate
) -> AccountBody:
    """修改账号 · Change name, region or activity; deactivating ends every sign-in."""
    changed = await operations.update(session, account, account_id, data)
    return operations.show(account, changed)


@router.post("/accounts/{account_id:uuid}:issue-password-reset")
@unkept
async def issue_password_reset(
    session: SessionDep,
    account: SignedInStaffAccount,
    settings: SettingsDep,
    account_id: UUID,
) -> PasswordResetCode:
    """签发重置码 · A one-time code, shown once, to hand to the account's owner."""
    managed = await operations.get(session, account, account_id)
    return await password_reset.issue(session, account, managed, settings.reset_lifetime)


@router.post("/api-keys", status_code=status.HTTP_201_CREATED)
@unkept
async def create_api_key(
    session: SessionDep, account: SignedInAccount, data: ApiKeyCreate
) -> NewApiKey:
    """建立 API 密钥 · A key that acts for the caller; the key itself is shown this once."""
    return await api_keys.create(session, account, data)


@router.get("/api-keys")
async def list_api_keys(
    pages: PagesDep, account: CurrentAccount, query: Annotated[ApiKeyQuery, Query()]
) -> Page[ApiKeyBody]:
    """我的 API 密钥 · The caller's keys, without their secrets."""
    return await api_keys.search(pages, account, query)


@router.delete("/api-keys/{key_id:uuid}", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_api_key(session: SessionDep, account: CurrentAccount, key_id: UUID) -> None:
    """吊销 API 密钥 · End one of the caller's keys."""
    await api_keys.revoke(session, account, key_id)
