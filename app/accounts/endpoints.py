"""HTTP for sign-in, one's own account, accounts and API keys."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.accounts import (
    api_keys,
    flows,
    identities,
    operations,
    password_reset,
    second_factor,
    sign_in,
)
from app.accounts.dependencies import (
    Caller,
    CurrentAccount,
    EnrollingAccount,
    SignedInAccount,
    SignedInAdministratorAccount,
    SignedInStaffAccount,
    StaffAccount,
)
from app.accounts.providers import ProviderClientsDep
from app.accounts.schemas import (
    AccountBody,
    AccountCreate,
    AccountQuery,
    AccountUpdate,
    ApiKeyBody,
    ApiKeyCreate,
    ApiKeyQuery,
    Authorization,
    Enrolment,
    IdentityBody,
    IdentityQuery,
    LinkStart,
    MeUpdate,
    NewApiKey,
    PasswordChange,
    PasswordResetCode,
    PasswordResetRequest,
    PasswordResetUse,
    ProviderFinish,
    Providers,
    ProviderStart,
    RecoveryCodes,
    RecoveryCodesRenewal,
    Refresh,
    SecondFactorBody,
    SecondFactorCode,
    SecondFactorDisabling,
    SecondFactorEnrolment,
    SecondStep,
    SignIn,
    SignInFinish,
    Tokens,
)
from app.accounts.secrets import AccessTokensDep
from app.clock import MomentDep
from app.database import SessionDep
from app.interface.admission import limited
from app.interface.auditing import by_email, sensitive
from app.interface.idempotency import unkept
from app.interface.pagination import Page, PagesDep
from app.interface.policies import RateClass
from app.interface.routing import DomainRouter
from app.settings import SettingsDep

router = DomainRouter("accounts")


@router.post("/auth:sign-in")
@unkept
@by_email
@limited(RateClass.SIGN_IN, email_of=lambda values: values["data"].email)
async def sign_in_with_password(
    session: SessionDep, tokens: AccessTokensDep, data: SignIn
) -> Tokens | SecondStep:
    """登录 · Exchange e-mail and password for tokens, or for a challenge to the second step."""
    return await sign_in.sign_in(session, tokens, data)


@router.post("/auth:finish-sign-in")
@unkept
async def finish_sign_in(
    session: SessionDep,
    tokens: AccessTokensDep,
    moment: MomentDep,
    data: SignInFinish,
) -> Tokens:
    """登录第二步 · Exchange a challenge and a code of the authenticator, once, for tokens."""
    return await second_factor.finish_sign_in(session, tokens, moment, data)


@router.get("/auth/providers")
async def list_providers(providers: ProviderClientsDep) -> Providers:
    """身份提供方 · The OpenID Connect providers that people may sign in with."""
    return identities.listed_providers(providers)


@router.post("/auth:start-with-provider")
@unkept
async def start_with_provider(providers: ProviderClientsDep, data: ProviderStart) -> Authorization:
    """到身份提供方登录 · Where to send somebody who signs in there; keep `flow` for the finish."""
    return await flows.begin(providers, data)


@router.post("/auth:finish-with-provider")
@unkept
async def finish_with_provider(
    session: SessionDep,
    providers: ProviderClientsDep,
    tokens: AccessTokensDep,
    data: ProviderFinish,
) -> Tokens | SecondStep:
    """从身份提供方返回 · Exchange the provider's code for tokens, or for a challenge."""
    return await identities.sign_in(session, providers, tokens, data)


@router.post("/auth:refresh")
@unkept
@limited(RateClass.REFRESH)
async def refresh_tokens(session: SessionDep, tokens: AccessTokensDep, data: Refresh) -> Tokens:
    """续期 · Exchange a refresh token, once, for new tokens; a second use ends the sign-in."""
    return await sign_in.refresh(session, tokens, data.refresh_token)


@router.post("/auth:sign-out", status_code=status.HTTP_204_NO_CONTENT)
@unkept
@limited(RateClass.REFRESH)
async def sign_out(session: SessionDep, data: Refresh) -> None:
    """退出 · End the sign-in that this refresh token belongs to."""
    await sign_in.sign_out(session, data.refresh_token)


@router.post("/auth:request-password-reset", status_code=status.HTTP_202_ACCEPTED)
@by_email
@limited(RateClass.PASSWORD_RESET, email_of=lambda values: values["data"].email)
async def request_password_reset(session: SessionDep, data: PasswordResetRequest) -> None:
    """申请重置密码 · Ask the staff for a reset code; the answer is the same for every e-mail."""
    await password_reset.request(session, data.email)


@router.post("/auth:reset-password", status_code=status.HTTP_204_NO_CONTENT)
@unkept
@limited(RateClass.PASSWORD_RESET)
async def reset_password(session: SessionDep, data: PasswordResetUse) -> None:
    """重置密码 · Set a new password with a one-time code from the staff.

    Sign-ins, API keys and linked identities end: link yours again. The second factor stays.
    """
    await password_reset.use(session, data)


@router.get("/me")
async def read_me(account: Caller) -> AccountBody:
    """我的账号 · The account behind this token."""
    return operations.show(account, account)


@router.patch("/me")
async def update_me(session: SessionDep, account: CurrentAccount, data: MeUpdate) -> AccountBody:
    """修改我的账号 · Change one's own display name."""
    return operations.show(account, await operations.update_own(session, account, data))


