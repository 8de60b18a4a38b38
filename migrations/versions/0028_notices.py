"""Notices, and whether an account wants them by e-mail"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

OWN = "account_id = (SELECT scope_account())"
SERVICE = "(SELECT scope_name()) = 'service'"


def upgrade() -> None:
    op.add_column(
        "accounts",
        sa.Column(
            "has_notice_mail",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="wants notices by e-mail",
        ),
    )
    op.create_table("notices", *_columns())
    for names in (["account_id", "created_at", "id"], ["account_id", "number"], ["created_at"]):
        op.create_index(f"ix_notices_{'_'.join(names)}", "notices", names)
    op.execute("ALTER TABLE notices ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    for statement in (
        f"reading ON notices FOR SELECT USING ({OWN} OR {SERVICE})",
        f"inserting ON notices FOR INSERT WITH CHECK ({SERVICE})",
        f"updating ON notices FOR UPDATE USING ({OWN} OR {SERVICE})"
        f" WITH CHECK ({OWN} OR {SERVICE})",
        f"deleting ON notices FOR DELETE USING ({SERVICE})",
    ):
        op.execute(f"CREATE POLICY {statement}")


def _columns() -> list[sa.Column[object] | sa.Constraint]:
    moment = sa.DateTime(timezone=True)
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column(
            "number",
            sa.BigInteger(),
            sa.Identity(),
            nullable=False,
            comment="in the order of commits: there is one who writes them",
        ),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "kind", sa.String(100), nullable=False, comment="of the change: demand.published"
        ),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column(
            "titled_id",
            sa.Uuid(),
            nullable=True,
            comment="the demand or the common problem whose title the text says",
        ),
        sa.Column("happened_at", moment, nullable=False),
        sa.Column("read_at", moment, nullable=True),
        sa.Column("digest_id", sa.Uuid(), nullable=True, comment="of the e-mail that tells of it"),
        sa.Column("mailed_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
        sa.UniqueConstraint("account_id", "change_id", name="uq_notices_account_id_change_id"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_notices_account_id"),
    ]


def downgrade() -> None:
    op.drop_table("notices")
    op.drop_column("accounts", "has_notice_mail")
