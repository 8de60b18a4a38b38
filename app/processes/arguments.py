"""Checks of a command's arguments whose sentences are in both languages, unlike the library's."""

from pathlib import Path

import typer


def file_there(path: Path) -> Path:
    """The path, if it is a file's; raises BadParameter."""
    if not path.is_file():
        raise typer.BadParameter(f"没有文件 {path} · there is no file {path}")
    return path


def folder_there(path: Path) -> Path:
    """The path, if it is a folder's; raises BadParameter."""
    if not path.is_dir():
        raise typer.BadParameter(f"没有目录 {path} · there is no folder {path}")
    return path
