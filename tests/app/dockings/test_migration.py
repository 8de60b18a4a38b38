"""Invitations of before there was a record of them are told by the dockings they were for."""

import pytest
from sqlalchemy import URL, create_engine, text

from tests.app.personal_data.test_migration import migrate, rows

pytestmark = pytest.mark.own_database

EXPERT = "00000000-0000-7000-8000-000000000001"
OLD = f"""
    INSERT INTO experts (id, version, name, kind, state, search, name_pinyin, state_reason,
        academy_division, is_retired, organization_name, title, disciplines, technology_fields,
        research_directions, specialities, introduction, languages, service_modes, absences,
        conflicting_organization_ids, societies)
    VALUES ('{EXPERT}', 1, '某人', 'expert', 'in_pool', '', '', '', '', false, '', '', '{{}}',
        '{{}}', '{{}}', '{{}}', '', '{{}}', '{{}}', '[]', '{{}}', '{{}}');
    SET session_replication_role = replica;
    INSERT INTO dockings (id, version, demand_id, expert_id, match_id, state, invited_at,
        expert_accepted_at, closed_at)
    SELECT CAST('00000000-0000-7000-8000-00000000010' || place AS uuid), 1, gen_random_uuid(),
        '{EXPERT}', gen_random_uuid(), state, invited_at, accepted_at, closed_at
    FROM (VALUES
        (1, 'recommended', CAST(NULL AS timestamptz), CAST(NULL AS timestamptz),
            CAST(NULL AS timestamptz)),
        (2, 'invited', '2026-02-01 00:00Z', NULL, NULL),
        (3, 'declined', '2026-03-01 00:00Z', '2026-03-02 00:00Z', '2026-03-03 00:00Z'),
        (4, 'declined', '2026-04-01 00:00Z', NULL, '2026-04-03 00:00Z'),
        (5, 'expired', '2026-05-01 00:00Z', NULL, '2026-05-09 00:00Z'),
        (6, 'failed', '2026-06-01 00:00Z', '2026-06-02 00:00Z', '2026-07-01 00:00Z')
    ) AS told (place, state, invited_at, accepted_at, closed_at);
    INSERT INTO docking_steps (id, version, docking_id, verb, state, side, is_noted_by_staff, note)
    SELECT gen_random_uuid(), 1, id, 'decline', 'declined',
        CASE WHEN expert_accepted_at IS NULL THEN 'enterprise' ELSE 'expert' END, false, ''
    FROM dockings WHERE state = 'declined';
    SET session_replication_role = origin
"""


def test_dockings_tell_of_the_invitations_before(database: URL) -> None:
    engine = create_engine(database)
    with engine.connect() as connection:
        migrate(connection, "0026")
        for statement in OLD.split(";"):
            connection.execute(text(statement))
        migrate(connection, "head")
        told = rows(
            connection,
            "SELECT state, to_char(invited_at, 'MMDD'), to_char(answered_at, 'MMDD')"
            " FROM expert_invitations ORDER BY invited_at",
        )
        due = rows(connection, "SELECT state FROM dockings WHERE due_on > now() ORDER BY id")
    engine.dispose()
    assert due == [("recommended",), ("invited",)]
    assert told == [
        ("open", "0201", None),
        ("refused", "0301", "0303"),
        ("withdrawn", "0401", "0403"),
        ("expired", "0501", "0509"),
        ("accepted", "0601", "0602"),
    ]
