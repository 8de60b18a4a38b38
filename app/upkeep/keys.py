"""The keys beside a backup, in a file apart: whoever has both can read all."""

import base64
import json
from collections.abc import Iterable
from pathlib import Path

from app.clock import now
from app.upkeep.archives import write_private


def keys_path(dump: Path) -> Path:
    return dump.with_suffix(".keys")


def kept_keys(files: Iterable[Path]) -> dict[str, bytes]:
    """The keys in those of the files that are there, by the files' names."""
    return {file.name: file.read_bytes() for file in files if file.is_file()}


def write_keys(dump: Path, keys: dict[str, bytes]) -> None:
    encoded = {name: base64.b64encode(content).decode() for name, content in keys.items()}
    write_private(keys_path(dump), json.dumps(encoded, indent=1).encode())


def read_keys(dump: Path) -> dict[str, bytes]:
    encoded = json.loads(keys_path(dump).read_bytes())
    return {name: base64.b64decode(content) for name, content in encoded.items()}


def restore_keys(dump: Path, files: Iterable[Path]) -> list[str]:
    """Put the backup's keys into the files of their names; another content is set aside.

    Returns the names of those that were written.
    """
    keys, written = read_keys(dump), []
    for file in files:
        content = keys.get(file.name)
        if content is None or (file.exists() and file.read_bytes() == content):
            continue
        if file.exists():
            file.rename(file.with_name(f"{file.name}.replaced-{now():%Y%m%d%H%M%S}"))
        file.parent.mkdir(parents=True, exist_ok=True)
        write_private(file, content)
        written.append(file.name)
    return written
