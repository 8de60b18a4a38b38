"""Every table of the first release"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.database import TransactionId

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "transaction_id",
            TransactionId(),
            server_default=sa.text("pg_current_xact_id()"),
            nullable=False,
        ),
        sa.Column(
            "happened_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column(
            "kind",
            sa.String(),
            nullable=False,
            comment="record and what happened: demand.published",
        ),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column(
            "actor_id", sa.Uuid(), nullable=True, comment="account; null for the service itself"
        ),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
    )
    op.create_index(op.f("ix_changes_subject_id"), "changes", ["subject_id"], unique=False)
    op.create_index(
        op.f("ix_changes_transaction_id_id"), "changes", ["transaction_id", "id"], unique=False
    )
    op.create_table(
        "countries",
        sa.Column("code", sa.String(length=2), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_en", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_countries")),
    )
    op.create_table(
        "disciplines",
        sa.Column("code", sa.String(length=7), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("parent_code", sa.String(length=7), nullable=True),
        sa.Column("level", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_code"], ["disciplines.code"], name=op.f("fk_disciplines_parent_code")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_disciplines")),
    )
    op.create_index(
        op.f("ix_disciplines_parent_code"), "disciplines", ["parent_code"], unique=False
    )
    op.create_table(
        "imported_rows",
        sa.Column(
            "kind",
            sa.Enum(
                "organizations",
                "experts",
                "demands",
                "achievements",
                name="importkind",
                native_enum=False,
                length=50,
            ),
            nullable=False,
        ),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column(
            "fingerprint", sa.LargeBinary(), nullable=False, comment="SHA-256 of the row's fields"
        ),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "record_id", name=op.f("pk_imported_rows")),
    )
    op.create_table(
        "index_models",
        sa.Column(
            "pool",
            sa.Enum(
                "experts", "demands", "achievements", name="pool", native_enum=False, length=50
            ),
            nullable=False,
        ),
        sa.Column("model_version", sa.String(length=16), nullable=False),
        sa.Column("encoder", sa.String(length=200), nullable=False),
        sa.Column(
            "candidates", sa.Integer(), nullable=False, comment="in the pool when it was fitted"
        ),
        sa.Column(
            "encoded", sa.Integer(), nullable=False, comment="of them, with all their vectors"
        ),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_index_models")),
    )
    op.create_index(
        op.f("ix_index_models_pool_created_at"),
        "index_models",
        ["pool", "created_at"],
        unique=False,
    )
    op.create_table(
        "industries",
        sa.Column("code", sa.String(length=4), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("parent_code", sa.String(length=4), nullable=True),
        sa.Column("level", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_code"], ["industries.code"], name=op.f("fk_industries_parent_code")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_industries")),
    )
    op.create_index(op.f("ix_industries_parent_code"), "industries", ["parent_code"], unique=False)
    op.create_table(
        "regions",
        sa.Column("code", sa.String(length=6), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("parent_code", sa.String(length=6), nullable=True),
        sa.Column("level", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_code"], ["regions.code"], name=op.f("fk_regions_parent_code")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_regions")),
    )
    op.create_index(op.f("ix_regions_parent_code"), "regions", ["parent_code"], unique=False)
    op.create_table(
        "technology_fields",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_en", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_technology_fields")),
    )
    op.create_table(
        "vectors",
        sa.Column("encoder", sa.String(length=200), nullable=False),
        sa.Column("is_query", sa.Boolean(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("encoder", "is_query", "key", name=op.f("pk_vectors")),
    )
    op.create_table(
        "accounts",
        sa.Column("email", sa.String(length=254), nullable=False, comment="lower case"),
        sa.Column("display_name", sa.String(length=100), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "enterprise",
                "expert",
                "coordinator",
                "administrator",
                "evaluator",
                name="role",
                native_enum=False,
                length=50,
            ),
            nullable=False,
        ),
        sa.Column("region_code", sa.String(length=6), nullable=True),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "tokens_valid_from",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="access tokens issued before this have ended",
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["region_code"], ["regions.code"], name=op.f("fk_accounts_region_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("email", name=op.f("uq_accounts_email")),
    )
    op.create_table(
        "organizations",
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("unified_social_credit_code", sa.String(length=18), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "enterprise",
                "university",
                "institute",
                "society",
                "park",
                "government_department",
                name="organizationkind",
                native_enum=False,
                length=50,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "registered",
                "verified",
                "rejected",
                name="organizationstate",
                native_enum=False,
                length=50,
            ),
            nullable=False,
        ),
        sa.Column("state_reason", sa.String(), nullable=False),
        sa.Column("region_code", sa.String(length=6), nullable=True),
        sa.Column("industry_code", sa.String(length=4), nullable=True),
        sa.Column("supervising_department", sa.String(), nullable=False, comment="归口管理部门"),
        sa.Column(
            "attribute",
            sa.Enum(
                "state_owned",
                "private",
                "foreign_invested",
                "joint_venture",
                "public_institution",
                "social_organization",
                "government",
                "other",
                name="attribute",
                native_enum=False,
                length=50,
            ),
            nullable=True,
        ),
        sa.Column("introduction", sa.String(), nullable=False),
        sa.Column("contact_name", sa.String(), nullable=False),
        sa.Column("contact_phone", sa.String(), nullable=False),
        sa.Column("contact_email", sa.String(), nullable=False),
        sa.Column("search", postgresql.TSVECTOR(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["industry_code"], ["industries.code"], name=op.f("fk_organizations_industry_code")
        ),
        sa.ForeignKeyConstraint(
            ["region_code"], ["regions.code"], name=op.f("fk_organizations_region_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
        sa.UniqueConstraint(
            "unified_social_credit_code", name=op.f("uq_organizations_unified_social_credit_code")
        ),
    )
    op.create_index(
        op.f("ix_organizations_created_at_id"), "organizations", ["created_at", "id"], unique=False
    )
    op.create_index(op.f("ix_organizations_name"), "organizations", ["name"], unique=False)
    op.create_index(
        op.f("ix_organizations_region_code"), "organizations", ["region_code"], unique=False
    )
    op.create_index(
        "ix_organizations_search", "organizations", ["search"], unique=False, postgresql_using="gin"
    )
    op.create_table(
        "achievements",
        sa.Column("external_id", sa.String(length=100), nullable=True),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("registration_number", sa.String(), nullable=False, comment="登记号"),
        sa.Column(
            "state",
            sa.Enum(
                "registered",
                "reviewed",
                "published",
                "withdrawn",
                name="achievementstate",
                native_enum=False,
                length=50,
            ),
            nullable=False,
        ),
        sa.Column("state_reason", sa.String(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("organization_name", sa.String(), nullable=False),
        sa.Column("people", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column(
            "nature",
            sa.Enum(
                "original",
                "introduced_innovation",
                "improvement",
                name="nature",
                native_enum=False,
                length=50,
            ),
            nullable=True,
        ),
        sa.Column(
            "level",
            sa.Enum(
                "international_leading",
                "international_advanced",
                "domestic_leading",
                "domestic_advanced",
                "provincial",
                "unrated",
                name="level",
                native_enum=False,
                length=50,
            ),
            nullable=True,
        ),
        sa.Column(
            "stage",
            sa.Enum(
                "laboratory",
                "pilot",
                "small_batch",
                "industrialized",
                name="stage",
                native_enum=False,
                length=50,
            ),
            nullable=True,
        ),
        sa.Column(
            "form",
            sa.Enum(
                "new_technology",
                "new_process",
                "new_product",
                "new_material",
                "new_variety",
                "new_equipment",
                "software",
                "standard",
                "other",
                name="form",
                native_enum=False,
                length=50,
            ),
            nullable=True,
        ),
        sa.Column("keywords", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("summary", sa.String(), nullable=False),
        sa.Column("technology_field", sa.String(length=40), nullable=True),
        sa.Column("industry_code", sa.String(length=4), nullable=True),
        sa.Column("disciplines", postgresql.ARRAY(sa.String(length=7)), nullable=False),
        sa.Column("region_code", sa.String(length=6), nullable=True),
        sa.Column("intellectual_property", postgresql.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("transfer_modes", postgresql.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("is_confidential", sa.Boolean(), nullable=False, comment="涉密: never published"),
        sa.Column("search", postgresql.TSVECTOR(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["industry_code"], ["industries.code"], name=op.f("fk_achievements_industry_code")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_achievements_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["region_code"], ["regions.code"], name=op.f("fk_achievements_region_code")
        ),
        sa.ForeignKeyConstraint(
            ["technology_field"],
            ["technology_fields.code"],
            name=op.f("fk_achievements_technology_field"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_achievements")),
        sa.UniqueConstraint("external_id", name=op.f("uq_achievements_external_id")),
    )
    op.create_index(
        op.f("ix_achievements_created_at_id"), "achievements", ["created_at", "id"], unique=False
    )
    op.create_index(
        "ix_achievements_disciplines",
        "achievements",
        ["disciplines"],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index(
        op.f("ix_achievements_industry_code"), "achievements", ["industry_code"], unique=False
    )
    op.create_index(op.f("ix_achievements_name"), "achievements", ["name"], unique=False)
    op.create_index(
        op.f("ix_achievements_organization_id"), "achievements", ["organization_id"], unique=False
    )
    op.create_index(
        op.f("ix_achievements_region_code"), "achievements", ["region_code"], unique=False
    )
    op.create_index(
        "ix_achievements_search", "achievements", ["search"], unique=False, postgresql_using="gin"
    )
    op.create_index(
        op.f("ix_achievements_state_created_at_id"),
        "achievements",
        ["state", "created_at", "id"],
        unique=False,
    )
    op.create_table(
        "api_keys",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("prefix", sa.String(length=12), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False, comment="SHA-256"),
        sa.Column("is_read_only", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_api_keys_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_api_keys_secret_hash")),
    )
    op.create_index(op.f("ix_api_keys_account_id"), "api_keys", ["account_id"], unique=False)
    op.create_table(
        "demands",
        sa.Column("external_id", sa.String(length=100), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "submitted",
                "formal_review",
                "department_review",
                "returned",
                "published",
                "refused",
                "withdrawn",
                name="demandstate",
                native_enum=False,
                length=50,
            ),
            nullable=False,
        ),
        sa.Column("state_reason", sa.String(), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("problem", sa.String(), nullable=False, comment="主要问题"),
        sa.Column("key_indicators", sa.String(), nullable=False, comment="技术关键与指标"),
        sa.Column("expected_outcome", sa.String(), nullable=False, comment="预期目标"),
        sa.Column("keywords", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("period_from_on", sa.Date(), nullable=True),
        sa.Column("period_until_on", sa.Date(), nullable=True),
        sa.Column("budget", sa.Numeric(precision=14, scale=4), nullable=True, comment="万元"),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column(
            "cooperation_mode",
            sa.Enum(
                "independent",
                "commissioned",
                "cooperative",
                "other",
                name="cooperationmode",
                native_enum=False,
                length=50,
            ),
            nullable=True,
        ),
        sa.Column("intended_partners", sa.String(), nullable=False),
        sa.Column(
            "activity_type",
            sa.Enum(
                "basic_research",
                "applied_research",
                "experimental_development",
                "result_application",
                "extension_service",
                "production",
                name="activitytype",
                native_enum=False,
                length=50,
            ),
            nullable=True,
        ),
        sa.Column("discipline", sa.String(length=7), nullable=True),
        sa.Column("technology_field", sa.String(length=40), nullable=True),
        sa.Column("industry_code", sa.String(length=4), nullable=True),
        sa.Column("region_code", sa.String(length=6), nullable=True),
        sa.Column("public_summary", sa.String(), nullable=False),
        sa.Column("contact_name", sa.String(), nullable=False),
        sa.Column("contact_phone", sa.String(), nullable=False),
        sa.Column("contact_email", sa.String(), nullable=False),
        sa.Column("is_open_bid", sa.Boolean(), nullable=False, comment="揭榜挂帅"),
        sa.Column("assessment_indicators", sa.String(), nullable=False, comment="考核指标"),
        sa.Column("time_limit_months", sa.Integer(), nullable=True),
        sa.Column("ownership_of_results", sa.String(), nullable=False, comment="产权归属"),
        sa.Column("solver_conditions", sa.String(), nullable=False),
        sa.Column("is_confidential", sa.Boolean(), nullable=False, comment="涉密"),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("search", postgresql.TSVECTOR(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "NOT (is_confidential AND state = 'published')",
            name=op.f("ck_demands_secrets_stay_unpublished"),
        ),
        sa.ForeignKeyConstraint(
            ["discipline"], ["disciplines.code"], name=op.f("fk_demands_discipline")
        ),
        sa.ForeignKeyConstraint(
            ["industry_code"], ["industries.code"], name=op.f("fk_demands_industry_code")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_demands_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["region_code"], ["regions.code"], name=op.f("fk_demands_region_code")
        ),
        sa.ForeignKeyConstraint(
            ["technology_field"],
            ["technology_fields.code"],
            name=op.f("fk_demands_technology_field"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_demands")),
        sa.UniqueConstraint("external_id", name=op.f("uq_demands_external_id")),
    )
    op.create_index(op.f("ix_demands_created_at_id"), "demands", ["created_at", "id"], unique=False)
    op.create_index(
        op.f("ix_demands_organization_id"), "demands", ["organization_id"], unique=False
    )
    op.create_index(op.f("ix_demands_region_code"), "demands", ["region_code"], unique=False)
    op.create_index(
        "ix_demands_search", "demands", ["search"], unique=False, postgresql_using="gin"
    )
    op.create_index(
        op.f("ix_demands_state_created_at_id"),
        "demands",
        ["state", "created_at", "id"],
        unique=False,
    )
    op.create_table(
        "experts",
        sa.Column("external_id", sa.String(length=100), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_pinyin", sa.String(), nullable=False, comment="for sorting and search"),
        sa.Column(
            "kind",
            sa.Enum(
                "academician",
                "expert",
                "overseas_talent",
                "technology_commissioner",
                "technology_manager",
                name="expertkind",
                native_enum=False,
                length=50,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "submitted",
                "organization_review",
                "recommended",
                "in_pool",
                "suspended",
                "removed",
                name="expertstate",
                native_enum=False,
                length=50,
            ),
            nullable=False,
        ),
        sa.Column("state_reason", sa.String(), nullable=False),
        sa.Column("academy_division", sa.String(), nullable=False, comment="学部"),
        sa.Column("elected_year", sa.Integer(), nullable=True),
        sa.Column("is_retired", sa.Boolean(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("organization_name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False, comment="职称/职务"),
        sa.Column("disciplines", postgresql.ARRAY(sa.String(length=7)), nullable=False),
        sa.Column("technology_fields", postgresql.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("research_directions", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("specialities", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("introduction", sa.String(), nullable=False),
        sa.Column("languages", postgresql.ARRAY(sa.String(length=2)), nullable=False),
        sa.Column("region_code", sa.String(length=6), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("service_modes", postgresql.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column(
            "yearly_capacity",
            sa.Integer(),
            nullable=True,
            comment="invitations a year; null: no cap",
        ),
        sa.Column("absences", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("conflicting_organization_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("societies", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("orcid", sa.String(length=19), nullable=True),
        sa.Column("search", postgresql.TSVECTOR(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_experts_account_id")
        ),
        sa.ForeignKeyConstraint(["country"], ["countries.code"], name=op.f("fk_experts_country")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_experts_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["region_code"], ["regions.code"], name=op.f("fk_experts_region_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experts")),
        sa.UniqueConstraint("account_id", name=op.f("uq_experts_account_id")),
        sa.UniqueConstraint("external_id", name=op.f("uq_experts_external_id")),
        sa.UniqueConstraint("orcid", name=op.f("uq_experts_orcid")),
    )
    op.create_index(op.f("ix_experts_created_at_id"), "experts", ["created_at", "id"], unique=False)
    op.create_index(
        "ix_experts_disciplines", "experts", ["disciplines"], unique=False, postgresql_using="gin"
    )
    op.create_index(
        op.f("ix_experts_organization_id"), "experts", ["organization_id"], unique=False
    )
    op.create_index(op.f("ix_experts_region_code"), "experts", ["region_code"], unique=False)
    op.create_index(
        "ix_experts_search", "experts", ["search"], unique=False, postgresql_using="gin"
    )
    op.create_index(
        op.f("ix_experts_state_created_at_id"),
        "experts",
        ["state", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_experts_technology_fields",
        "experts",
        ["technology_fields"],
        unique=False,
        postgresql_using="gin",
    )
    op.create_table(
        "imports",
        sa.Column("account_id", sa.Uuid(), nullable=True, comment="null for the command line"),
        sa.Column(
            "kind",
            sa.Enum(
                "organizations",
                "experts",
                "demands",
                "achievements",
                name="importkind",
                native_enum=False,
                length=50,
            ),
            nullable=False,
        ),
        sa.Column("filename", sa.String(length=300), nullable=False),
        sa.Column(
            "mode",
            sa.Enum("all_or_nothing", "partial", name="importmode", native_enum=False, length=50),
            nullable=False,
        ),
        sa.Column("is_admitting", sa.Boolean(), nullable=False, comment="straight into the pool"),
        sa.Column("is_overwriting", sa.Boolean(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "running",
                "done",
                "failed",
                name="importstate",
                native_enum=False,
                length=50,
            ),
            nullable=False,
        ),
        sa.Column(
            "row_count", sa.Integer(), nullable=True, comment="null until the file was opened"
        ),
        sa.Column("read_count", sa.Integer(), nullable=False),
        sa.Column("created_count", sa.Integer(), nullable=False),
        sa.Column("updated_count", sa.Integer(), nullable=False),
        sa.Column("unchanged_count", sa.Integer(), nullable=False),
        sa.Column("rejected_count", sa.Integer(), nullable=False),
        sa.Column(
            "incomplete_count", sa.Integer(), nullable=False, comment="accepted, but not whole"
        ),
        sa.Column("report", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("is_report_cut", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_imports_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_index(op.f("ix_imports_account_id"), "imports", ["account_id"], unique=False)
    op.create_index(op.f("ix_imports_created_at_id"), "imports", ["created_at", "id"], unique=False)
    op.create_table(
        "memberships",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "requested",
                "approved",
                "revoked",
                name="membershipstate",
                native_enum=False,
                length=50,
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_memberships_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_memberships_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memberships")),
        sa.UniqueConstraint(
            "account_id", "organization_id", name=op.f("uq_memberships_account_id_organization_id")
        ),
    )
    op.create_index(
        op.f("ix_memberships_organization_id"), "memberships", ["organization_id"], unique=False
    )
    op.create_table(
        "password_resets",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=True, comment="null until issued"),
        sa.Column("issued_by_id", sa.Uuid(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "used_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="used, or replaced by a later one",
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_password_resets_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["issued_by_id"], ["accounts.id"], name=op.f("fk_password_resets_issued_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_password_resets")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_password_resets_code_hash")),
    )
    op.create_index(
        op.f("ix_password_resets_account_id"), "password_resets", ["account_id"], unique=False
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False, comment="SHA-256"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_refresh_tokens_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_refresh_tokens_token_hash")),
    )
    op.create_index(
        op.f("ix_refresh_tokens_account_id"), "refresh_tokens", ["account_id"], unique=False
    )
    op.create_index(
        op.f("ix_refresh_tokens_family_id"), "refresh_tokens", ["family_id"], unique=False
    )
    op.create_table(
        "evidence",
        sa.Column("expert_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "publication",
                "patent",
                "project",
                "award",
                "achievement",
                name="evidencekind",
                native_enum=False,
                length=50,
            ),
            nullable=False,
        ),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("abstract", sa.String(), nullable=False),
        sa.Column("keywords", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("identifier", sa.String(), nullable=False, comment="DOI, patent number …"),
        sa.Column(
            "grade",
            sa.Enum(
                "self_stated", "documented", "verified", name="grade", native_enum=False, length=50
            ),
            nullable=False,
        ),
        sa.Column("verified_by_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["expert_id"], ["experts.id"], name=op.f("fk_evidence_expert_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["verified_by_id"], ["accounts.id"], name=op.f("fk_evidence_verified_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_index(op.f("ix_evidence_expert_id"), "evidence", ["expert_id"], unique=False)
    op.create_table(
        "expert_contacts",
        sa.Column("expert_id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["expert_id"],
            ["experts.id"],
            name=op.f("fk_expert_contacts_expert_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_expert_contacts")),
        sa.UniqueConstraint("expert_id", name=op.f("uq_expert_contacts_expert_id")),
    )
    op.create_table(
        "match_runs",
        sa.Column("demand_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column(
            "trigger",
            sa.Enum("by_hand", name="trigger", native_enum=False, length=50),
            nullable=False,
        ),
        sa.Column("index_version", sa.String(length=16), nullable=False),
        sa.Column("encoder", sa.String(length=200), nullable=False),
        sa.Column(
            "pending",
            sa.Integer(),
            nullable=False,
            comment="candidates whose vectors were still missing",
        ),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "durations",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="milliseconds by stage",
        ),
        sa.Column("exclusions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_match_runs_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["demand_id"], ["demands.id"], name=op.f("fk_match_runs_demand_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_match_runs")),
    )
    op.create_index(
        op.f("ix_match_runs_demand_id_created_at"),
        "match_runs",
        ["demand_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "matches",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("expert_id", sa.Uuid(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("contributions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("features", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("terms", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("uncovered_keywords", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("is_pending", sa.Boolean(), nullable=False),
        sa.Column(
            "verdict",
            sa.Enum(
                "suitable",
                "unsuitable",
                "recommended",
                "rejected",
                name="verdict",
                native_enum=False,
                length=50,
            ),
            nullable=True,
            comment="the latest one",
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["expert_id"], ["experts.id"], name=op.f("fk_matches_expert_id")),
        sa.ForeignKeyConstraint(["run_id"], ["match_runs.id"], name=op.f("fk_matches_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_matches")),
        sa.UniqueConstraint("run_id", "rank", name=op.f("uq_matches_run_id_rank")),
    )
    op.create_index(op.f("ix_matches_expert_id"), "matches", ["expert_id"], unique=False)
    op.create_table(
        "judgments",
        sa.Column("match_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column(
            "verdict",
            sa.Enum(
                "suitable",
                "unsuitable",
                "recommended",
                "rejected",
                name="verdict",
                native_enum=False,
                length=50,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("features", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("index_version", sa.String(length=16), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_judgments_account_id")
        ),
        sa.ForeignKeyConstraint(["match_id"], ["matches.id"], name=op.f("fk_judgments_match_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_judgments")),
    )
    op.create_index(op.f("ix_judgments_match_id"), "judgments", ["match_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_judgments_match_id"), table_name="judgments")
    op.drop_table("judgments")
    op.drop_index(op.f("ix_matches_expert_id"), table_name="matches")
    op.drop_table("matches")
    op.drop_index(op.f("ix_match_runs_demand_id_created_at"), table_name="match_runs")
    op.drop_table("match_runs")
    op.drop_table("expert_contacts")
    op.drop_index(op.f("ix_evidence_expert_id"), table_name="evidence")
    op.drop_table("evidence")
    op.drop_index(op.f("ix_refresh_tokens_family_id"), table_name="refresh_tokens")
    op.drop_index(op.f("ix_refresh_tokens_account_id"), table_name="refresh_tokens")
    op.drop_table("refresh_tokens")
    op.drop_index(op.f("ix_password_resets_account_id"), table_name="password_resets")
    op.drop_table("password_resets")
    op.drop_index(op.f("ix_memberships_organization_id"), table_name="memberships")
    op.drop_table("memberships")
    op.drop_index(op.f("ix_imports_created_at_id"), table_name="imports")
    op.drop_index(op.f("ix_imports_account_id"), table_name="imports")
    op.drop_table("imports")
    op.drop_index("ix_experts_technology_fields", table_name="experts", postgresql_using="gin")
    op.drop_index(op.f("ix_experts_state_created_at_id"), table_name="experts")
    op.drop_index("ix_experts_search", table_name="experts", postgresql_using="gin")
    op.drop_index(op.f("ix_experts_region_code"), table_name="experts")
    op.drop_index(op.f("ix_experts_organization_id"), table_name="experts")
    op.drop_index("ix_experts_disciplines", table_name="experts", postgresql_using="gin")
    op.drop_index(op.f("ix_experts_created_at_id"), table_name="experts")
    op.drop_table("experts")
    op.drop_index(op.f("ix_demands_state_created_at_id"), table_name="demands")
    op.drop_index("ix_demands_search", table_name="demands", postgresql_using="gin")
    op.drop_index(op.f("ix_demands_region_code"), table_name="demands")
    op.drop_index(op.f("ix_demands_organization_id"), table_name="demands")
    op.drop_index(op.f("ix_demands_created_at_id"), table_name="demands")
    op.drop_table("demands")
    op.drop_index(op.f("ix_api_keys_account_id"), table_name="api_keys")
    op.drop_table("api_keys")
    op.drop_index(op.f("ix_achievements_state_created_at_id"), table_name="achievements")
    op.drop_index("ix_achievements_search", table_name="achievements", postgresql_using="gin")
    op.drop_index(op.f("ix_achievements_region_code"), table_name="achievements")
    op.drop_index(op.f("ix_achievements_organization_id"), table_name="achievements")
    op.drop_index(op.f("ix_achievements_name"), table_name="achievements")
    op.drop_index(op.f("ix_achievements_industry_code"), table_name="achievements")
    op.drop_index("ix_achievements_disciplines", table_name="achievements", postgresql_using="gin")
    op.drop_index(op.f("ix_achievements_created_at_id"), table_name="achievements")
    op.drop_table("achievements")
    op.drop_index("ix_organizations_search", table_name="organizations", postgresql_using="gin")
    op.drop_index(op.f("ix_organizations_region_code"), table_name="organizations")
    op.drop_index(op.f("ix_organizations_name"), table_name="organizations")
    op.drop_index(op.f("ix_organizations_created_at_id"), table_name="organizations")
    op.drop_table("organizations")
    op.drop_table("accounts")
    op.drop_table("vectors")
    op.drop_table("technology_fields")
    op.drop_index(op.f("ix_regions_parent_code"), table_name="regions")
    op.drop_table("regions")
    op.drop_index(op.f("ix_industries_parent_code"), table_name="industries")
    op.drop_table("industries")
    op.drop_index(op.f("ix_index_models_pool_created_at"), table_name="index_models")
    op.drop_table("index_models")
    op.drop_table("imported_rows")
    op.drop_index(op.f("ix_disciplines_parent_code"), table_name="disciplines")
    op.drop_table("disciplines")
    op.drop_table("countries")
    op.drop_index(op.f("ix_changes_transaction_id_id"), table_name="changes")
    op.drop_index(op.f("ix_changes_subject_id"), table_name="changes")
    op.drop_table("changes")
