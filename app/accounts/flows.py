"""The way to a provider and back, told by what the client keeps meanwhile.

A flow is sealed and kept by the client that began it, so that the service stores nothing for
strangers, every host can finish it, and nobody but that client can: whoever is handed another's
`code` and `state` lacks the flow that belongs to them.
"""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from app.accounts.providers import Attestation, ProviderClients
from app.accounts.schemas import Authorization, ProviderFinish, ProviderStart
from app.accounts.secrets import new_secret
from app.clock import now
from app.encryption.keys import MARK, CannotOpen
from app.encryption.sealed import ring
from app.interface.errors import Invalid, invalid_field
from app.interface.sign_in_providers import SignInProvider

LIFETIME = timedelta(minutes=10)
PLACE = "sign-in flow"


class Flow(BaseModel):
    """`account_id`: whose identity is to be linked; null for a sign-in."""

    model_config = ConfigDict(frozen=True)

    provider: str
    redirect_uri: str
    state: str
    nonce: str
    verifier: str
    account_id: UUID | None
    expires_at: datetime

    def sealed(self) -> str:
        return ring().seal(self.model_dump_json(), PLACE).removeprefix(MARK)


async def begin(
    clients: ProviderClients, data: ProviderStart, account_id: UUID | None = None
) -> Authorization:
    """Where to send the person. Raises Invalid for what is not configured."""
    provider = clients.providers.get(data.provider)
    if provider is None:
        message = ("没有此身份提供方", "No such provider")
        raise invalid_field("/provider", "unknown_provider", *message)
    if data.redirect_uri not in provider.redirect_uris:
        message = ("该回调地址未登记", "This address is not registered")
        raise invalid_field("/redirect_uri", "unknown_redirect_uri", *message)
    flow = Flow(
        provider=provider.name,
        redirect_uri=data.redirect_uri,
        state=new_secret(),
        nonce=new_secret(),
        verifier=new_secret(),
        account_id=account_id,
        expires_at=now() + LIFETIME,
    )
    url = await clients.authorization_url(
        provider,
        redirect_uri=flow.redirect_uri,
        state=flow.state,
        nonce=flow.nonce,
        verifier=flow.verifier,
    )
    return Authorization(
        authorization_url=url, flow=flow.sealed(), expires_in=int(LIFETIME.total_seconds())
    )


async def end(
    clients: ProviderClients, data: ProviderFinish, account_id: UUID | None = None
) -> tuple[SignInProvider, Attestation]:
    """Who came back from which provider, for the same purpose as they left.

    Raises Invalid, NotAttested or ProviderUnavailable.
    """
    flow = _opened(data.flow)
    provider = clients.providers.get(flow.provider)
    if provider is None or flow.account_id != account_id or flow.expires_at <= now():
        raise _bad_flow()
    if not secrets.compare_digest(flow.state.encode(), data.state.encode()):
        message = ("不是同一次登录", "This is not the same sign-in")
        raise invalid_field("/state", "bad_state", *message)
    attestation = await clients.redeem(
        provider,
        code=data.code,
        iss=data.iss,
        redirect_uri=flow.redirect_uri,
        nonce=flow.nonce,
        verifier=flow.verifier,
    )
    return provider, attestation


def _opened(sealed: str) -> Flow:
    try:
        return Flow.model_validate_json(ring().open(MARK + sealed, PLACE))
    except CannotOpen:
        raise _bad_flow() from None


def _bad_flow() -> Invalid:
    message = ("登录已超时或不属于此操作，请重新开始", "Too late, or not for this; start again")
    return invalid_field("/flow", "bad_flow", *message)
