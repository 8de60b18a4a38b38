"""OpenID Connect providers as their client sees them: discovery, keys, the code's exchange.

What a provider publishes is kept for an hour; keys that do not fit a token are fetched once more,
as the provider may have changed them since.
"""

import asyncio
import logging
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import quote_plus

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from cachetools import TTLCache
from fastapi import Depends, Request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, KeySet

from app.interface.errors import NotSignedIn, Unavailable
from app.interface.language import Text
from app.interface.sign_in_providers import SignInProvider
from app.settings import Settings
from app.trust import trusted

logger = logging.getLogger(__name__)

Document = Mapping[str, Any]

# Signatures that only the provider can make: neither "none" nor those of a shared secret.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
ALGORITHMS += ["EdDSA", "Ed25519"]
KEPT_SECONDS = 3600
LEEWAY_SECONDS = 60
# Each waits with a database connection in hand, of which others need some.
MAX_WAITING = 4


class ProviderUnavailable(Unavailable):
    code = "provider_unavailable"
    title = Text("身份提供方暂不可用，请稍后重试", "The sign-in provider is unavailable; try again")


class NotAttested(NotSignedIn):
    """The provider did not take the code, or its word for who this is does not hold."""

    code = "not_attested"
    title = Text("身份提供方未确认您的身份", "The provider did not confirm who you are")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """Who somebody is, by the word of a provider; an e-mail only if the provider verified it."""

    issuer: str
    subject: str
    verified_email: str | None
    name: str


