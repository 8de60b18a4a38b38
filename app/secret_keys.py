"""The key that signs tokens and cursors: whoever guesses it signs in as anybody."""

import secrets
from pathlib import Path

from app.encryption.key_files import UnusableKeyFile, kept
from app.interface.language import Text

LENGTH = 32  # characters at least
TOO_SHORT = Text(
    f"太短，至少 {LENGTH} 个字符：换用 openssl rand -hex 32 的输出，各主机一致；"
    "已签发的访问令牌随之失效",
    f"too short, {LENGTH} characters at least: openssl rand -hex 32 makes one, the same for all"
    " hosts; access tokens that are out end with the old one",
)


def is_short(key: str) -> bool:
    return len(key) < LENGTH


def kept_secret_key(file: Path) -> str:
    """The key in the file, made if missing; raises UnusableKeyFile."""
    if is_short(key := kept(file, secrets.token_urlsafe(48))):
        raise UnusableKeyFile(
            f"{file.absolute()} 中的密钥{TOO_SHORT.zh}",
            f"the key in {file.absolute()} is {TOO_SHORT.en}",
        )
    return key
