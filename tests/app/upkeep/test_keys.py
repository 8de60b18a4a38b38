"""The keys in force go into a file apart; they come back where nothing else is in force."""

import stat
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncSession

from app.encryption.keys import KeyRing, new_key
from app.encryption.repository import note_key
from app.settings import Settings
from app.upkeep import backup
from app.upkeep.backup import back_up
from app.upkeep.keys import Refused, keys_in_force, restore_keys, write_keys


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


def test_a_backup_with_keys_needs_some(own: Settings) -> None:
    with pytest.raises(Refused, match="SECRET_KEY"):
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
        with pytest.raises(backup.Refused, match="lacks keys that the database needs"):
            await back_up(database, file, keys=keys_in_force(stranger))
        assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240
    made = await back_up(database, file, keys=keys_in_force(given(own, "given", new_key(), key)))
    assert made.has_keys


def test_a_file_of_keys_writes_no_other_file(own: Settings, tmp_path: Path) -> None:
    """Whoever made it could else put any file anywhere."""
    file = tmp_path / "x.dump"
    write_keys(file, {"../evil": b"x", "/evil": b"x", "other": b"x", "secret_key": b"k"})
    assert restore_keys(file, own.given_keys) == ["secret_key"]
    assert {path.name for path in own.var_folder.iterdir()} == {"secret_key"}
    assert not (tmp_path / "evil").exists()


def test_keys_come_back_and_others_are_set_aside(own: Settings, tmp_path: Path) -> None:
    folder, file, places = own.var_folder, tmp_path / "x.dump", own.given_keys
    write_keys(file, {"secret_key": b"old"})
    assert restore_keys(file, places) == ["secret_key"]
    assert restore_keys(file, places) == []
    (folder / "secret_key").write_bytes(b"new")
    assert restore_keys(file, places) == ["secret_key"]
    assert (folder / "secret_key").read_bytes() == b"old"
    [aside] = folder.glob("secret_key.replaced-*")
    assert aside.read_bytes() == b"new"
    assert stat.S_IMODE((folder / "secret_key").stat().st_mode) == 0o600
