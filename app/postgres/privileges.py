"""Who runs the embedded PostgreSQL, and how it reaches its files.

PostgreSQL refuses to run as root, and containers and quick trials often are root. Then a system
user lends its name. It cannot pass a folder such as /root (mode 0700), where a clone of root's
holds both the data and the binaries. Moving them would take the data out of the folder that was
asked for and copy 41 MB a version; a mount or user namespace is forbidden in most containers. So
the server keeps one capability, CAP_DAC_OVERRIDE, which is in a container's default set; nobody
gains by it, since only root can enter the socket's folder. `setpriv` costs 1 ms. Its secure bit
keeps access(2) from dropping the capability: without it initdb calls its own binaries invalid.
"""

import os
import pwd
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.locks import held
from app.postgres.errors import EmbeddedServerError

SYSTEM_USER = "shuangku-pg"
ADDING = Path("/run", f"{SYSTEM_USER}.lock")  # where only root can write
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
OVERRIDE = (
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
    "--securebits=+no_setuid_fixup",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUser:
    uid: int
    gid: int


def server_user(data: Path) -> ServerUser:
    """The caller; for root the owner of the data if they exist, else the system user."""
    if os.geteuid() != 0:
        return ServerUser(uid=os.geteuid(), gid=os.getegid())
    if data.exists():
        owner = data.stat()
        return ServerUser(uid=owner.st_uid, gid=owner.st_gid)
    return _system_user()


def make_private(folder: Path, user: ServerUser) -> None:
    """Give the folder to the user, mode 0700, making it if missing.

    Raises EmbeddedServerError if it is a stranger's or no folder: under /tmp anybody may have
    made it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), user.uid}:
        raise EmbeddedServerError(
            f"内置 PostgreSQL 无法使用 {folder}:它属于用户 {found.st_uid},或不是目录",
            f"embedded PostgreSQL cannot use {folder}, which belongs to user {found.st_uid}"
            " or is no folder",
        )
    if found.st_uid != user.uid:
        os.chown(folder, user.uid, user.gid, follow_symlinks=False)
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)


def privileges(user: ServerUser, folder: Path, binaries: Path) -> tuple[str, ...]:
    """The command under which the user's programs run; empty if the caller is that user.

    Raises EmbeddedServerError if the user reaches the folder or the programs by no means.
    """
    if os.geteuid() != 0:
        return ()
    plain = ("setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups")
    for command in ((*plain, "--inh-caps=-all"), (*plain, *OVERRIDE)):
        if _reaches(command, folder, binaries):
            return command
    raise EmbeddedServerError(
        f"系统用户 {user.uid} 够不到 {folder} 或 {binaries}:请移到普通位置,或改用普通用户运行",
        f"user {user.uid} cannot reach {folder} or {binaries}: move them, or run as an ordinary"
        " user",
    )


def _reaches(command: Sequence[str], folder: Path, binaries: Path) -> bool:
    # Really enter and really run: asking access(2) would leave out libraries and capabilities.
    # Both, since a package's files need not share one mode and only initdb loads libpq.
    script = 'cd "$1" && "$2"/initdb --version && exec "$2"/postgres --version'
    probe = [*command, "/bin/sh", "-c", script, "sh", str(folder), str(binaries)]
    return subprocess.run(probe, cwd="/", env=ENVIRONMENT, capture_output=True).returncode == 0


def _system_user() -> ServerUser:
    # One at a time: of two that add the same user, the second gives the name another number.
    with held(ADDING):
        try:
            entry = pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            entry = _add_system_user()
    return ServerUser(uid=entry.pw_uid, gid=entry.pw_gid)


def _add_system_user() -> pwd.struct_passwd:
    home = ("--home-dir", "/nonexistent", "--no-create-home", "--shell", "/usr/sbin/nologin")
    command = ["useradd", "--system", "--user-group", *home, SYSTEM_USER]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise EmbeddedServerError(
            f"无法创建系统用户 {SYSTEM_USER}:请改用普通用户运行",
            f"cannot add the system user {SYSTEM_USER}: run as an ordinary user",
            done.stderr.strip(),
        ) from None
