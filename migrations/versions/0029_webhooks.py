"""Webhooks and their deliveries, which are their account's alone"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

CAUSES = ("by_hand", "gone", "failing")
STATES = ("waiting", "delivered", "failed", "withheld")

OWN = "account_id = (SELECT scope_account())"
OF_OWN = (
    "EXISTS (SELECT FROM webhooks AS webhook WHERE webhook.id = webhook_id"
    " AND webhook.account_id = (SELECT scope_account()))"
)
SERVICE = "(SELECT scope_name()) = 'service'"
SEALING = "(SELECT scope_name()) = 'sealing'"


def upgrade() -> None:
    op.create_table("webhooks", *_webhook_columns())
    names = ["account_id", "created_at", "id"]
    op.create_index(f"ix_webhooks_{'_'.join(names)}", "webhooks", names)
    op.create_table("webhook_deliveries", *_delivery_columns())
    for names in (["webhook_id", "created_at", "id"], ["created_at"]):
        op.create_index(f"ix_webhook_deliveries_{'_'.join(names)}", "webhook_deliveries", names)
    op.create_index(
        "ix_webhook_deliveries_waiting",
        "webhook_deliveries",
        ["next_attempt_at"],
        postgresql_where=sa.text("state = 'waiting'"),
    )
    _protect("webhooks", OWN, deleting=OWN, sealing=f" OR {SEALING}")
    _protect("webhook_deliveries", OF_OWN, deleting="false")


def _protect(table: str, rule: str, *, deleting: str, sealing: str = "") -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    for statement in (
        f"reading ON {table} FOR SELECT USING ({rule} OR {SERVICE}{sealing})",
        f"inserting ON {table} FOR INSERT WITH CHECK ({rule} OR {SERVICE})",
        f"updating ON {table} FOR UPDATE USING ({rule} OR {SERVICE}{sealing})"
        f" WITH CHECK ({rule} OR {SERVICE}{sealing})",
        f"deleting ON {table} FOR DELETE USING ({deleting} OR {SERVICE})",
    ):
        op.execute(f"CREATE POLICY {statement}")


def _record_columns() -> list[sa.Column[object]]:
    moment = sa.DateTime(timezone=True)
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def _of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, length=50)


def _webhook_columns() -> list[sa.Column[object] | sa.Constraint]:
    moment = sa.DateTime(timezone=True)
    return [
        *_record_columns(),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column(
            "kinds",
            sa.ARRAY(sa.String()),
            nullable=False,
            comment="demand.published, or demand.* for all",
        ),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_cause", _of("disabledcause", *CAUSES), nullable=True),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("previous_secret", sa.String(), nullable=False),
        sa.Column("previous_secret_ends_at", moment, nullable=True, comment="until then both sign"),
        sa.Column(
            "failing_since_at",
            moment,
            nullable=True,
            comment="the first failure since the last success",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_webhooks_account_id"),
    ]


def _delivery_columns() -> list[sa.Column[object] | sa.Constraint]:
    moment = sa.DateTime(timezone=True)
    return [
        *_record_columns(),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=True, comment="null for a test"),
        sa.Column("kind", sa.String(100), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("happened_at", moment, nullable=False),
        sa.Column("state", _of("deliverystate", *STATES), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", moment, nullable=True),
        sa.Column("attempted_at", moment, nullable=True),
        sa.Column("status_code", sa.Integer(), nullable=True, comment="of the last answer"),
        sa.Column("error", sa.String(20), nullable=False, comment="why there was none"),
        sa.Column("response", sa.String(), nullable=False, comment="its beginning"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
        sa.UniqueConstraint(
            "webhook_id", "change_id", name="uq_webhook_deliveries_webhook_id_change_id"
        ),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["webhooks.id"],
            name="fk_webhook_deliveries_webhook_id",
            ondelete="CASCADE",
        ),
    ]


def downgrade() -> None:
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")
