"""The embedded server under everything that happens to servers: kills, leftovers, odd paths."""

import contextlib
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict

from app.postgres.cluster import open_cluster
from app.postgres.embedded import EmbeddedServer, start
from app.postgres.errors import EmbeddedServerError
from app.postgres.privileges import SYSTEM_USER, ServerUser, make_private, server_user

PROJECT = Path(__file__).resolve().parents[3]
USE_UNTIL_TOLD = """
import sys
from pathlib import Path
from app.postgres.embedded import start
with start(Path(sys.argv[1])) as server:
    print(server.conninfo, flush=True)
    sys.stdin.readline()
"""
LONG_NAME = "科技 工作者 之家/企业技术需求库 与 院士资源智库/本地 数据库 $HOME '引号'"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for a cluster; whatever still runs there afterwards is ended."""
    yield tmp_path / "db"
    for postmaster in _postmasters(tmp_path):
        postmaster.kill()


@pytest.fixture(scope="session")
def stopped_cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "db"
    start(folder).stop()
    return folder


@pytest.fixture
def made(folder: Path, stopped_cluster: Path) -> Path:
    """A folder with a stopped cluster: copied, which is ten times faster than initdb."""
    subprocess.run(["cp", "-a", stopped_cluster, folder], check=True)
    return folder


@contextlib.contextmanager
def _other_process(folder: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has started the folder's server and stops it when its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", USE_UNTIL_TOLD, str(folder)],
        cwd=PROJECT,
        env=environment or None,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.kill()


def _conninfo(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _postmasters(folder: Path) -> list[psutil.Process]:
    found: dict[psutil.Process, int] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name() == "postgres" and Path(process.cwd()).is_relative_to(folder):
                found[process] = process.ppid()
    pids = {process.pid for process in found}
    return [process for process, parent in found.items() if parent not in pids]


def _execute(conninfo: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def _add_rows(conninfo: str, rows: int) -> None:
    _execute(conninfo, "CREATE TABLE IF NOT EXISTS kept (id integer)")
    _execute(conninfo, f"INSERT INTO kept SELECT generate_series(1, {rows})")


def _count_rows(conninfo: str) -> object:
    return _execute(conninfo, "SELECT count(*) FROM kept")[0][0]


def _wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited 20 seconds in vain"
        time.sleep(0.002)


def test_rows_outlive_a_stop(folder: Path) -> None:
    with start(folder) as server:
        _add_rows(server.conninfo, 3)
    assert _postmasters(folder) == []
    with start(folder) as server:
        assert _count_rows(server.conninfo) == 3


def test_database_speaks_chinese_and_listens_on_no_port(made: Path) -> None:
    with start(made) as server:
        assert _execute(server.conninfo, "SHOW listen_addresses") == [("",)]
        assert _execute(server.conninfo, "SELECT current_database()") == [("shuangku",)]
        _execute(server.conninfo, "CREATE EXTENSION pg_trgm")
        [(trigrams,)] = _execute(server.conninfo, "SELECT cardinality(show_trgm('冷却水'))")
        assert trigrams == 4


def test_stop_twice_is_harmless(made: Path) -> None:
    server = start(made)
    server.stop()
    server.stop()
    assert _postmasters(made) == []


def test_url_leads_to_the_same_database(made: Path) -> None:
    with start(made) as server:
        _add_rows(server.conninfo, 2)
        engine = sa.create_engine(server.url)
        with engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT count(*) FROM kept")) == 2
        engine.dispose()


def test_killed_owner_leaves_a_server_to_join_and_stop(made: Path) -> None:
    with _other_process(made) as owner:
        _add_rows(_conninfo(owner), 5)
        owner.kill()
    [orphan] = _postmasters(made)
    with start(made) as server:
        assert _postmasters(made) == [orphan]
        assert _count_rows(server.conninfo) == 5
    assert _postmasters(made) == []


def test_killed_postmaster_loses_no_acknowledged_row(made: Path) -> None:
    with start(made) as server:
        _add_rows(server.conninfo, 0)
        acknowledged = _insert_until_killed(server, kill_after=200)
        with start(made) as again:
            assert _count_rows(again.conninfo) in {acknowledged, acknowledged + 1}
    assert _postmasters(made) == []


def _insert_until_killed(server: EmbeddedServer, *, kill_after: int) -> int:
    acknowledged = 0
    [postmaster] = _postmasters(server._cluster.folder)
    with (
        contextlib.suppress(psycopg.OperationalError),
        psycopg.connect(server.conninfo, autocommit=True) as connection,
    ):
        while True:
            connection.execute("INSERT INTO kept VALUES (1)")
            acknowledged += 1
            if acknowledged == kill_after:
                postmaster.kill()
    return acknowledged


def test_owner_killed_during_initdb_leaves_no_half_cluster(folder: Path) -> None:
    with _other_process(folder) as owner:
        _wait_for((folder / "pgdata.new" / "PG_VERSION").exists)
        owner.kill()
    assert not (folder / "pgdata").exists()
    with start(folder) as server:
        _add_rows(server.conninfo, 1)
        assert not (folder / "pgdata.new").exists()


@pytest.mark.parametrize("leftover", ["a stranger's", "a zombie's", "nobody's", "empty"])
def test_stale_pid_file(made: Path, leftover: str) -> None:
    file = made / "pgdata" / "postmaster.pid"
    # The server's own user, or PostgreSQL would see at once that the process is not its own.
    user = server_user(made / "pgdata").uid
    command = ["sleep", "60" if leftover == "a stranger's" else "0"]
    with subprocess.Popen(command, user=user) as process:
        if leftover != "a stranger's":
            _wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
        if leftover == "nobody's":
            process.wait()
        file.write_text("" if leftover == "empty" else f"{process.pid}\n{made}/pgdata\n")
        with start(made) as server:
            _add_rows(server.conninfo, 1)
        process.kill()


def test_two_processes_share_and_the_last_one_stops(made: Path) -> None:
    first = start(made)
    with _other_process(made) as other:
        assert _conninfo(other) == first.conninfo
        [postmaster] = _postmasters(made)
        first.stop()
        assert _postmasters(made) == [postmaster]
        _add_rows(first.conninfo, 1)
        other.communicate("\n", timeout=20)
        assert other.returncode == 0
    assert _postmasters(made) == []


def test_long_path_with_spaces_and_chinese_in_a_bare_environment(folder: Path) -> None:
    long = folder / LONG_NAME
    assert len(os.fsencode(long)) > 85
    with _other_process(long, LC_ALL="C", PGPORT="1", PGHOST="/nowhere") as process:
        conninfo = _conninfo(process)
        _add_rows(conninfo, 4)
        sockets = Path(str(conninfo_to_dict(conninfo)["host"]))
        assert sockets.stat().st_mode & 0o777 == 0o700
        process.communicate("\n", timeout=20)
    assert not sockets.exists()
    with start(long) as server:
        assert _count_rows(server.conninfo) == 4


def test_throwaway_server_begins_empty_even_after_a_kill_and_ends_empty(folder: Path) -> None:
    killed = start(folder, durable=False)
    assert _execute(killed.conninfo, "SHOW fsync") == [("off",)]
    with start(folder, durable=False) as joined:
        _add_rows(joined.conninfo, 1)
    assert _count_rows(killed.conninfo) == 1
    killed._users.close()  # all that the kernel does for a killed process
    with start(folder, durable=False) as server, pytest.raises(psycopg.errors.UndefinedTable):
        _count_rows(server.conninfo)
    assert not (folder / "throwaway").exists()


def test_throwaway_server_leaves_real_data_alone(made: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="holds something else"):
        start(made, durable=False)
    assert (made / "pgdata" / "PG_VERSION").exists()


def test_folder_with_other_content_is_refused_untouched(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "thesis.txt").touch()
    with pytest.raises(EmbeddedServerError, match="有别的内容"):
        start(folder)
    assert folder.stat().st_mode & 0o777 == 0o755


def test_folder_that_cannot_be_made_is_named(folder: Path) -> None:
    folder.touch()
    with pytest.raises(EmbeddedServerError, match="无法使用目录") as caught:
        start(folder / "db")
    assert "embedded PostgreSQL cannot use the folder" in str(caught.value)


def test_folder_of_a_stranger_is_refused(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(tmp_path, 65534, 65534)
    folder = tmp_path if os.geteuid() == 0 else Path("/usr")
    with pytest.raises(EmbeddedServerError, match=f"belongs to user {folder.stat().st_uid}"):
        make_private(folder, ServerUser(uid=os.geteuid(), gid=os.getegid()))


def test_data_of_another_version_are_refused(made: Path) -> None:
    (made / "pgdata" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedServerError, match="is of PostgreSQL 17, this program brings 18"):
        start(made)


def test_server_of_somebody_else_is_refused(made: Path, tmp_path: Path) -> None:
    cluster = open_cluster(made, durable=True)
    elsewhere = tmp_path / "s"
    make_private(elsewhere, cluster.user)
    options = f"-c listen_addresses= -k '{elsewhere}'"
    assert cluster.run("pg_ctl", "start", "--wait", "-o", options) == 0
    with pytest.raises(EmbeddedServerError, match="another PostgreSQL runs on"):
        start(made)
    assert len(_postmasters(made)) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends the server another user")
def test_root_lends_a_system_user_that_reaches_a_private_folder(folder: Path) -> None:
    folder.parent.chmod(0o700)
    with start(folder):
        [postmaster] = _postmasters(folder)
        status = Path(f"/proc/{postmaster.pid}/status").read_text()
    assert postmaster.uids().effective == pwd.getpwnam(SYSTEM_USER).pw_uid
    assert "CapEff:\t0000000000000002" in status  # CAP_DAC_OVERRIDE and nothing else
