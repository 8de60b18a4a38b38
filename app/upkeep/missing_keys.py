"""Which keys the sealed values of a database need and nobody has in force, and where they are."""

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from psycopg import AsyncConnection, AsyncCursor
from sqlalchemy import URL

from app.interface.language import Text
from app.operators import OperatorError
from app.postgres.probe import conninfo
from app.postgres.roles import whole_view
from app.settings import ENCRYPTION_KEYS, Settings
from app.upkeep.keys import KeysRefused, key_ids, keys_path, read_keys


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


async def require_keys(url: URL, dump: Path, settings: Settings) -> None:
    """Raises RestoredWithoutKeys where what was restored is sealed with keys not in force here.

    url: of who owns the tables.
    """
    async with await AsyncConnection.connect(conninfo(whole_view(url))) as connection:
        missing = await missing_key_ids(connection, own_key_ids(settings))
    if missing:
        ids, where = ", ".join(sorted(missing)), _where(holders(missing, dump, settings), settings)
        raise RestoredWithoutKeys(
            f"数据已恢复，但缺少密钥 {ids}：联系方式等已加密的内容无法读取，服务不会启动",
            "the data are restored, but keys are missing: what is sealed cannot be read, and no"
            " service will start",
            f"  → {where.in_both}",
        )


def _where(found: Collection[Path], settings: Settings) -> Text:
    text = (
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
    )
    kept = settings.encryption_keys_file.absolute()
    return text.format(files=", ".join(map(str, found)), kept=kept)
