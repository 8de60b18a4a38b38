"""The commands of whoever keeps the service up: backup, restore, doctor and new keys."""

from pathlib import Path
from typing import Annotated

import typer
from psycopg import AsyncConnection
from rich.markup import escape
from sqlalchemy import URL

from app.database import open_engine
from app.interface.language import Text
from app.postgres.probe import conninfo
from app.postgres.roles import whole_view
from app.postgres.server import database_server
from app.processes.execution import console, fail, run
from app.processes.preparation import own_database, require_database
from app.scopes import create_sessions
from app.settings import Settings

upkeep = typer.Typer()

KEYS_WRITTEN = Text(
    "  密钥在 {path}：有它就能读出备份中的一切，请移到别处保管（密码库、离线介质），"
    "恢复时再放回备份旁",
    "the keys are in {path}: whoever has it and the dump can read everything, so move it elsewhere"
    " (a password safe, a medium offline), and back beside the dump to restore with it",
)


@upkeep.command()
def backup(
    target: Annotated[
        Path | None,
        typer.Argument(help="NAME.dump，或目录 · or a folder", show_default="VAR_FOLDER/backups"),
    ] = None,
    with_keys: Annotated[
        bool,
        typer.Option(
            "--with-keys", help="连同密钥，写入 NAME.keys · the keys, too, into NAME.keys"
        ),
    ] = False,
) -> None:
    """备份数据库 · Back up the database; the service may go on."""
    run(_back_up(target, with_keys=with_keys))


async def _back_up(target: Path | None, *, with_keys: bool) -> None:
    from app.upkeep.backup import back_up, dump_path
    from app.upkeep.keys import keys_in_force, keys_path

    settings = Settings()
    require_database(settings)
    keys = keys_in_force(settings) if with_keys else {}
    path = dump_path(target or settings.backups_folder)
    async with database_server(settings) as database:
        with console.status("备份 · backing up"):
            manifest = await back_up(database.owner, path, keys=keys)
    rows = sum(count for count, _ in manifest.tables.values())
    tables = len(manifest.tables)
    console.print(f"[green]✓[/] 已备份 · backed up: {rows} rows, {tables} tables", highlight=False)
    typer.echo(path)
    if keys:
        console.print(escape(KEYS_WRITTEN.format(path=keys_path(path)).in_both), soft_wrap=True)


@upkeep.command()
def restore(
    dump: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="NAME.dump")],
    replace: Annotated[
        bool, typer.Option("--replace", help="替换已有数据 · in the place of what is there")
    ] = False,
    with_keys: Annotated[bool, typer.Option("--with-keys", help="连同密钥 · keys, too")] = False,
    unverified: Annotated[bool, typer.Option("--unverified", help="无清单 · no manifest")] = False,
) -> None:
    """恢复备份 · Restore a backup into an empty database; stop the service first."""
    run(_restore(dump, with_keys=with_keys, replaces=replace, unverified=unverified))


async def _restore(dump: Path, *, with_keys: bool, **how: bool) -> None:
    from app.matches.index.snapshots import forget_all
    from app.upkeep.keys import keep_keys, keys_to_keep
    from app.upkeep.restore import restore as restore_backup

    settings = Settings()
    keys = keys_to_keep(dump, settings) if with_keys else {}
    async with database_server(settings) as database:
        with console.status("恢复 · restoring"):
            async with open_engine(database.owner, settings) as engine:
                manifest = await restore_backup(engine, database.owner, dump, **how)
        if with_keys:
            written = ", ".join(keep_keys(keys)) or "原已在用 · in force already"
            console.print(f"  密钥 · keys: {written}")
        if manifest is None:
            console.print(
                "[yellow]![/] 没有清单，行数未核对 · no manifest, so rows were not verified"
            )
        if forget_all(settings.indexes_folder):
            console.print("  旧索引已清除，启动时重建 · saved indexes dropped, they are made again")
        await _require_keys(database.owner, dump, settings)
    console.print("[green]✓[/] 已恢复 · restored")


async def _require_keys(url: URL, dump: Path, settings: Settings) -> None:
    """Fail where what was restored is sealed with keys that are not in force here."""
    from app.upkeep.keys import holders, missing_key_ids, own_key_ids

    async with await AsyncConnection.connect(conninfo(whole_view(url))) as connection:
        missing = await missing_key_ids(connection, own_key_ids(settings))
    if not missing:
        return
    ids, found = ", ".join(sorted(missing)), holders(missing, dump, settings)
    where = (
        Text(
            "密钥在 {files}：并入 {kept}（每行一个）或 ENCRYPTION_KEYS",
            "they are in {files}: add them to {kept}, one a line, or to ENCRYPTION_KEYS",
        )
        if found
        else Text(
            "请到备份的 .keys、{kept}.replaced-… 或原主机上找回，并入 {kept} 或 ENCRYPTION_KEYS",
            "look for them in the backup's .keys, in {kept}.replaced-… and on the old host, and add"
            " them to {kept} or ENCRYPTION_KEYS",
        )
    ).format(files=", ".join(map(str, found)), kept=settings.encryption_keys_file.absolute())
    fail(
        f"数据已恢复，但缺少密钥 {ids}：联系方式等已加密的内容无法读取，服务不会启动"
        " · the data are restored, but keys are missing: what is sealed cannot be read, and no"
        f" service will start\n  → {where.in_both}"
    )


@upkeep.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="给程序读 · for programs")] = False,
) -> None:
    """检查 · Say what is wrong and what to do; exit code 1 when something is bad."""
    run(_examine(as_json=as_json), warns=False)


async def _examine(*, as_json: bool) -> None:
    from app.upkeep import doctor
    from app.upkeep.terminal import as_items, show

    findings = []
    async for finding in doctor.examine(Settings()):
        findings.append(finding)
        if not as_json:
            show(finding)
    if as_json:
        typer.echo(as_items(findings))
    if not doctor.is_sound(findings):
        raise typer.Exit(1)


@upkeep.command(name="rotate-keys")
def rotate_keys() -> None:
    """更换加密密钥 · Put all sealed values under the first of the ENCRYPTION_KEYS."""
    run(_rotate_keys())


async def _rotate_keys() -> None:
    import app.models  # noqa: F401  every table with sealed columns
    from app.encryption.rotation import reseal

    async with own_database() as engine:
        with console.status("重新加密 · sealing") as status:
            rotation = await reseal(
                create_sessions(engine), lambda table, done: status.update(f"{table}: {done}")
            )
    console.print(f"[green]✓[/] 已重新加密 · sealed again: {rotation.resealed}")
    if rotation.left:
        fail(f"无法解密 · cannot be read with these keys: {rotation.left}")
    # By then the answers kept for repeated requests, which are sealed as well, have gone.
    console.print("  一天后可移除其他密钥 · the other keys may be removed in a day's time")
