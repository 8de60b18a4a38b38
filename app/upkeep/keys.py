"""The keys beside a backup, in a file apart: whoever has both can read all.

The file holds what was in force, whether a setting gave it or VAR_FOLDER keeps it: of each key the
name of the file that keeps such a key, and its content in base64.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from app.clock import now
from app.encryption.keys import KeyRing
from app.operators import OperatorError
from app.settings import ENCRYPTION_KEYS, Settings
from app.upkeep.archives import write_private


class Refused(OperatorError):
    """Nothing was written."""


def keys_path(dump: Path) -> Path:
    return dump.with_suffix(".keys")


def keys_in_force(settings: Settings) -> dict[str, bytes]:
    """The keys that are given, else those that are kept, by the names of their files.

    Raises Refused when there is none; none is made.
    """
    keys = {
        file.name: given or file.read_bytes()
        for file, given in settings.given_keys.items()
        if given or file.is_file()
    }
    if not keys:
        raise Refused(
            f"没有可备份的密钥：未设置 SECRET_KEY、ENCRYPTION_KEYS，{settings.var_folder} 中也没有",
            "there is no key to back up: neither SECRET_KEY nor ENCRYPTION_KEYS is set, and"
            f" {settings.var_folder} keeps none",
        )
    return keys


def key_ids(keys: Mapping[str, bytes]) -> set[str]:
    """The ids of those among the keys that open sealed values."""
    ring = keys.get(ENCRYPTION_KEYS, b"").decode().split()
    return set(KeyRing.of(ring).keys) if ring else set()


def write_keys(dump: Path, keys: Mapping[str, bytes]) -> None:
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
