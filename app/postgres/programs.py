"""PostgreSQL's own programs, of the version that fits a server: ours, or the system's."""

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL

from app.operators import OperatorError
from app.postgres.cluster import binaries
from app.postgres.errors import EmbeddedServerError
from app.postgres.probe import conninfo
from app.scrubbing import PERSONAL, WITHHELD

SYSTEM = Path("/usr/lib/postgresql")
# terse: what follows an error's first line quotes values.
PSQL = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=terse")
# What pg_restore writes before the first object of a script.
HEAD = (b"--", b"\n", b"\\", b"BEGIN;", b"SET ", b"SELECT pg_catalog.set_config(")
SETTING = re.compile(rb"SET (\w+) = ")
CHUNK = 1 << 16


class ProgramFailed(OperatorError):
    """A program of PostgreSQL failed, or is not there."""


def find(name: str, *, server_version: int) -> Path:
    """The program of this major version, else the next higher one: no lower one reads a server.

    Raises ProgramFailed.
    """
    found = {version: path for path in _candidates(name) if (version := _version(path))}
    fit = sorted(version for version in found if version >= server_version)
    if not fit:
        raise ProgramFailed(
            f"没有 {server_version} 版或更高的 {name}：请安装 postgresql-client-{server_version}",
            f"no {name} of version {server_version} or later:"
            f" install postgresql-client-{server_version}",
        )
    return found[fit[0]]


def _candidates(name: str) -> Iterator[Path]:
    """Of one version the last is taken: rather the server's own than the wheel's."""
    if (on_path := shutil.which(name)) is not None:
        yield Path(on_path)
    with suppress(EmbeddedServerError):  # there is none for this platform
        yield binaries() / name
    yield from SYSTEM.glob(f"*/bin/{name}")


def _version(program: Path) -> int | None:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    except OSError:
        return None
    found = re.search(r"\) (\d+)", said)
    return int(found[1]) if found else None


async def run(program: Path, *arguments: str, url: URL | None = None) -> None:
    """Run it, on a database if one is named.

    The password goes through a file: a command line is for all to read.

    Raises ProgramFailed with what the program called an error, without the values in it.
    """
    with _address(url) as address:
        process = await asyncio.create_subprocess_exec(
            *(str(program), *address, *arguments),
            stdin=DEVNULL,
            stderr=PIPE,
        )
        try:
            _, said = await process.communicate()
        except asyncio.CancelledError:
            process.terminate()
            await process.wait()
            raise
    _require_success(program, process.returncode, said)


async def run_script(
    writer: Sequence[str | Path], psql: Path, *, url: URL, settings: Collection[str]
) -> None:
    """Run what `writer` writes with psql, without the SETs at its head that the server lacks.

    A later pg_restore sets what a server of an earlier version does not know. The script is never
    on a disk. Whether it is one transaction is the writer's: who breaks off writes no COMMIT.

    settings: the names of those that the server has.

    Raises ProgramFailed.
    """
    with (
        _address(url) as address,
        tempfile.TemporaryFile() as of_writer,
        tempfile.TemporaryFile() as of_psql,
    ):
        writing = await asyncio.create_subprocess_exec(
            *writer, stdin=DEVNULL, stdout=PIPE, stderr=of_writer
        )
        try:
            running = await asyncio.create_subprocess_exec(
                *(str(psql), *address, *PSQL), stdin=PIPE, stdout=DEVNULL, stderr=of_psql
            )
        except BaseException:  # or the writer would stay, before a pipe that nobody reads
            writing.kill()
            await writing.communicate()
            raise
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # psql has given up, and says why
                await _pour(writing, running, settings)
        finally:
            await _end(writing, running)
        for program, process, said in (
            (psql, running, of_psql),  # where psql fails the writer has nobody to write to
            (Path(writer[0]), writing, of_writer),
        ):
            said.seek(0)
            _require_success(program, process.returncode, said.read())


async def _pour(writing: Process, running: Process, settings: Collection[str]) -> None:
    assert writing.stdout is not None
    assert running.stdin is not None
    is_head = True
    while part := await (writing.stdout.readline() if is_head else writing.stdout.read(CHUNK)):
        is_head = is_head and part.startswith(HEAD)
        if not (is_head and is_unknown(part, settings)):
            running.stdin.write(part)
            await running.stdin.drain()


async def _end(writing: Process, running: Process) -> None:
    """Let psql end, and the writer, of which nobody may want the rest.

    asyncio waits for a process until all is read that it wrote.
    """
    assert writing.stdout is not None
    assert running.stdin is not None
    if not writing.stdout.at_eof():
        with suppress(ProcessLookupError):
            writing.terminate()
    running.stdin.close()  # without a COMMIT, if that did not come
    while await writing.stdout.read(CHUNK):
        pass
    await writing.wait()
    await running.wait()


def is_unknown(line: bytes, settings: Collection[str]) -> bool:
    """Whether the line sets something that is none of these settings."""
    found = SETTING.match(line)
    return found is not None and found[1].decode() not in settings


def _require_success(program: Path, code: int | None, said: bytes) -> None:
    if code != 0:
        reason = _reason(said.decode(errors="replace"), program.name)
        raise ProgramFailed(f"{program.name} 失败", f"{program.name} failed", reason)


@contextmanager
def _address(url: URL | None) -> Iterator[tuple[str, ...]]:
    if url is None:
        yield ()
        return
    if not url.password:
        yield f"--dbname={conninfo(url)}", "--no-password"
        return
    with tempfile.NamedTemporaryFile("w", prefix="shuangku-pass-") as file:  # mode 0600
        password = str(url.password).replace("\\", "\\\\").replace(":", "\\:")
        file.write(f"*:*:*:*:{password}\n")
        file.flush()
        os.fsync(file.fileno())
        plain = url._replace(password=None).update_query_dict({"passfile": file.name})
        yield f"--dbname={conninfo(plain)}", "--no-password"


def _reason(said: str, name: str) -> str:
    errors = [line for line in said.splitlines() if "error:" in line.lower()] or said.splitlines()[
        -1:
    ]
    return PERSONAL.sub(WITHHELD, errors[0].removeprefix(f"{name}: ")) if errors else "?"
