"""Request and response bodies of organizations and memberships."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from stdnum.cn import uscc

from app.accounts.schemas import NewEmail, Password
from app.interface.pagination import PageQuery
from app.interface.schemas import Body, ContactEmail, Line, Phone, RecordBody, ShortText, text_of
from app.organizations.models import (
    Attribute,
    MembershipState,
    OrganizationKind,
    OrganizationState,
)
from app.reference.codes import IndustryCode, RegionCode

OrganizationName = Annotated[
    str, text_of(300, min_length=2), Field(examples=["演示·义乌锦丝针织有限公司"])
]
Introduction = Annotated[
    str, text_of(500), Field(examples=["生产超细旦锦纶袜和无缝内衣，年产袜品 3000 万双。"])
]
SearchText = Annotated[str, text_of(100, min_length=1), Field(examples=["针织"])]


def _checked_code(code: str) -> str:
    """18 characters with the check digit of GB 32100-2015."""
    if not uscc.is_valid(code):
        message = (
            "统一社会信用代码不正确（校验位）",
            "Not a unified social credit code (check digit)",
        )
        raise PydanticCustomError("bad_credit_code", "bad code", {"text": message})
    return code


CreditCode = Annotated[
    str,
    Field(pattern=r"^[0-9A-HJ-NP-RTUW-Y]{18}$", examples=["91330782MA2DEM013G"]),
    AfterValidator(_checked_code),
]


class OrganizationFields(Body):
    """What an organization says of itself; the same fields create and update it."""

    name: OrganizationName = ""
    unified_social_credit_code: CreditCode | None = None
    kind: OrganizationKind = OrganizationKind.ENTERPRISE
    region_code: RegionCode | None = None
    industry_code: IndustryCode | None = None
    supervising_department: Line = ""
    attribute: Attribute | None = Field(default=None, examples=[Attribute.PRIVATE])
    introduction: Introduction = ""
    contact_name: Line = ""
    contact_phone: Phone = ""
    contact_email: ContactEmail = ""


class OrganizationCreate(OrganizationFields):
    name: OrganizationName


class OrganizationUpdate(OrganizationFields):
    """JSON Merge Patch: what is absent stays."""

    unified_social_credit_code: Annotated[
        CreditCode | None, Field(examples=["91330782MA2DEM021B"])
    ] = None


class RegisteringAccount(Body):
    email: Annotated[NewEmail, Field(examples=["wang@demo.invalid"])]
    display_name: ShortText
    password: Password


class Registration(Body):
    """An enterprise introduces itself by its 统一社会信用代码; a coordinator verifies it."""

    organization: "RegisteringOrganization"
    account: RegisteringAccount


class RegisteringOrganization(OrganizationFields):
    name: OrganizationName
    unified_social_credit_code: Annotated[CreditCode, Field(examples=["91330782MA2DEM037Y"])]
    kind: Literal[OrganizationKind.ENTERPRISE] = OrganizationKind.ENTERPRISE
    region_code: RegionCode


class Registered(RecordBody):
    """The membership that waits for a coordinator; the account can sign in at once."""

    account_id: UUID
    organization_id: UUID
    state: MembershipState


class OrganizationBody(RecordBody):
    name: str = Field(examples=["演示·义乌锦丝针织有限公司"])
    unified_social_credit_code: str | None
    kind: OrganizationKind
    state: OrganizationState
    state_reason: str
    region_code: str | None
    industry_code: str | None
    supervising_department: str
    attribute: Attribute | None = Field(examples=[Attribute.PRIVATE])
    introduction: str = Field(examples=["生产超细旦锦纶袜和无缝内衣，年产袜品 3000 万双。"])
    contact_name: str | None = Field(description="null for readers who are not entitled")
    contact_phone: str | None
    contact_email: str | None
    allowed_actions: list[str]


class OrganizationQuery(PageQuery):
    text: SearchText | None = None
    kind: OrganizationKind | None = None
    state: OrganizationState | None = None
    region_code: RegionCode | None = None
    industry_code: IndustryCode | None = None
    sort: Literal["created_at", "-created_at", "name", "-name"] = "-created_at"


class MembershipCreate(Body):
    """Staff name an account; others ask for themselves."""

    account_id: UUID | None = None
    organization_id: UUID


class MembershipBody(RecordBody):
    account_id: UUID
    account_name: str
    organization_id: UUID
    organization_name: str
    state: MembershipState
    allowed_actions: list[str] = Field(examples=[["approve", "revoke"]])


class MembershipQuery(PageQuery):
    organization_id: UUID | None = None
    account_id: UUID | None = None
    state: MembershipState | None = None
    sort: Literal["created_at", "-created_at"] = "-created_at"
