"""The commands of upkeep as people see them, and how findings look: Chinese first, or JSON.

What loads the matching library is imported where it is used: a backup needs none of it.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import typer
from psycopg import AsyncConnection
from rich.console import Console
from rich.markup import escape
from sqlalchemy import URL

from app.database import open_engine
from app.interface.language import Text
from app.postgres.probe import conninfo
from app.postgres.roles import whole_view
from app.postgres.server import database_server
from app.processes.execution import console, fail
from app.processes.preparation import own_database, require_database
from app.scopes import create_sessions
from app.settings import Settings
from app.upkeep import backup
from app.upkeep import restore as restoring
from app.upkeep.findings import Finding, State
from app.upkeep.keys import (
    holders,
    keep_keys,
    keys_in_force,
    keys_path,
    keys_to_keep,
    missing_key_ids,
    own_key_ids,
)

findings_console = Console()
MARKS = {State.GOOD: "[green]✓[/]", State.WARNING: "[yellow]![/]", State.BAD: "[red]✗[/]"}
KEYS_WRITTEN = Text(
    "  密钥在 {path}：有它就能读出备份中的一切，请移到别处保管（密码库、离线介质），"
    "恢复时再放回备份旁",
    "the keys are in {path}: whoever has it and the dump can read everything, so move it elsewhere"
    " (a password safe, a medium offline), and back beside the dump to restore with it",
)


async def back_up(target: Path | None, *, with_keys: bool) -> None:
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


async def restore(dump: Path, *, with_keys: bool, **how: bool) -> None:
    from app.matches.index.snapshots import forget_all

    settings = Settings()
    keys = keys_to_keep(dump, settings) if with_keys else {}
    async with database_server(settings) as database:
        with console.status("恢复 · restoring"):
            async with open_engine(database.owner, settings) as engine:
                manifest = await restoring.restore(engine, database.owner, dump, **how)
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


async def examine(*, as_json: bool) -> None:
    from app.upkeep import doctor

    findings = []
    async for finding in doctor.examine(Settings()):
        findings.append(finding)
        if not as_json:
            show(finding)
    if as_json:
        typer.echo(as_items(findings))
    if not doctor.is_sound(findings):
        raise typer.Exit(1)


async def rotate_keys() -> None:
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


def show(finding: Finding) -> None:
    """The finding, and below it what to do."""
    what = escape(finding.what.in_both)
    findings_console.print(f"{MARKS[finding.state]} {what}", highlight=False, soft_wrap=True)
    if finding.remedy is not None:
        remedy = escape(f"→ {finding.remedy.in_both}")
        findings_console.print(f"  {remedy}", highlight=False, soft_wrap=True)


def as_items(findings: Sequence[Finding]) -> str:
    """A JSON array of {check, state, what, remedy}, texts in both languages."""
    items = [
        {
            "check": finding.check,
            "state": finding.state,
            "what": {"zh-CN": finding.what.zh, "en": finding.what.en},
            "remedy": finding.remedy and {"zh-CN": finding.remedy.zh, "en": finding.remedy.en},
        }
        for finding in findings
    ]
    return json.dumps(items, ensure_ascii=False, indent=1)
