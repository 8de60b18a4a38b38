"""PostgreSQL's programs: what of a script is left out for a server of an earlier version."""

import sys
from pathlib import Path

import psycopg
import pytest
from anyio import to_thread

from app.postgres import programs
from app.postgres.embedded import EmbeddedServer
from app.postgres.programs import ProgramFailed

HEAD = (
    "BEGIN;\nSET not_known_yet = 0;\nSET statement_timeout = 0;\nCREATE TABLE poured (text text);\n"
)


def test_only_settings_that_the_server_lacks_are_left_out() -> None:
    known = {"statement_timeout"}
    assert programs.is_unknown(b"SET transaction_timeout = 0;\n", known)
    assert not programs.is_unknown(b"SET statement_timeout = 0;\n", known)
    assert not programs.is_unknown(b"BEGIN;\n", known)


async def poured(server: EmbeddedServer, script: str) -> int:
    """Run the script that a program writes; the number of rows that stay."""
    psql = programs.find("psql", server_version=18)
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS poured")
        writer = (Path(sys.executable), "-c", script)
        await programs.run_script(writer, psql, url=server.url, settings={"statement_timeout"})
        [count] = connection.execute("SELECT count(*) FROM poured").fetchone() or (0,)
    return int(count)


async def test_a_script_runs_without_them(server: EmbeddedServer) -> None:
    copied = (
        "'COPY poured FROM stdin;\\nSET transaction_timeout = 0;\\n' + 'row\\n' * 50_000 + '\\\\.'"
    )
    script = f"print({HEAD!r} + {copied} + '\\nCOMMIT;')"
    assert await poured(server, script) == 50_001, "what stands in the data is let alone"


@pytest.mark.parametrize(
    "script",
    [
        f"print({HEAD!r}, flush=True); raise SystemExit(1)",  # the writer breaks off
        f"print({HEAD!r} + 'SELECT secret;\\n' + 'SELECT 1;\\n' * 100_000 + 'COMMIT;')",
    ],
)
async def test_a_script_that_fails_leaves_nothing(server: EmbeddedServer, script: str) -> None:
    with pytest.raises(ProgramFailed):
        await poured(server, script)
    with psycopg.connect(server.conninfo) as connection:
        assert connection.execute("SELECT to_regclass('poured')").fetchone() == (None,)


async def test_a_writer_whose_reader_cannot_start_ends(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    noted = tmp_path / "pid"
    script = (
        f"import os; open({str(noted)!r}, 'w').write(str(os.getpid()))\nwhile True: print('SELECT')"
    )
    writer = (Path(sys.executable), "-c", script)
    absent = tmp_path / "psql"
    with pytest.raises(FileNotFoundError):
        await programs.run_script(writer, absent, url=server.url, settings=())
    assert not await to_thread.run_sync(_is_alive, noted)


def _is_alive(noted: Path) -> bool:
    """It may have been ended before its first line."""
    return noted.exists() and Path(f"/proc/{noted.read_text()}").exists()
