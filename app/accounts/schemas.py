"""Request and response bodies of accounts, sign-in and API keys."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, SecretStr
from pydantic_core import PydanticCustomError

from app.accounts.models import Role
from app.interface.pagination import PageQuery
from app.interface.schemas import (
    Body,
    Flag,
    Moment,
    RecordBody,
    ShortText,
    VersionedBody,
    text_of,
)
from app.reference.codes import RegionCode

Email = Annotated[
    str,
    Field(
        max_length=254,
        # Printable ASCII, whose lower case is never longer.
        pattern=r"^[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+$",
        examples=["li@demo.invalid"],
    ),
    AfterValidator(str.lower),
]


def _encodable(secret: SecretStr) -> SecretStr:
    """Refuse lone surrogates as Pydantic does in plain texts: there is no hash of them."""
    try:
        secret.get_secret_value().encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("string_unicode", "invalid characters") from None
    return secret


Password = Annotated[
    SecretStr,
    Field(min_length=10, max_length=128, examples=["correct-horse-42"]),
    AfterValidator(_encodable),
]
GivenPassword = Annotated[
    SecretStr, Field(max_length=128, examples=["correct-horse-42"]), AfterValidator(_encodable)
]
OneTimeCode = Annotated[
    str,
    Field(min_length=20, max_length=100, examples=["k3J9xT0q-2bVnW8LrYcD5uE7sZaHfM1gKpQoNjRiUtA"]),
]


class SignIn(Body):
    email: Annotated[Email, Field(examples=["coordinator@demo.invalid"])]
    password: Annotated[GivenPassword, Field(examples=["demo-shuangku"])]


class Tokens(BaseModel):
    """A short access token for `Authorization: Bearer`, and the token that renews both."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int = Field(description="seconds")
    refresh_token: str


class Refresh(Body):
    refresh_token: OneTimeCode


class PasswordChange(Body):
    current_password: Annotated[GivenPassword, Field(examples=["demo-shuangku"])]
    new_password: Password


class PasswordResetRequest(Body):
    email: Annotated[Email, Field(examples=["enterprise@demo.invalid"])]


class PasswordResetUse(Body):
    code: OneTimeCode
    new_password: Password


class PasswordResetCode(BaseModel):
    """Shown once; hand it to the account's owner by another way than this service."""

    code: str = Field(examples=["k3J9xT0q-2bVnW8LrYcD5uE7sZaHfM1gKpQoNjRiUtA"])
    expires_at: datetime


class AccountCreate(Body):
    email: Email
    display_name: ShortText
    role: Role
    region_code: RegionCode | None = None
    password: Password


class AccountUpdate(Body):
    """JSON Merge Patch: what is absent stays."""

    display_name: ShortText = ""
    region_code: RegionCode | None = None
    is_active: Flag = True


class MeUpdate(Body):
    display_name: ShortText


class AccountBody(RecordBody):
    email: str
    display_name: str
    role: Role
    region_code: str | None
    is_active: bool
    signed_in_at: datetime | None
    allowed_actions: list[str] = Field(examples=[["update", "issue-password-reset"]])


class AccountQuery(PageQuery):
    role: Role | None = None
    region_code: RegionCode | None = None
    is_active: bool | None = None
    awaits_password_reset: bool | None = Field(
        default=None, description="has asked for a reset code and has none yet"
    )
    text: Annotated[str | None, text_of(100, min_length=1)] = None
    sort: Literal["created_at", "-created_at", "email", "-email"] = "-created_at"


class ApiKeyCreate(Body):
    name: Annotated[ShortText, Field(examples=["统计系统"])]
    is_read_only: Flag = False
    expires_at: Annotated[Moment | None, Field(examples=["2030-01-01T00:00:00Z"])] = None


class ApiKeyBody(VersionedBody):
    id: UUID
    name: str = Field(examples=["统计系统"])
    prefix: str
    is_read_only: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewApiKey(ApiKeyBody):
    """The key itself, shown this once."""

    key: str


class ApiKeyQuery(PageQuery):
    sort: Literal["created_at", "-created_at"] = "-created_at"
