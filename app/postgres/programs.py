"""PostgreSQL's own programs, of the version that fits a server: ours, or the system's."""

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL

from app.operators import OperatorError
from app.postgres.cluster import binaries
from app.postgres.errors import EmbeddedServerError
from app.postgres.probe import conninfo
from app.scrubbing import PERSONAL, WITHHELD

SYSTEM = Path("/usr/lib/postgresql")


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
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, said = await process.communicate()
        except asyncio.CancelledError:
            process.terminate()
            await process.wait()
            raise
    if process.returncode != 0:
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
    errors = [line for line in said.splitlines() if "error:" in line] or said.splitlines()[-1:]
    return PERSONAL.sub(WITHHELD, errors[0].removeprefix(f"{name}: ")) if errors else "?"
