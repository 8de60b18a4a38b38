"""How often experts were invited, and what they say of being invited

The moment is that of the docking it was for, so that no invitation tells of a demand.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.postgres.roles import set_views_aside

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

STATES = ("open", "accepted", "refused", "withdrawn", "expired")
SERVICE = "(SELECT scope_name()) = 'service'"
# They are written with whoever asks and answers, whose expert it need not be.
WRITING = f"(SELECT scope_name()) = 'judging' OR {SERVICE}"
READING = f"""(SELECT scope_name()) = 'index' OR {WRITING}
    OR (SELECT scope_role()) = 'expert' AND is_me(expert_id)"""

# What the dockings of before tell; the last step of one that was declined says by whom.
OF_DOCKINGS = """
INSERT INTO expert_invitations
    (id, created_at, updated_at, version, expert_id, invited_at, state, answered_at)
SELECT gen_random_uuid(), invited_at, now(), 1, expert_id, invited_at, state,
    CASE state WHEN 'accepted' THEN expert_accepted_at ELSE closed_at END
FROM (
    SELECT d.expert_id, d.invited_at, d.expert_accepted_at, d.closed_at, CASE
        WHEN d.state = 'declined' AND last.side = 'expert' THEN 'refused'
        WHEN d.expert_accepted_at IS NOT NULL THEN 'accepted'
        WHEN d.state = 'declined' THEN 'withdrawn'
        WHEN d.state = 'expired' THEN 'expired'
        ELSE 'open' END AS state
    FROM dockings AS d LEFT JOIN LATERAL (
        SELECT s.side FROM docking_steps AS s WHERE s.docking_id = d.id AND s.verb = 'decline'
        ORDER BY s.created_at DESC, s.id DESC LIMIT 1
    ) AS last ON true
    WHERE d.invited_at IS NOT NULL
) AS told
ON CONFLICT DO NOTHING
"""


def _columns() -> list[sa.Column[object]]:
    return [
        sa.Column(
            "declared_conflicts",
            postgresql.JSONB(),
            server_default="[]",
            nullable=False,
            comment="organization_id and kind of each",
        ),
        sa.Column("reduced_capacity", sa.Integer(), nullable=True, comment="减量"),
        sa.Column("reduced_until_on", sa.Date(), nullable=True),
        sa.Column(
            "is_do_not_contact",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="免打扰, without an end",
        ),
        sa.Column("do_not_contact_until_on", sa.Date(), nullable=True),
        sa.Column("do_not_contact_reason", sa.String(), server_default="", nullable=False),
    ]


def upgrade() -> None:
    for column in _columns():
        op.add_column("experts", column)
    _say_of_capacity("invitations a year; null: as usual, see the settings")
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "expert_invitations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("expert_id", sa.Uuid(), nullable=False),
        sa.Column("invited_at", moment, nullable=False),
        sa.Column(
            "state",
            sa.Enum(*STATES, name="invitationstate", native_enum=False, length=50),
            nullable=False,
        ),
        sa.Column("answered_at", moment, nullable=True, comment="or when it ended otherwise"),
        sa.PrimaryKeyConstraint("id", name="pk_expert_invitations"),
        sa.ForeignKeyConstraint(
            ["expert_id"],
            ["experts.id"],
            name="fk_expert_invitations_expert_id",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "expert_id", "invited_at", name="uq_expert_invitations_expert_id_invited_at"
        ),
    )
    op.execute(OF_DOCKINGS)
    op.execute("ALTER TABLE expert_invitations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    for statement in (
        f"reading ON expert_invitations FOR SELECT USING ({READING})",
        f"inserting ON expert_invitations FOR INSERT WITH CHECK ({WRITING})",
        f"updating ON expert_invitations FOR UPDATE USING ({WRITING}) WITH CHECK ({WRITING})",
        f"deleting ON expert_invitations FOR DELETE USING ({SERVICE})",
    ):
        op.execute(f"CREATE POLICY {statement}")


def _say_of_capacity(comment: str) -> None:
    op.execute(f"COMMENT ON COLUMN experts.yearly_capacity IS '{comment}'")


def downgrade() -> None:
    set_views_aside(op.get_bind())
    _say_of_capacity("invitations a year; null: no cap")
    op.drop_table("expert_invitations")
    for column in _columns():
        op.drop_column("experts", column.name)
