"""Request and response bodies of accounts, sign-in and API keys."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, SecretStr
from pydantic_core import PydanticCustomError

from app.accounts.models import Role
from app.interface.pagination import PageQuery
from app.interface.schemas import (
    EMAIL_PATTERN,
    Body,
    Flag,
    Moment,
    RecordBody,
    ShortText,
    VersionedBody,
    opaque_of,
    text_of,
)
from app.reference.codes import RegionCode

Email = Annotated[
    str,
    Field(
        max_length=254,
        pattern=EMAIL_PATTERN,
        examples=["li@demo.invalid"],
    ),
    AfterValidator(str.lower),
]
ERASED_DOMAIN = "@erased.invalid"


def _not_reserved(email: str) -> str:
    """Whoever had the address of an erased account would be in the way of its erasure."""
    if email.endswith(ERASED_DOMAIN):
        text = ("该邮箱域名为系统保留", "This domain is reserved")
        raise PydanticCustomError("reserved_domain", "reserved", {"text": text})
    return email


NewEmail = Annotated[Email, AfterValidator(_not_reserved)]


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
    SecretStr, Field(max_length=128, examples=["demo-shuangku"]), AfterValidator(_encodable)
]
OwnPassword = Annotated[
    GivenPassword | None, Field(description="null only for accounts without one")
]
OneTimeCode = Annotated[
    str,
    opaque_of(100, min_length=20),
    Field(examples=["k3J9xT0q-2bVnW8LrYcD5uE7sZaHfM1gKpQoNjRiUtA"]),
]


Code = Annotated[
    str, text_of(40, min_length=6), Field(examples=["492039"], description="or a recovery code")
]


class SignIn(Body):
    email: Annotated[Email, Field(examples=["coordinator@demo.invalid"])]
    password: GivenPassword


class Tokens(BaseModel):
    """A short access token for `Authorization: Bearer`, and the token that renews both."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int = Field(description="seconds")
    refresh_token: str


class SecondStep(BaseModel):
    """The first step is done; `challenge` and a code of the authenticator give the tokens."""

    challenge: str = Field(examples=["eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJzZWNvbmQtc3RlcCJ9.k3J9xT0q"])
    expires_in: int = Field(description="seconds", examples=[300])


class SignInFinish(Body):
    challenge: Annotated[
        str,
        opaque_of(1_000),
        Field(examples=["eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJzZWNvbmQtc3RlcCJ9.k3J9"]),
    ]
    code: Code


class SecondFactorBody(BaseModel):
    is_active: bool
    confirmed_at: datetime | None
    recovery_codes_left: int = Field(examples=[10])


class SecondFactorEnrolment(Body):
    password: OwnPassword = None


class Enrolment(BaseModel):
    """The secret of the authenticator, shown once; `uri` is for its QR code."""

    secret: str = Field(examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"])
    uri: str = Field(
        examples=[
            "otpauth://totp/Shuangku:li%40demo.invalid?secret=JBSWY3DPEHPK3PXP&issuer=Shuangku"
        ]
    )


class SecondFactorCode(Body):
    code: Code


class SecondFactorDisabling(SecondFactorEnrolment):
    code: Code


class RecoveryCodesRenewal(SecondFactorEnrolment):
    code: Code


class RecoveryCodes(BaseModel):
    """Each signs in once when the authenticator is lost; shown this once."""

    codes: list[str] = Field(examples=[["k3j9-xt0q-2bvn-w8lr"]])


class Provider(BaseModel):
    name: str = Field(examples=["kexie"])
    label: str = Field(examples=["科协统一身份认证"])


class Providers(BaseModel):
    """Where people may sign in."""

    items: list[Provider]


class ProviderStart(Body):
    provider: Annotated[str, text_of(50), Field(examples=["kexie"])]
    redirect_uri: Annotated[
        str, opaque_of(2_000), Field(examples=["https://app.demo.invalid/back"])
    ]


class LinkStart(ProviderStart):
    password: OwnPassword = None


class Authorization(BaseModel):
    """Send the person to the URL; keep `flow` where only this client reads it, for the finish."""

    authorization_url: str = Field(
        examples=[
            "https://id.demo.invalid/authorize?response_type=code&client_id=shuangku&state=k3J9"
        ]
    )
    flow: str = Field(examples=["0a1b2c3dk3J9xT0q2bVnW8LrYcD5uE7sZaHfM1gKpQoNjRiUtA"])
    expires_in: int = Field(description="seconds", examples=[600])


class ProviderFinish(Body):
    """What the provider sent back with the person, and the flow from the start."""

    flow: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9_=-]{20,4000}$",
            examples=["0a1b2c3dk3J9xT0q2bVnW8LrYcD5uE7sZaHfM1gKpQoNjRiUtA"],
        ),
    ]
    state: Annotated[str, opaque_of(200), Field(examples=["k3J9xT0q-2bVnW8LrYcD5uE7sZaHfM1g"])]
    code: Annotated[str, opaque_of(4_000, min_length=1), Field(examples=["SplxlOBeZQQYbYS6WxSbIA"])]
    iss: Annotated[str, opaque_of(300)] | None = Field(
        default=None,
        description="as the provider sent it, if it did (RFC 9207)",
        examples=["https://id.demo.invalid"],
    )


class IdentityBody(VersionedBody):
    id: UUID
    provider: str | None = Field(
        description="null when it is not configured any more", examples=["kexie"]
    )
    issuer: str = Field(examples=["https://id.demo.invalid"])
    created_at: datetime


class IdentityQuery(PageQuery):
    sort: Literal["created_at", "-created_at"] = "-created_at"


class Refresh(Body):
    refresh_token: OneTimeCode


class PasswordChange(Body):
    current_password: OwnPassword = None
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
    email: NewEmail
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
    """JSON Merge Patch: what is absent stays."""

    display_name: ShortText = ""
    has_notice_mail: Flag = False


class AccountBody(RecordBody):
    email: str
    display_name: str
    role: Role
    region_code: str | None
    is_active: bool
    signed_in_at: datetime | None
    has_password: bool = Field(
        description="false for whoever came through a provider: then nothing asks for it",
        examples=[True],
    )
    has_second_factor: bool
    has_notice_mail: bool = Field(
        description="wants notices by e-mail, where the service sends any", examples=[False]
    )
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
    password: OwnPassword = None
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
