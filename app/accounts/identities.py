"""Identities at providers: linked by the account's owner, and then a way to sign in.

An identity that nobody has linked never becomes an account's own by its e-mail alone: whoever
controls the mailbox at a provider would take the account over, its password notwithstanding.
"""

from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import flows, repository
from app.accounts.models import NO_PASSWORD, Account, Identity, Role
from app.accounts.providers import Attestation, ProviderClients
from app.accounts.schemas import (
    Authorization,
    IdentityBody,
    IdentityQuery,
    LinkStart,
    NewEmail,
    Provider,
    ProviderFinish,
    Providers,
    SecondStep,
    Tokens,
)
from app.accounts.secrets import AccessTokens
from app.accounts.sign_in import ENDED, pass_first_step, require_password
from app.changes import operations as changes
from app.clock import now
from app.interface.errors import Conflict, Forbidden, NotFound, NotSignedIn
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.interface.preconditions import meet
from app.interface.schemas import ShortText
from app.interface.sign_in_providers import SignInProvider
from app.scopes import Scope, open_scope

MAX_IDENTITIES = 10
EMAIL, NAME = TypeAdapter[str](NewEmail), TypeAdapter[str](ShortText)


class IdentityUnknown(Forbidden):
    """Nobody has linked this identity, and it may not become an account by itself."""

    code = "identity_unknown"
    title = Text("该身份尚未关联账号", "This identity is linked to no account")


UNKNOWN = Text(
    "请先用密码登录并关联该身份，或请工作人员建立账号",
    "Sign in with your password and link it, or ask the staff for an account",
)
TAKEN = Text(
    "该邮箱已有账号：请登录该账号后关联此身份",
    "There is an account with this e-mail: sign in to it and link this identity",
)


def listed_providers(clients: ProviderClients) -> Providers:
    found = clients.providers.values()
    return Providers(items=[Provider(name=p.name, label=p.label) for p in found])


async def sign_in(
    session: AsyncSession,
    clients: ProviderClients,
    tokens: AccessTokens,
    data: ProviderFinish,
) -> Tokens | SecondStep:
    """Into the account that the identity is linked to, or into a new one if that is allowed."""
    began_at = now()
    provider, who = await flows.end(clients, data)
    identity = await repository.find_identity(session, who.issuer, who.subject)
    known = await repository.open_scope_of(session, identity.account_id) if identity else None
    account = known or await _new_account(session, provider, who)
    if not account.is_active:
        raise NotSignedIn(ENDED)
    return await pass_first_step(session, tokens, account, began_at)


async def begin_link(clients: ProviderClients, account: Account, data: LinkStart) -> Authorization:
    """Before the account gets another way in, its password is asked for."""
    await require_password(account, data.password)
    return await flows.begin(clients, data, account.id)


async def link(
    session: AsyncSession, clients: ProviderClients, account: Account, data: ProviderFinish
) -> IdentityBody:
    provider, who = await flows.end(clients, data, account.id)
    if await repository.find_identity(session, who.issuer, who.subject):
        raise Conflict(Text("该身份已关联账号", "This identity is linked already"))
    valid_from = account.tokens_valid_from
    await repository.lock(session, account.id)  # two at once would both count nine
    await session.refresh(account)
    if account.tokens_valid_from != valid_from:  # a reset beside it has unlinked all
        raise NotSignedIn(ENDED)
    if await repository.count_identities(session, account.id) >= MAX_IDENTITIES:
        raise Conflict(Text("最多关联 10 个身份", "Ten identities at most"))
    return show(clients, await _link(session, account, provider, who))


async def search(
    pages: Pages, clients: ProviderClients, account: Account, query: IdentityQuery
) -> Page[IdentityBody]:
    return await pages.read(
        repository.listed_identities(account.id),
        query=query,
        columns={"created_at": Identity.created_at},
        show=lambda identity: show(clients, identity),
    )


async def unlink(session: AsyncSession, account: Account, identity_id: UUID) -> None:
    """The last way into an account without a password stays."""
    await repository.lock(session, account.id)  # two at once would both count two
    identity = await repository.find_own_identity(session, account.id, identity_id)
    if identity is None:
        raise NotFound()
    meet(session, identity)
    if not account.has_password and await repository.count_identities(session, account.id) == 1:
        raise Conflict(Text("这是唯一的登录方式", "This is the only way to sign in"))
    await session.delete(identity)
    await _tell_unlinked(session, account.id, identity.id)


async def unlink_all(session: AsyncSession, account_id: UUID) -> None:
    """No identity signs in any more: who knew the old password may have linked one."""
    for identity_id in await repository.delete_identities(session, account_id):
        await _tell_unlinked(session, account_id, identity_id)


async def _tell_unlinked(session: AsyncSession, account_id: UUID, identity_id: UUID) -> None:
    data = {"identity_id": str(identity_id)}
    await changes.append(
        session, "account.identity_unlinked", account_id, actor_id=account_id, data=data
    )


def show(clients: ProviderClients, identity: Identity) -> IdentityBody:
    names = {provider.issuer: name for name, provider in clients.providers.items()}
    return IdentityBody(
        id=identity.id,
        version=identity.version,
        provider=names.get(identity.issuer),
        issuer=identity.issuer,
        created_at=identity.created_at,
    )


async def _link(
    session: AsyncSession, account: Account, provider: SignInProvider, who: Attestation
) -> Identity:
    identity = Identity(account_id=account.id, issuer=who.issuer, subject=who.subject)
    session.add(identity)
    data = {"identity_id": str(identity.id), "provider": provider.name}
    await changes.append(
        session, "account.identity_linked", account.id, actor_id=account.id, data=data
    )
    return identity


async def _new_account(
    session: AsyncSession, provider: SignInProvider, who: Attestation
) -> Account:
    """An account without a password, for a verified e-mail that has none yet."""
    email = _email(who)
    if provider.new_accounts is None or email is None:
        raise IdentityUnknown(UNKNOWN)
    if await repository.find_by_email(session, email):
        raise IdentityUnknown(TAKEN)
    await open_scope(session, Scope.REGISTRATION)
    account = Account(
        email=email,
        display_name=_name(who, email),
        role=Role(provider.new_accounts),
        password_hash=NO_PASSWORD,
        is_active=True,
    )
    session.add(account)
    await changes.append(session, "account.created", account.id, actor_id=account.id)
    await _link(session, account, provider, who)
    return account


def _email(who: Attestation) -> str | None:
    try:
        return EMAIL.validate_python(who.verified_email)
    except ValidationError:
        return None


def _name(who: Attestation, email: str) -> str:
    try:
        return NAME.validate_python(who.name)
    except ValidationError:
        return email.partition("@")[0][:100]
