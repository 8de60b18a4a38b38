"""`shuangku backup`: one consistent moment of the database, beside a running service."""

import os
import shlex
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from anyio import to_thread
from psycopg import AsyncConnection
from sqlalchemy import URL

from app import private_files
from app.clock import now
from app.encryption.rotation import MissingKeys
from app.migration import present_revisions
from app.operators import OperatorError
from app.postgres import programs
from app.postgres.probe import conninfo
from app.postgres.roles import VIEWS, whole_view
from app.upkeep import archives
from app.upkeep.archives import Manifest
from app.upkeep.keys import key_ids, keys_path, write_keys
from app.upkeep.missing_keys import missing_key_ids

ONE_MOMENT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# What an interrupted `restore --replace` set aside is no part of the service's data.
SET_ASIDE = "replaced_*"


class BackupRefused(OperatorError):
    """Nothing was backed up."""


def dump_path(target: Path) -> Path:
    """The file that is meant: the given NAME.dump, or a new one in the given folder, by the time.

    A folder that is not there is made. Raises BackupRefused when the file exists, or none can be
    written.
    """
    if target.suffix != ".dump":
        try:
            target.mkdir(parents=True, exist_ok=True)
        except PermissionError:
            raise _unwritable(target.absolute(), make=target.absolute()) from None
        except OSError:
            raise BackupRefused(f"{target} 不是目录", f"{target} is no folder") from None
        target = target / f"shuangku-{now():%Y%m%d-%H%M%S}.dump"
    folder = target.parent.absolute()
    if not folder.is_dir():
        raise BackupRefused(f"没有目录 {target.parent}", f"no folder {target.parent}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _left_by_sudo(folder) if _holds_only_backups(folder) else _unwritable(folder)
    if target.exists():
        raise BackupRefused(f"{target} 已存在", f"{target} exists")
    return target


def _holds_only_backups(folder: Path) -> bool:
    """Only of such a folder may all that is in it be given to somebody else."""
    try:
        found = {path.suffixes[-1] if path.suffixes else "" for path in folder.iterdir()}
    except OSError:
        return False
    return ".dump" in found and found <= {".dump", ".json", ".keys", ".part"}


def _left_by_sudo(folder: Path) -> BackupRefused:
    command = f"sudo chown -R {os.getuid()}:{os.getgid()} {shlex.quote(str(folder))}"
    return BackupRefused(
        f"当前用户无权写入 {folder}：若为 sudo 备份所留，运行 {command}；否则备份到别的目录",
        f"this user may not write {folder}: if a backup with sudo has left it, run {command},"
        " else back up into another folder",
    )


def _unwritable(folder: Path, make: Path | None = None) -> BackupRefused:
    """The way out is a folder of the user's own: whose the others are is not for us to change."""
    own = make or folder / "shuangku"
    command = f"sudo install -d -o {os.getuid()} -g {os.getgid()} {shlex.quote(str(own))}"
    return BackupRefused(
        f"当前用户无权写入 {folder}：运行 {command}，再备份到 {own}；或备份到自己的目录",
        f"this user may not write {folder}: run {command}, then back up into {own};"
        " or back up into a folder of your own",
    )


async def back_up(url: URL, target: Path, *, keys: Mapping[str, bytes]) -> Manifest:
    """Dump the database, and write down what is in it; a backup is whole or it is not there.

    url: of who owns the tables.
    keys: what to write into the file of the keys; without any there is none.

    Raises MissingKeys for keys that do not open all that is sealed, BackupRefused where nothing is.
    """
    draft, url = target.with_suffix(".part"), whole_view(url)
    draft.touch(mode=0o600)
    try:
        async with await AsyncConnection.connect(conninfo(url), autocommit=True) as connection:
            manifest = await _dump(connection, url, draft, keys)
        with ExitStack() as undo:
            if keys:
                write_keys(target, keys)
                undo.callback(keys_path(target).unlink)
            archives.write_manifest(target, manifest)
            undo.callback(archives.manifest_path(target).unlink)
            private_files.move(draft, target)  # pg_dump has synced it
            undo.pop_all()
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
    return manifest


async def _dump(
    connection: AsyncConnection, url: URL, file: Path, keys: Mapping[str, bytes]
) -> Manifest:
    """The dump and the counts see the same snapshot."""
    version = connection.info.server_version // 10_000
    program = await to_thread.run_sync(lambda: programs.find("pg_dump", server_version=version))
    await connection.execute(ONE_MOMENT)
    present = await present_revisions(connection)
    if not present:
        raise BackupRefused("数据库是空的", "the database is empty")
    if keys and (missing := await missing_key_ids(connection, key_ids(keys))):
        raise MissingKeys(missing)  # else noticed when the backup is needed
    [snapshot] = await (await connection.execute("SELECT pg_export_snapshot()")).fetchone() or [""]
    await programs.run(
        program,
        "--format=custom",
        "--no-owner",
        "--no-privileges",  # of roles that another server need not have: migrating grants them
        "--enable-row-security",  # the owner is bound, too, and `whole_view` says to what
        f"--exclude-schema={VIEWS}",
        f"--snapshot={snapshot}",
        f"--exclude-schema={SET_ASIDE}",
        f"--file={file}",
        url=url,
    )
    return Manifest(
        made_at=now().isoformat(timespec="seconds"),
        revision=", ".join(present),
        server_version=version,
        sha256=await to_thread.run_sync(archives.digest, file),
        has_keys=bool(keys),
        tables=await archives.contents(connection),
    )
