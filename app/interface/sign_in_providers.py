"""The OpenID Connect providers that an operator sets."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class SignInProvider(BaseModel):
    """An OpenID Connect provider that people may sign in with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9-]{1,50}$", description="what clients call it")
    label: str = Field(min_length=1, description="what people read on the button")
    issuer: str = Field(pattern=r"^https?://\S+$", max_length=300)
    client_id: str = Field(min_length=1)
    client_secret: SecretStr = Field(default=SecretStr(""), description="empty: a public client")
    scopes: str = Field(default="openid email profile", pattern=r"^(.* )?openid( .*)?$")
    redirect_uris: tuple[str, ...] = Field(
        min_length=1, description="where clients may have the provider send people back to"
    )
    new_accounts: Literal["enterprise", "expert"] | None = Field(
        default=None, description="the role of an account made for somebody unknown; null: none is"
    )

    @model_validator(mode="after")
    def require_tls(self) -> "SignInProvider":
        """Whoever can change what an issuer says can be anybody; loopback alone is near enough."""
        address = urlsplit(self.issuer)
        if address.scheme != "https" and address.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError("an issuer should be https")
        return self
