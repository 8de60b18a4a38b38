"""What a match is stored upon is held, and what was before it is read, in one statement

Every match did so in four: people, then the demand, as erasure does; then the last run and the
verdicts.
"""

from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

FUNCTION = """
CREATE FUNCTION held_for_match(
    of_demand uuid, people uuid[],
    OUT erased uuid[], OUT state text, OUT latest_run_id uuid, OUT verdicts jsonb
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    erased := ARRAY(SELECT p.expert_id FROM held_people(people) AS p WHERE p.is_erased);
    SELECT d.state INTO state FROM demands AS d WHERE d.id = of_demand FOR SHARE;
    IF NOT FOUND THEN  -- a partner may not touch the demand
        SELECT d.state INTO state FROM demands AS d WHERE d.id = of_demand;
    END IF;
    SELECT r.id INTO latest_run_id FROM match_runs AS r
        WHERE r.demand_id = of_demand AND r.withdrawn_at IS NULL
        ORDER BY r.created_at DESC, r.id DESC LIMIT 1;
    -- In all runs: the one that is being made is not stored yet.
    SELECT coalesce(jsonb_object_agg(v.expert_id, to_jsonb(v) - 'expert_id'), '{}') INTO verdicts
        FROM earlier_verdicts(of_demand, '00000000-0000-0000-0000-000000000000') AS v;
END $$;
"""


def upgrade() -> None:
    op.execute(FUNCTION)


def downgrade() -> None:
    op.execute("DROP FUNCTION held_for_match")
