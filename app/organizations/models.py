"""Legal bodies of both pools, and who acts for them."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models import Account
from app.database import Record
from app.encryption.sealed import Sealed


class OrganizationKind(StrEnum):
    ENTERPRISE = "enterprise"
    UNIVERSITY = "university"
    INSTITUTE = "institute"
    SOCIETY = "society"
    PARK = "park"
    GOVERNMENT_DEPARTMENT = "government_department"


class OrganizationState(StrEnum):
    REGISTERED = "registered"
    VERIFIED = "verified"
    REJECTED = "rejected"


class Attribute(StrEnum):
    """机构属性 of the demand form."""

    STATE_OWNED = "state_owned"
    PRIVATE = "private"
    FOREIGN_INVESTED = "foreign_invested"
    JOINT_VENTURE = "joint_venture"
    PUBLIC_INSTITUTION = "public_institution"
    SOCIAL_ORGANIZATION = "social_organization"
    GOVERNMENT = "government"
    OTHER = "other"


class Organization(Record):
    """An enterprise, university, institute, society, park or government department."""

    __tablename__ = "organizations"
    __table_args__ = (
        Index("ix_organizations_search", "search", postgresql_using="gin"),
        Index(None, "name"),
        Index(None, "region_code"),
        Index(None, "created_at", "id"),
    )

    name: Mapped[str] = mapped_column(String(300))
    unified_social_credit_code: Mapped[str | None] = mapped_column(String(18), unique=True)
    kind: Mapped[OrganizationKind]
    state: Mapped[OrganizationState] = mapped_column(default=OrganizationState.REGISTERED)
    state_reason: Mapped[str] = mapped_column(default="")
    region_code: Mapped[str | None] = mapped_column(ForeignKey("regions.code"))
    industry_code: Mapped[str | None] = mapped_column(ForeignKey("industries.code"))
    supervising_department: Mapped[str] = mapped_column(default="", comment="归口管理部门")
    attribute: Mapped[Attribute | None]
    introduction: Mapped[str] = mapped_column(default="")
    contact_name_sealed: Mapped[str] = mapped_column("contact_name", default="")
    contact_phone_sealed: Mapped[str] = mapped_column("contact_phone", default="")
    contact_email_sealed: Mapped[str] = mapped_column("contact_email", default="")
    contact_name = Sealed()
    contact_phone = Sealed()
    contact_email = Sealed()
    search: Mapped[str] = mapped_column(TSVECTOR, deferred=True)


class MembershipState(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    REVOKED = "revoked"


class Membership(Record):
    """An account that acts for an organization, once staff of its region approved it."""

    __tablename__ = "memberships"
    __table_args__ = (UniqueConstraint("account_id", "organization_id"),)

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), index=True)
    state: Mapped[MembershipState] = mapped_column(default=MembershipState.REQUESTED)
    account: Mapped[Account] = relationship(lazy="raise")
    organization: Mapped[Organization] = relationship(lazy="raise")
