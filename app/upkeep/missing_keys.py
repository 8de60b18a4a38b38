"""Which keys the sealed values of a database need and nobody has in force, and where they are."""

import shlex
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from psycopg import AsyncConnection, AsyncCursor
from sqlalchemy import URL

from app.folders import ENCRYPTION_KEYS
from app.interface.language import Text
from app.operators import OperatorError
from app.postgres.probe import conninfo
from app.postgres.roles import whole_view
from app.settings import Settings
from app.upkeep.keys import KeysRefused, key_ids, keys_path, read_keys

WITH_KEYS = Text(
    "密钥在 {file}：运行 shuangku restore {dump} --replace --with-keys",
    "they are in {file}: run shuangku restore {dump} --replace --with-keys",
)
TO_ADD = Text(
    "密钥在 {files}：并入 {kept}（每行一个）或 ENCRYPTION_KEYS（.keys 中的为 base64 编码）",
    "they are in {files}: add them to {kept}, one a line, or to ENCRYPTION_KEYS (those of a .keys"
    " are in base64)",
)
TO_FIND = Text(
    "请到备份的 .keys、{kept}.replaced-… 或原主机上找回，并入 {kept} 或 ENCRYPTION_KEYS",
    "look for them in the backup's .keys, in {kept}.replaced-… and on the old host, and add"
    " them to {kept} or ENCRYPTION_KEYS",
)


class RestoredWithoutKeys(OperatorError):
    """The data are restored, and nobody can read what is sealed in them."""


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


def holders(wanted: Collection[str], dump: Path, settings: Settings) -> list[Path]:
    """The files that hold one of the keys, by their ids.

    First the one that VAR_FOLDER keeps, then those that were set aside, the last of them first,
    then the one beside the dump.
    """
    kept = settings.encryption_keys_file.absolute()
    aside = sorted(kept.parent.glob(f"{kept.name}?*"), reverse=True)
    found = [f for f in (kept, *aside) if f.is_file() and _ids_in(f.read_bytes()) & set(wanted)]
    with suppress(KeysRefused):
        if _ids_in(read_keys(dump).get(ENCRYPTION_KEYS, b"")) & set(wanted):
            found.append(keys_path(dump).absolute())
    return found


def _ids_in(content: bytes) -> set[str]:
    with suppress(KeysRefused):
        return key_ids({ENCRYPTION_KEYS: content})
    return set()


async def require_readable(url: URL, dump: Path, settings: Settings) -> None:
    """Raises RestoredWithoutKeys where what was restored is sealed with keys not in force here.

    url: of who owns the tables.
    """
    async with await AsyncConnection.connect(conninfo(whole_view(url))) as connection:
        missing = await missing_key_ids(connection, own_key_ids(settings))
    if missing:
        ids, where = ", ".join(sorted(missing)), _where(missing, dump, settings)
        raise RestoredWithoutKeys(
            f"数据已恢复，但缺少密钥 {ids}：联系方式等已加密的内容无法读取，服务不会启动",
            "the data are restored, but keys are missing: what is sealed cannot be read, and no"
            " service will start",
            f"  → {where.in_both}",
        )


def _where(missing: Collection[str], dump: Path, settings: Settings) -> Text:
    beside, found = keys_path(dump).absolute(), holders(missing, dump, settings)
    if beside in found and not settings.encryption_keys:  # a setting would outdo them
        return WITH_KEYS.format(file=beside, dump=shlex.quote(str(dump)))
    kept = settings.encryption_keys_file.absolute()
    return (TO_ADD if found else TO_FIND).format(files=", ".join(map(str, found)), kept=kept)
