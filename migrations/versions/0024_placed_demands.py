"""Who moves a demand in a problem, and what of its heading a person wrote

A member is put in or taken out by staff who carry its demand. Of title and statement, which stood
under one flag, the one that nobody has written follows the demands.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import online

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# As in 0013 and 0019.
CARRIED = """(
    (SELECT is_staff()) AND (region_code IS NULL
        OR starts_with(region_code, (SELECT staff_prefix()))
        OR starts_with(handed_to_region_code, (SELECT staff_prefix())))
)"""
OF_STAFF = """(
    (SELECT is_staff()) AND (array_remove(region_codes, NULL) = '{}' OR EXISTS (
        SELECT FROM unnest(region_codes) AS region(code)
        WHERE starts_with(region.code, (SELECT staff_prefix()))
    ))
)"""
OF_STAFF_PROBLEM = (
    f"EXISTS (SELECT FROM common_problems AS p WHERE p.id = problem_id AND {OF_STAFF})"
)
OF_CARRIED_DEMAND = f"EXISTS (SELECT FROM demands AS d WHERE d.id = demand_id AND {CARRIED})"
BY_JOBS = "(SELECT scope_name()) IN ('problems', 'service')"

# A rule for UPDATE sees one side of a change: reasons are forgotten of every member.
GUARD = f"""
CREATE FUNCTION refuse_moving_others() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {BY_JOBS} OR (
        SELECT bool_and(EXISTS (SELECT FROM demands AS d WHERE d.id = moved.id AND {CARRIED}))
        FROM (VALUES (OLD.demand_id), (NEW.demand_id)) AS moved(id)
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the demand is carried by others' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER refuse_moving_others
    BEFORE UPDATE OF problem_id, demand_id, is_excluded ON problem_members FOR EACH ROW
    WHEN ((OLD.problem_id, OLD.demand_id, OLD.is_excluded)
        IS DISTINCT FROM (NEW.problem_id, NEW.demand_id, NEW.is_excluded))
    EXECUTE FUNCTION refuse_moving_others();
"""


def upgrade() -> None:
    written: sa.Column[list[str]] = sa.Column(
        "written",
        postgresql.ARRAY(sa.String()),
        server_default="{}",
        nullable=False,
        comment="title, statement: what somebody has written, so no job does",
    )
    op.add_column("common_problems", written, if_not_exists=True)
    _repeat("written = '{title,statement}'", "is_edited AND written = '{}'")
    op.drop_column("common_problems", "is_edited")
    _let_insert(f"{OF_STAFF_PROBLEM} AND {OF_CARRIED_DEMAND}")
    op.execute(GUARD)


def downgrade() -> None:
    op.execute("DROP TRIGGER IF EXISTS refuse_moving_others ON problem_members")
    op.execute("DROP FUNCTION IF EXISTS refuse_moving_others")
    _let_insert(OF_STAFF_PROBLEM)
    is_edited: sa.Column[bool] = sa.Column(
        "is_edited",
        sa.Boolean(),
        server_default=sa.false(),
        nullable=False,
        comment="somebody has written title or statement, so no job does",
    )
    op.add_column("common_problems", is_edited, if_not_exists=True)
    _repeat("is_edited = true", "NOT is_edited AND written <> '{}'")
    op.alter_column("common_problems", "is_edited", server_default=None)
    op.drop_column("common_problems", "written")


def _let_insert(by_staff: str) -> None:
    rule = f"inserting ON problem_members WITH CHECK ({by_staff} OR {BY_JOBS})"
    op.execute(f"ALTER POLICY {rule}")


def _repeat(change: str, still: str) -> None:
    some = f"SELECT id FROM common_problems WHERE {still} LIMIT 1000"
    online.repeat(f"UPDATE common_problems SET {change} WHERE id IN ({some})")
