"""The keys of a backup, in a file beside it, to be moved elsewhere: whoever has both can read all.

The file holds what was in force, whether a setting gave it or VAR_FOLDER keeps it: of each key the
name of the file that keeps such a key, and its content in base64.
"""

import base64
import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from psycopg import AsyncConnection, AsyncCursor

from app import private_files
from app.clock import now
from app.encryption.keys import KeyRing, NotKeys, split_keys
from app.operators import OperatorError
from app.settings import ENCRYPTION_KEYS, Settings


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
    """The ids of those among the keys that open sealed values. Raises Refused for what is none."""
    ring = _ring(keys.get(ENCRYPTION_KEYS, b""))
    try:
        return set(KeyRing.of(ring).keys) if ring else set()
    except NotKeys as fault:
        raise Refused(
            f"{ENCRYPTION_KEYS} 有误：{fault.text.zh}",
            f"{ENCRYPTION_KEYS} is not right: {fault.text.en}",
        ) from None


def _ring(content: bytes) -> list[str]:
    return split_keys(content.decode(errors="replace"))


async def missing_key_ids(connection: AsyncConnection, own: Collection[str]) -> set[str]:
    """The ids of the keys that the database's sealed values need and that are not among these.

    The connection is that of who sees all rows, see `app.postgres.roles.whole_view`.
    """
    cursor: AsyncCursor[tuple[str]] = await connection.execute("SELECT key_id FROM encryption_keys")
    return {row[0] for row in await cursor.fetchall()} - set(own)


def own_key_ids(settings: Settings) -> set[str]:
    """The ids of the keys to sealed values that are given or else kept; none is made."""
    file = settings.encryption_keys_file
    return _ids_in(settings.given_keys[file] or (file.read_bytes() if file.is_file() else b""))


def holders(key_ids: Collection[str], dump: Path, settings: Settings) -> list[Path]:
    """The files beside the dump and in VAR_FOLDER that hold one of the keys, newest first."""
    kept = sorted(settings.var_folder.absolute().glob(f"{ENCRYPTION_KEYS}*"), reverse=True)
    found = [file for file in kept if file.is_file() and _ids_in(file.read_bytes()) & set(key_ids)]
    with suppress(Refused):
        if _ids_in(read_keys(dump).get(ENCRYPTION_KEYS, b"")) & set(key_ids):
            found.append(keys_path(dump).absolute())
    return found


def _ids_in(content: bytes) -> set[str]:
    with suppress(Refused):
        return key_ids({ENCRYPTION_KEYS: content})
    return set()


def write_keys(dump: Path, keys: Mapping[str, bytes]) -> None:
    encoded = {name: base64.b64encode(content).decode() for name, content in keys.items()}
    private_files.write(keys_path(dump), json.dumps(encoded, indent=1).encode())


def read_keys(dump: Path) -> dict[str, bytes]:
    """The keys beside the dump. Raises Refused when they are missing or damaged."""
    path = keys_path(dump)
    try:
        encoded = json.loads(path.read_bytes())
        keys = {name: base64.b64decode(text, validate=True) for name, text in encoded.items()}
    except OSError as error:
        raise Refused(f"无法读取密钥文件 {path}", f"the keys cannot be read: {path}") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(f"密钥文件已损坏：{path}", f"the file of keys is damaged: {path}") from error
    if not keys:
        raise Refused(f"{path} 中没有密钥", f"{path} holds no key")
    return keys


def keys_to_keep(dump: Path, settings: Settings) -> dict[Path, bytes]:
    """The keys beside the dump that no setting gives, by the files that are to keep them.

    Raises Refused like `read_keys`, and for a setting that lacks one: it would be in force, and
    what is kept would not.
    """
    found, kept = read_keys(dump), dict[Path, bytes]()
    for file, given in settings.given_keys.items():
        content = found.get(file.name, b"")
        if not given and content:
            kept[file] = content
        elif not set(_ring(content)) <= set(_ring(given)):
            name, path = file.name.upper(), keys_path(dump)
            raise Refused(
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
