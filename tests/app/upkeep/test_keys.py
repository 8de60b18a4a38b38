"""The keys in force go into a file apart; they come back where nothing else is in force."""

import stat
from pathlib import Path

import pytest
from psycopg import AsyncConnection
from pydantic import SecretStr
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncSession

from app.encryption.keys import KeyRing, new_key
from app.encryption.repository import note_key
from app.encryption.rotation import MissingKeys
from app.postgres.probe import conninfo
from app.settings import Settings
from app.upkeep.backup import back_up
from app.upkeep.keys import (
    KeysRefused,
    keep_keys,
    key_ids,
    keys_in_force,
    keys_path,
    keys_to_keep,
    write_keys,
)
from app.upkeep.missing_keys import (
    RestoredWithoutKeys,
    holders,
    missing_key_ids,
    own_key_ids,
    require_readable,
)


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Settings:
    """Nothing is given."""
    changed = {"var_folder": tmp_path / "var", "secret_key": SecretStr(""), "encryption_keys": ()}
    return settings.model_copy(update=changed)


def given(settings: Settings, secret_key: str, *ring: str) -> Settings:
    keys = tuple(SecretStr(key) for key in ring)
    changed = {"secret_key": SecretStr(secret_key), "encryption_keys": keys}
    return settings.model_copy(update=changed)


def keep(settings: Settings) -> None:
    """Make both keys, as a first start does."""
    settings.with_secret_key()
    settings.key_ring()


def test_the_keys_that_are_kept_are_backed_up(own: Settings) -> None:
    keep(own)
    files = own.var_folder.iterdir()
    assert keys_in_force(own) == {file.name: file.read_bytes() for file in files}


def test_keys_that_are_given_are_backed_up_in_their_stead(own: Settings) -> None:
    keep(own)
    new, old = new_key(), new_key()
    found = keys_in_force(given(own, "given", new, old))
    assert found == {"secret_key": b"given", "encryption_keys": f"{new}\n{old}".encode()}


def test_keys_that_are_none_are_no_backup(own: Settings) -> None:
    keep(own)
    own.encryption_keys_file.write_bytes(b"no key\xff")
    with pytest.raises(KeysRefused, match="encryption_keys is not right: encryption key 1"):
        key_ids(keys_in_force(own))


def test_a_backup_with_keys_needs_some(own: Settings) -> None:
    with pytest.raises(KeysRefused, match="SECRET_KEY"):
        keys_in_force(own)
    assert not own.var_folder.exists(), "none is made by looking"


async def test_keys_that_do_not_open_what_is_sealed_are_refused(
    session: AsyncSession, own: Settings, database: URL, tmp_path: Path
) -> None:
    """As those of a folder from which the command happens to be called."""
    key, file = new_key(), tmp_path / "one.dump"
    await note_key(session, KeyRing.of([key]).first)
    await session.commit()
    for stranger in (given(own, "given"), given(own, "given", new_key())):
        with pytest.raises(MissingKeys, match="keys that the database needs are missing"):
            await back_up(database, file, keys=keys_in_force(stranger))
        assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240
    made = await back_up(database, file, keys=keys_in_force(given(own, "given", new_key(), key)))
    assert made.has_keys


def test_a_file_of_keys_writes_no_other_file(own: Settings, tmp_path: Path) -> None:
    """Whoever made it could else put any file anywhere."""
    file = tmp_path / "x.dump"
    write_keys(file, {"../evil": b"x", "/evil": b"x", "other": b"x", "secret_key": b"k"})
    assert keys_to_keep(file, own) == {own.secret_key_file: b"k"}


def test_keys_come_back_and_others_are_set_aside(own: Settings) -> None:
    file = own.secret_key_file
    assert keep_keys({file: b"old"}) == ["secret_key"]
    assert keep_keys({file: b"old"}) == []
    file.write_bytes(b"new")
    assert keep_keys({file: b"old"}) == ["secret_key"]
    assert file.read_bytes() == b"old"
    [aside] = own.var_folder.glob("secret_key.replaced-*")
    assert aside.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_no_key_is_kept_that_would_not_be_in_force(own: Settings, tmp_path: Path) -> None:
    file, (new, old, other) = tmp_path / "x.dump", (new_key() for _ in range(3))
    write_keys(file, keys_in_force(given(own, "ours", new, old)))
    for same in (given(own, "ours", old, new), given(own, "ours", other, new, old)):
        assert keys_to_keep(file, same) == {}
    assert set(keys_to_keep(file, given(own, "ours"))) == {own.encryption_keys_file}
    for setting, differing in (
        ("SECRET_KEY", given(own, "another")),
        ("ENCRYPTION_KEYS", given(own, "ours", new)),
    ):
        with pytest.raises(KeysRefused, match=f"{setting} is set and lacks the backup's"):
            keys_to_keep(file, differing)


async def test_the_files_that_hold_a_missing_key_are_found(
    session: AsyncSession, own: Settings, database: URL, tmp_path: Path
) -> None:
    """Those that a restore set aside, too: it is there that a key is looked for."""
    old, dump = new_key(), tmp_path / "x.dump"
    keep_keys({own.encryption_keys_file: f"{new_key()},{old}".encode()})
    keep_keys({own.encryption_keys_file: new_key().encode()})
    wanted = KeyRing.of([old]).first
    await note_key(session, wanted)
    await session.commit()
    async with await AsyncConnection.connect(conninfo(database)) as connection:
        missing = await missing_key_ids(connection, own_key_ids(own))
    assert missing == {wanted}
    [aside] = own.var_folder.glob("encryption_keys.replaced-*")
    assert holders(missing, dump, own) == [aside]
    write_keys(dump, {"encryption_keys": old.encode()})
    assert holders(missing, dump, own) == [aside, keys_path(dump)]
    assert holders({"a1b2c3d4"}, dump, own) == []
    later = aside.with_name("encryption_keys.replaced-99990101000000")
    for file in (later, own.encryption_keys_file):  # a setting may outdo what is kept
        file.write_text(old)
    files = [own.encryption_keys_file, later, aside, keys_path(dump)]
    assert holders(missing, dump, own) == files
    elsewhere = given(own, "given", new_key())
    with pytest.raises(RestoredWithoutKeys, match=f"keys are missing.*\n  → 密钥在 {files[0]}, "):
        await require_readable(database, dump, elsewhere)
    await require_readable(database, dump, own)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ('{"secret_key": 1}', "is damaged"),
        ('{"secret_key": "no base64"}', "is damaged"),
        ("[" * 100_000, "is damaged"),
        ("{}", "holds no key"),
    ],
)
def test_a_file_of_keys_that_is_none(
    own: Settings, tmp_path: Path, content: str | None, said: str
) -> None:
    file = tmp_path / "x.dump"
    if content is not None:
        keys_path(file).write_text(content)
    with pytest.raises(KeysRefused, match=said):
        keys_to_keep(file, own)
