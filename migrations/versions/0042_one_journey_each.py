"""What was said before of a demand's experts, and a run with its matches, take one statement each

Every match asks for the one and stores the other: each was two to five journeys to the database.
"""

from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

# Of the cost of either most is to plan it under the rules of its tables: one plan does for all.
FUNCTIONS = """
CREATE FUNCTION earlier_verdicts(of_demand uuid, but uuid)
RETURNS TABLE (expert_id uuid, match_id uuid, verdict text, created_at timestamptz)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    before text := current_setting('shuangku.scope', true);
BEGIN
    PERFORM set_config('shuangku.scope', 'index', true);
    -- Of most demands there is none, and the rules of judgments take longer than all the rest.
    IF EXISTS (
        SELECT FROM match_runs AS r JOIN matches AS m ON m.run_id = r.id
        WHERE r.demand_id = of_demand AND r.id <> but AND m.verdict IS NOT NULL
    ) THEN
        RETURN QUERY SELECT DISTINCT ON (m.expert_id)
            m.expert_id, j.match_id, CAST(j.verdict AS text), j.created_at
            FROM match_runs AS r
            JOIN matches AS m ON m.run_id = r.id
            JOIN judgments AS j ON j.match_id = m.id
            WHERE r.demand_id = of_demand AND r.id <> but AND m.verdict IS NOT NULL
            ORDER BY m.expert_id, j.created_at DESC, j.id DESC;
    END IF;
    PERFORM set_config('shuangku.scope', coalesce(before, ''), true);
END $$;

CREATE FUNCTION add_match_run(run jsonb, candidates jsonb) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    INSERT INTO match_runs SELECT * FROM jsonb_populate_record(CAST(NULL AS match_runs), run);
    INSERT INTO matches SELECT * FROM jsonb_populate_recordset(CAST(NULL AS matches), candidates);
END $$;
"""


def upgrade() -> None:
    op.execute(FUNCTIONS)


def downgrade() -> None:
    op.execute("DROP FUNCTION add_match_run")
    op.execute("DROP FUNCTION earlier_verdicts")
