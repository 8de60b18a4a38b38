"""The commands of whoever keeps the service up: backup, restore, doctor and new keys."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.processes.arguments import file_there
from app.processes.execution import console, run

upkeep = typer.Typer()


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
    from app.upkeep import terminal

    run(terminal.back_up(target, with_keys=with_keys, console=console))


@upkeep.command()
def restore(
    dump: Annotated[Path, typer.Argument(callback=file_there, help="NAME.dump")],
    replace: Annotated[
        bool, typer.Option("--replace", help="替换已有数据 · in the place of what is there")
    ] = False,
    with_keys: Annotated[bool, typer.Option("--with-keys", help="连同密钥 · keys, too")] = False,
    unverified: Annotated[bool, typer.Option("--unverified", help="无清单 · no manifest")] = False,
) -> None:
    """恢复备份 · Restore a backup into an empty database; stop the service first."""
    from app.upkeep import terminal

    run(
        terminal.restore(
            dump, with_keys=with_keys, replaces=replace, unverified=unverified, console=console
        )
    )


@upkeep.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="给程序读 · for programs")] = False,
) -> None:
    """检查 · Say what is wrong and what to do; exit code 1 when something is bad."""
    from app.upkeep import terminal

    run(terminal.examine(as_json=as_json, console=Console()), warns=False, examines=True)


@upkeep.command(name="rotate-keys")
def rotate_keys() -> None:
    """更换加密密钥 · Put all sealed values under the first of the ENCRYPTION_KEYS."""
    from app.upkeep import terminal

    run(terminal.rotate_keys(console))
