"""Keys that were not given are made once and kept in files that only their owner reads."""

from contextlib import suppress
from pathlib import Path

from app import private_files
from app.encryption.keys import KeyRing, NotKeys, new_key, split_keys
from app.operators import OperatorError


class UnusableKeyFile(OperatorError):
    """A file of keys that cannot be read as such."""


def kept(path: Path, new: str) -> str:
    """Read the file; the first process to come makes it, all others read that one.

    Raises UnusableKeyFile for what is no ASCII.
    """
    if not path.exists():
        with suppress(FileExistsError):
            private_files.write_new(path, new.encode("ascii"))
    try:
        return path.read_text(encoding="ascii")
    except UnicodeDecodeError:
        raise _unusable(path, "含有非 ASCII 字符", "it holds more than ASCII") from None


def kept_ring(path: Path) -> KeyRing:
    """The ring of a file of base64 keys, parted by commas or lines, made with one if missing.

    Raises UnusableKeyFile.
    """
    try:
        return KeyRing.of(split_keys(kept(path, new_key())))
    except NotKeys as fault:
        raise _unusable(path, *fault.text) from None


def _unusable(path: Path, zh: str, en: str) -> UnusableKeyFile:
    return UnusableKeyFile(
        f"密钥文件 {path.absolute()} 有误：{zh}",
        f"the file of keys {path.absolute()} is not right: {en}",
    )