@dataclass(frozen=True, kw_only=True)
class ProviderClients:
    """The configured providers, reached with one HTTP client."""

    providers: Mapping[str, SignInProvider]
    http: httpx.AsyncClient
    timeout_seconds: float
    documents: TTLCache[str, Document] = field(
        default_factory=lambda: TTLCache(maxsize=100, ttl=KEPT_SECONDS, timer=time.monotonic)
    )
    waiting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_WAITING))

    async def authorization_url(
        self, provider: SignInProvider, *, redirect_uri: str, state: str, nonce: str, verifier: str
    ) -> str:
        """Where the person is to go; raises ProviderUnavailable."""
        async with self._patience(provider):
            metadata = await self._metadata(provider)
        url: str = prepare_grant_uri(
            metadata["authorization_endpoint"],
            client_id=provider.client_id,
            response_type="code",
            redirect_uri=redirect_uri,
            scope=provider.scopes,
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return url

    async def redeem(
        self,
        provider: SignInProvider,
        *,
        code: str,
        iss: str | None,
        redirect_uri: str,
        nonce: str,
        verifier: str,
    ) -> Attestation:
        """Exchange the code for the provider's word; raises NotAttested, ProviderUnavailable."""
        async with self._patience(provider):
            metadata = await self._metadata(provider)
            _require_issuer(provider, metadata, iss)
            answer = await self._exchange(provider, metadata, code, redirect_uri, verifier)
            claims = await self._verified(provider, metadata, answer, nonce)
            return await self._attestation(provider, metadata, answer, claims)

    @asynccontextmanager
    async def _patience(self, provider: SignInProvider) -> AsyncIterator[None]:
        """A few wait for a provider, and not for long; all others are told at once."""
        if self.waiting.locked():
            raise ProviderUnavailable()
        try:
            async with self.waiting, asyncio.timeout(self.timeout_seconds):
                yield
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, LookupError) as error:
            logger.warning("provider %s: %s %s", provider.name, type(error).__name__, error)
            raise ProviderUnavailable() from error

    async def _metadata(self, provider: SignInProvider) -> Document:
        """The provider's description of itself (OpenID Connect Discovery 1.0)."""
        url = provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
        metadata = await self._document(url)
        if metadata.get("issuer") != provider.issuer:
            del self.documents[url]
            raise ValueError("the description is another issuer's")
        return metadata

    async def _document(self, url: str, *, is_renewed: bool = False) -> Document:
        if is_renewed or url not in self.documents:
            answer = await self.http.get(url)
            self.documents[url] = _json_object(answer.raise_for_status())
        return self.documents[url]

    async def _exchange(
        self,
        provider: SignInProvider,
        metadata: Document,
        code: str,
        redirect_uri: str,
        verifier: str,
    ) -> Document:
        """The token endpoint's answer (RFC 6749, 4.1.3; RFC 7636)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        form, headers = _authenticated(provider, metadata, form)
        answer = await self.http.post(metadata["token_endpoint"], data=form, headers=headers)
        if answer.status_code == httpx.codes.BAD_REQUEST:
            logger.warning("provider %s refuses a code", provider.name)
            raise NotAttested()
        return _json_object(answer.raise_for_status())

    async def _verified(
        self, provider: SignInProvider, metadata: Document, answer: Document, nonce: str
    ) -> CodeIDToken:
        """The claims of the ID token, if all of it holds (OpenID Connect Core 1.0, 3.1.3.7)."""
        try:
            token = await self._decoded(metadata, str(answer.get("id_token", "")))
            expected = {"iss": provider.issuer, "aud": provider.client_id}
            claims = CodeIDToken(
                token.claims,
                token.header,
                options={name: {"essential": True, "value": v} for name, v in expected.items()},
                params={
                    "nonce": nonce,
                    "client_id": provider.client_id,
                    "access_token": answer.get("access_token"),
                },
            )
            claims.validate(leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError) as error:
            logger.warning("provider %s: its ID token is refused: %s", provider.name, error)
            raise NotAttested() from error
        return claims

    async def _decoded(self, metadata: Document, id_token: str) -> jwt.Token:
        try:
            keys = _key_set(await self._document(metadata["jwks_uri"]))
            return jwt.decode(id_token, keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            keys = _key_set(await self._document(metadata["jwks_uri"], is_renewed=True))
            return jwt.decode(id_token, keys, algorithms=ALGORITHMS)

    async def _attestation(
        self, provider: SignInProvider, metadata: Document, answer: Document, claims: Document
    ) -> Attestation:
        """With what only the userinfo endpoint says, where an account may be made of it."""
        told = claims
        if provider.new_accounts and "email" not in claims and "userinfo_endpoint" in metadata:
            headers = {"Authorization": f"Bearer {answer['access_token']}"}
            reply = await self.http.get(metadata["userinfo_endpoint"], headers=headers)
            told = _json_object(reply.raise_for_status())
            if told.get("sub") != claims["sub"]:
                raise NotAttested()
        is_verified = told.get("email_verified") is True
        return Attestation(
            issuer=provider.issuer,
            subject=str(claims["sub"]),
            verified_email=str(told["email"]) if is_verified and "email" in told else None,
            name=str(told.get("name") or ""),
        )


def _require_issuer(provider: SignInProvider, metadata: Document, iss: str | None) -> None:
    """Against codes of another provider (RFC 9207)."""
    is_told = bool(metadata.get("authorization_response_iss_parameter_supported"))
    if (iss is None and is_told) or iss not in (None, provider.issuer):
        raise NotAttested()


def _authenticated(
    provider: SignInProvider, metadata: Document, form: dict[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The form and headers that say which client asks (RFC 6749, 2.3.1)."""
    secret = provider.client_secret.get_secret_value()
    if not secret:
        return form | {"client_id": provider.client_id}, {}
    supported = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    if "client_secret_basic" in supported:
        pair = f"{quote_plus(provider.client_id)}:{quote_plus(secret)}"
        return form, {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    return form | {"client_id": provider.client_id, "client_secret": secret}, {}


def _json_object(answer: httpx.Response) -> Document:
    body = answer.json()
    if not isinstance(body, dict):
        raise ValueError("should be a JSON object")
    return body


def _key_set(document: Document) -> KeySet:
    """The keys for signatures, as far as they can be read."""
    keys = []
    for raw in document["keys"]:
        if raw.get("use", "sig") == "sig":
            try:
                keys.append(JWKRegistry.import_key(raw))
            except (JoseError, ValueError):
                continue
    return KeySet(keys)


@asynccontextmanager
async def open_providers(settings: Settings) -> AsyncIterator[ProviderClients]:
    """The configured providers, for as long as the process serves."""
    seconds = settings.provider_timeout_seconds
    async with httpx.AsyncClient(verify=trusted(), timeout=seconds) as http:
        yield ProviderClients(
            providers={provider.name: provider for provider in settings.sign_in_providers},
            http=http,
            timeout_seconds=seconds,
        )


async def get_provider_clients(request: Request) -> ProviderClients:
    clients: ProviderClients = request.app.state.providers
    return clients


ProviderClientsDep = Annotated[ProviderClients, Depends(get_provider_clients)]
