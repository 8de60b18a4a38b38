"""What experts consent to, and reviews of rankings that people ask for"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _kind(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, length=50)


def _record() -> tuple[sa.Column[object], ...]:
    now = sa.text("now()")
    return (
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )


def upgrade() -> None:
    _upgrade_consents()
    _upgrade_reviews()


def _upgrade_consents() -> None:
    for name in ("is_matching_refused", "is_external_encoding_allowed"):
        op.add_column(
            "experts", sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False)
        )
    # NOT VALID first: checking a large table would keep everybody out of it for as long.
    op.execute(
        "ALTER TABLE experts ADD CONSTRAINT ck_experts_refusals_stay_out_of_the_pool"
        " CHECK (NOT (is_matching_refused AND state = 'in_pool')) NOT VALID"
    )
    op.execute("ALTER TABLE experts VALIDATE CONSTRAINT ck_experts_refusals_stay_out_of_the_pool")
    op.create_table(
        "consents",
        *_record(),
        sa.Column("expert_id", sa.Uuid(), nullable=False),
        sa.Column(
            "purpose", _kind("consentpurpose", "matching", "external_encoding"), nullable=False
        ),
        sa.Column("is_given", sa.Boolean(), nullable=False),
        sa.Column("source", _kind("consentsource", "online", "written"), nullable=False),
        sa.Column(
            "text_version", sa.String(20), nullable=False, comment="of the text that was shown"
        ),
        sa.Column("declared_by_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_consents"),
        sa.ForeignKeyConstraint(
            ["expert_id"], ["experts.id"], name="fk_consents_expert_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["declared_by_id"], ["accounts.id"], name="fk_consents_declared_by_id"
        ),
    )
    op.create_index("ix_consents_expert_id_created_at", "consents", ["expert_id", "created_at"])


def _upgrade_reviews() -> None:
    op.create_table(
        "match_reviews",
        *_record(),
        sa.Column("match_id", sa.Uuid(), nullable=False),
        sa.Column("state", _kind("reviewstate", "requested", "answered"), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("requested_by_id", sa.Uuid(), nullable=True),
        sa.Column("answered_by_id", sa.Uuid(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_match_reviews"),
        sa.ForeignKeyConstraint(["match_id"], ["matches.id"], name="fk_match_reviews_match_id"),
        sa.ForeignKeyConstraint(
            ["requested_by_id"], ["accounts.id"], name="fk_match_reviews_requested_by_id"
        ),
        sa.ForeignKeyConstraint(
            ["answered_by_id"], ["accounts.id"], name="fk_match_reviews_answered_by_id"
        ),
    )
    op.create_index("ix_match_reviews_match_id", "match_reviews", ["match_id"])
    op.create_index(
        "ix_match_reviews_open",
        "match_reviews",
        ["created_at"],
        postgresql_where=sa.text("state = 'requested'"),
    )


def downgrade() -> None:
    op.drop_table("match_reviews")
    op.drop_table("consents")
    op.drop_constraint("ck_experts_refusals_stay_out_of_the_pool", "experts")
    op.drop_column("experts", "is_external_encoding_allowed")
    op.drop_column("experts", "is_matching_refused")
