"""A demand is put into a common problem, and taken out of it, by staff who carry it"""

from alembic import op

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
    _let_insert(f"{OF_STAFF_PROBLEM} AND {OF_CARRIED_DEMAND}")
    op.execute(GUARD)


def downgrade() -> None:
    op.execute("DROP TRIGGER refuse_moving_others ON problem_members")
    op.execute("DROP FUNCTION refuse_moving_others")
    _let_insert(OF_STAFF_PROBLEM)


def _let_insert(by_staff: str) -> None:
    rule = f"inserting ON problem_members WITH CHECK ({by_staff} OR {BY_JOBS})"
    op.execute(f"ALTER POLICY {rule}")
