"""The keys of a backup, in a file beside it, to be moved elsewhere: whoever has both can read all.

The file holds what was in force, whether a setting gave it or VAR_FOLDER keeps it: of each key the
name of the file that keeps such a key, and its content in base64.
"""

import base64
import json
from collections.abc import Mapping
from pathlib import Path

from app import private_files
from app.clock import now
from app.encryption.keys import KeyRing, NotKeys, split_keys
from app.folders import ENCRYPTION_KEYS
from app.operators import OperatorError
from app.settings import Settings


class KeysRefused(OperatorError):
    """Keys that are missing, damaged or not all that are needed; nothing was written."""


def keys_path(dump: Path) -> Path:
    return dump.with_suffix(".keys")


def keys_in_force(settings: Settings) -> dict[str, bytes]:
    """The keys that are given, else those that are kept, by the names of their files.

    Raises KeysRefused when there is none; none is made.
    """
    keys = {
        file.name: given or file.read_bytes()
        for file, given in settings.given_keys.items()
        if given or file.is_file()
    }
    if not keys:
        raise KeysRefused(
            f"没有可备份的密钥：未设置 SECRET_KEY、ENCRYPTION_KEYS，{settings.var_folder} 中也没有",
            "there is no key to back up: neither SECRET_KEY nor ENCRYPTION_KEYS is set, and"
            f" {settings.var_folder} keeps none",
        )
    return keys


def key_ids(keys: Mapping[str, bytes]) -> set[str]:
    """The ids of those among the keys that open sealed values; KeysRefused for what is none."""
    ring = _ring(keys.get(ENCRYPTION_KEYS, b""))
    try:
        return set(KeyRing.of(ring).keys) if ring else set()
    except NotKeys as fault:
        raise KeysRefused(
            f"{ENCRYPTION_KEYS} 有误：{fault.text.zh}",
            f"{ENCRYPTION_KEYS} is not right: {fault.text.en}",
        ) from None


def _ring(content: bytes) -> list[str]:
    return split_keys(content.decode(errors="replace"))


def write_keys(dump: Path, keys: Mapping[str, bytes]) -> None:
    encoded = {name: base64.b64encode(content).decode() for name, content in keys.items()}
    private_files.write(keys_path(dump), json.dumps(encoded, indent=1).encode())


def read_keys(dump: Path) -> dict[str, bytes]:
    """The keys beside the dump. Raises KeysRefused when they are missing or damaged."""
    path = keys_path(dump)
    try:
        encoded = json.loads(path.read_bytes())
        keys = {name: base64.b64decode(text, validate=True) for name, text in encoded.items()}
    except OSError as error:
        raise KeysRefused(f"无法读取密钥文件 {path}", f"the keys cannot be read: {path}") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise KeysRefused(
            f"密钥文件已损坏：{path}", f"the file of keys is damaged: {path}"
        ) from error
    if not keys:
        raise KeysRefused(f"{path} 中没有密钥", f"{path} holds no key")
    return keys


def keys_to_keep(dump: Path, settings: Settings) -> dict[Path, bytes]:
    """The keys beside the dump that no setting gives, by the files that are to keep them.

    Raises KeysRefused like `read_keys`, and for a setting that lacks one: it would be in force, and
    what is kept would not.
    """
    found, kept = read_keys(dump), dict[Path, bytes]()
    for file, given in settings.given_keys.items():
        content = found.get(file.name, b"")
        if not given and content:
            kept[file] = content
        elif not set(_ring(content)) <= set(_ring(given)):
            name, path = file.name.upper(), keys_path(dump)
            raise KeysRefused(
                f"已设置的 {name} 缺少备份的密钥：去掉该设置，或补上 {path} 中的（base64 编码）",
                f"{name} is set and lacks the backup's: unset it, or add that of {path} (base64)",
            )
    return kept


def keep_keys(keys: Mapping[Path, bytes]) -> list[str]:
    """Write the keys into their files; another content is set aside.

    Returns the names of those that were written.
    """
    written = []
    for file, content in keys.items():
        old = file.read_bytes() if file.exists() else None
        if old == content:
            continue
        if old is not None:
            aside = file.with_name(f"{file.name}.replaced-{now():%Y%m%d%H%M%S}")
            private_files.write_new(aside, old)
        private_files.write(file, content)
        written.append(file.name)
    return written