@router.post("/me:change-password")
@unkept
@limited(RateClass.SIGN_IN, email_of=lambda values: values["account"].email)
async def change_password(
    session: SessionDep,
    tokens: AccessTokensDep,
    account: SignedInAccount,
    data: PasswordChange,
) -> Tokens:
    """修改密码 · Set a new password; all tokens of the account end but the new ones."""
    return await sign_in.change_password(session, tokens, account, data)


@router.get("/me/second-factor")
@sensitive()
async def read_second_factor(session: SessionDep, account: Caller) -> SecondFactorBody:
    """两步验证 · Whether the caller has a second factor, and how many recovery codes are left."""
    return await second_factor.show(session, account)


@router.post("/me/second-factor:enrol")
@unkept
@limited(RateClass.SIGN_IN, email_of=lambda values: values["account"].email)
async def enrol_second_factor(
    session: SessionDep, account: EnrollingAccount, data: SecondFactorEnrolment
) -> Enrolment:
    """设置两步验证 · A secret for an authenticator, shown once; confirm it with a code."""
    return await second_factor.enrol(session, account, data)


@router.post("/me/second-factor:confirm")
@unkept
async def confirm_second_factor(
    session: SessionDep, account: EnrollingAccount, moment: MomentDep, data: SecondFactorCode
) -> RecoveryCodes:
    """启用两步验证 · From now on a sign-in asks for a code; recovery codes are shown once."""
    return await second_factor.confirm(session, account, moment, data.code)


@router.post("/me/second-factor:renew-recovery-codes")
@unkept
@limited(RateClass.SIGN_IN, email_of=lambda values: values["account"].email)
async def renew_recovery_codes(
    session: SessionDep, account: SignedInAccount, moment: MomentDep, data: RecoveryCodesRenewal
) -> RecoveryCodes:
    """更换恢复码 · Ten new ones, shown once, with the password and a code; the old ones end."""
    return await second_factor.renew_recovery_codes(session, account, moment, data)


@router.post("/me/second-factor:disable", status_code=status.HTTP_204_NO_CONTENT)
@unkept
@limited(RateClass.SIGN_IN, email_of=lambda values: values["account"].email)
async def disable_second_factor(
    session: SessionDep, account: EnrollingAccount, moment: MomentDep, data: SecondFactorDisabling
) -> None:
    """停用两步验证 · With the password and a code."""
    await second_factor.disable(session, account, moment, data)


@router.get("/me/identities")
@sensitive()
async def list_identities(
    pages: PagesDep,
    providers: ProviderClientsDep,
    account: CurrentAccount,
    query: Annotated[IdentityQuery, Query()],
) -> Page[IdentityBody]:
    """我的外部身份 · The identities that the caller may sign in with."""
    return await identities.search(pages, providers, account, query)


@router.post("/me/identities:start")
@unkept
@limited(RateClass.SIGN_IN, email_of=lambda values: values["account"].email)
async def start_link(
    providers: ProviderClientsDep, account: SignedInAccount, data: LinkStart
) -> Authorization:
    """开始关联 · Where to send the caller to link an identity; keep `flow` for the finish."""
    return await identities.begin_link(providers, account, data)


@router.post("/me/identities", status_code=status.HTTP_201_CREATED)
async def link_identity(
    session: SessionDep,
    providers: ProviderClientsDep,
    account: SignedInAccount,
    data: ProviderFinish,
) -> IdentityBody:
    """关联外部身份 · Link the identity that the provider attests to the caller's account."""
    return await identities.link(session, providers, account, data)


@router.delete("/me/identities/{identity_id:uuid}", status_code=status.HTTP_204_NO_CONTENT)
async def unlink_identity(session: SessionDep, account: SignedInAccount, identity_id: UUID) -> None:
    """解除关联 · The identity signs in no more."""
    await identities.unlink(session, account, identity_id)


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
    session: SessionDep, account: SignedInStaffAccount, account_id: UUID, data: AccountUpdate
) -> AccountBody:
    """修改账号 · Change name, region or activity; deactivating ends every sign-in and key."""
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
    managed = await operations.get_managed(session, account, account_id, "issue-password-reset")
    return await password_reset.issue(session, account, managed, settings.reset_lifetime)


@router.post(
    "/accounts/{account_id:uuid}:reset-second-factor", status_code=status.HTTP_204_NO_CONTENT
)
async def reset_second_factor(
    session: SessionDep, account: SignedInAdministratorAccount, account_id: UUID
) -> None:
    """重置两步验证 · Take the second factor from somebody who lost it; their sign-ins end."""
    managed = await operations.get_managed(session, account, account_id, "reset-second-factor")
    await second_factor.reset(session, account, managed)


@router.post("/api-keys", status_code=status.HTTP_201_CREATED)
@unkept
@limited(RateClass.SIGN_IN, email_of=lambda values: values["account"].email)
async def create_api_key(
    session: SessionDep, account: SignedInAccount, data: ApiKeyCreate
) -> NewApiKey:
    """建立 API 密钥 · A key that acts for the caller, with their password; shown this once."""
    return await api_keys.create(session, account, data)


@router.get("/api-keys")
@sensitive()
async def list_api_keys(
    pages: PagesDep, account: CurrentAccount, query: Annotated[ApiKeyQuery, Query()]
) -> Page[ApiKeyBody]:
    """我的 API 密钥 · The caller's keys, without their secrets."""
    return await api_keys.search(pages, account, query)


@router.delete("/api-keys/{key_id:uuid}", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_api_key(session: SessionDep, account: CurrentAccount, key_id: UUID) -> None:
    """吊销 API 密钥 · End one of the caller's keys."""
    await api_keys.revoke(session, account, key_id)
