"""The commands of upkeep as people see them: what each says, and where it ends.

What loads the matching library is imported where it is used: a backup needs none of it.
"""

from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape

from app.database import open_engine
from app.interface.language import Text
from app.postgres.server import database_server
from app.processes.execution import fail
from app.processes.preparation import own_database, require_database
from app.scopes import create_sessions
from app.settings import Settings
from app.upkeep import backup
from app.upkeep import restore as restoring
from app.upkeep.keys import keep_keys, keys_in_force, keys_path, keys_to_keep
from app.upkeep.missing_keys import require_readable
from app.upkeep.presentation import as_items, show

KEYS_WRITTEN = Text(
    "  密钥在 {path}：有它就能读出备份中的一切，请移到别处保管（密码库、离线介质），"
    "恢复时再放回备份旁",
    "the keys are in {path}: whoever has it and the dump can read everything, so move it elsewhere"
    " (a password safe, a medium offline), and back beside the dump to restore with it",
)


async def back_up(target: Path | None, *, with_keys: bool, console: Console) -> None:
    """The dump's path goes to standard output."""
    settings = Settings()
    require_database(settings)
    keys = keys_in_force(settings) if with_keys else {}
    path = backup.dump_path(target or settings.backups_folder)
    async with database_server(settings) as database:
        with console.status("备份 · backing up"):
            manifest = await backup.back_up(database.owner, path, keys=keys)
    rows = sum(count for count, _ in manifest.tables.values())
    tables = len(manifest.tables)
    console.print(f"[green]✓[/] 已备份 · backed up: {rows} rows, {tables} tables", highlight=False)
    typer.echo(path)
    if keys:
        console.print(escape(KEYS_WRITTEN.format(path=keys_path(path)).in_both), soft_wrap=True)


async def restore(
    dump: Path, *, with_keys: bool, replaces: bool, unverified: bool, console: Console
) -> None:
    """Raises RestoredWithoutKeys, and what `app.upkeep.restore.restore` raises."""
    from app.matches.index.snapshots import forget_all

    settings = Settings()
    keys = keys_to_keep(dump, settings) if with_keys else {}
    async with database_server(settings) as database:
        with console.status("恢复 · restoring"):
            async with open_engine(database.owner, settings) as engine:
                manifest = await restoring.restore(
                    engine, database.owner, dump, replaces=replaces, unverified=unverified
                )
        if with_keys:
            written = ", ".join(keep_keys(keys)) or "原已在用 · in force already"
            console.print(f"  密钥 · keys: {written}")
        if manifest is None:
            console.print(
                "[yellow]![/] 没有清单，行数未核对 · no manifest, so rows were not verified"
            )
        if forget_all(settings.indexes_folder):
            console.print("  旧索引已清除，启动时重建 · saved indexes dropped, they are made again")
        await require_readable(database.owner, dump, settings)
    console.print("[green]✓[/] 已恢复 · restored")


async def examine(*, as_json: bool, console: Console) -> None:
    """The findings, each as soon as it is there; exit code 1 when one is bad."""
    from app.processes.bad_settings import read_settings
    from app.upkeep import doctor

    findings, read = [], read_settings()
    async for finding in doctor.examine(read.settings, read.faults):
        findings.append(finding)
        if not as_json:
            show(finding, console)
    if as_json:
        typer.echo(as_items(findings))
    if not doctor.is_sound(findings):
        raise typer.Exit(1)


async def rotate_keys(console: Console) -> None:
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
