"""What the doctor asks of the machine: Python, packages, folder, key, port, memory, limits."""

import importlib.metadata
import os
import resource
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from pathlib import Path

import httpx
import psutil
from packaging.requirements import Requirement

from app.clock import today
from app.encryption.key_files import UnusableKeyFile
from app.interface.language import Text
from app.processes.addresses import listening_fault, local_url
from app.processes.reloading import runs
from app.processes.unknown_settings import unknown_settings
from app.settings import Settings
from app.upkeep.findings import Finding, bad, good, warning
from app.working_days import is_known, shifted

MB = 1_000_000
FREE_BAD, FREE_WARNING = 200 * MB, 2_000 * MB
MEMORY_BAD, MEMORY_WARNING = 300 * MB, 1_000 * MB
FILES_BAD, FILES_WARNING = 256, 1024
COUNTED_DAYS = 30  # working days that a deadline lies ahead
PYTHONS = ((3, 11), (3, 14))


def examine(settings: Settings, unread: Collection[str] = ()) -> Iterator[Finding]:
    """Everything that needs no database; blocking, for a second or two.

    unread: settings that are at fault, so that nothing can be said of what they name.
    """
    yield python(sys.version_info[:2])
    yield packages()
    yield setting_names(unknown_settings())
    yield working_days(today())
    yield from folder(settings.var_folder)
    if "secret_key" not in unread:
        yield secret_key(settings)
    if "encryption_keys" not in unread:
        yield encryption_key_file(settings)
    if "port" not in unread:
        yield port(settings)
    yield memory(psutil.virtual_memory().available)
    yield open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def python(version: tuple[int, ...]) -> Finding:
    shown = ".".join(map(str, version))
    if PYTHONS[0] <= version < PYTHONS[1]:
        return good("python", f"Python {shown}", f"Python {shown}")
    return bad(
        "python",
        Text(f"Python {shown} 不受支持", f"Python {shown} is not supported"),
        Text(
            "安装 Python 3.11 至 3.13，再运行 make serve", "install 3.11 to 3.13, then make serve"
        ),
    )


def working_days(day: date) -> Finding:
    """Whether deadlines that are counted now meet holidays that are known."""
    end = shifted(day, COUNTED_DAYS)
    if is_known(end.year):
        return good("working_days", "节假日安排已知", "the holidays are known")
    return warning(
        "working_days",
        Text(
            f"{end.year} 年节假日安排未知，按周一至周五计算工作日",
            f"the holidays of {end.year} are not known; Monday to Friday count as working days",
        ),
        Text(
            "升级 chinesecalendar（每年十一月后发布次年安排）",
            "upgrade chinesecalendar, whose release of November tells those of the next year",
        ),
    )


def packages() -> Finding:
    """What the service's own package asks for is there, in a version that it takes."""
    wrong = [name for name in map(_unmet, importlib.metadata.requires("shuangku") or ()) if name]
    if not wrong:
        return good("packages", "依赖齐全", "all packages are there")
    names = ", ".join(wrong)
    return bad(
        "packages",
        Text(f"缺少依赖或版本不符：{names}", f"missing, or of another version: {names}"),
        Text("运行 make serve 重新安装", "run make serve, which installs them"),
    )


def _unmet(line: str) -> str | None:
    requirement = Requirement(line)
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return None
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return requirement.name
    fits = requirement.specifier.contains(version, prereleases=True)
    return None if fits else f"{requirement.name} {version}"


def setting_values(faults: Sequence[Text]) -> Finding:
    return bad(
        "setting_values",
        Text("；".join(text.zh for text in faults), "; ".join(text.en for text in faults)),
        Text(
            "改正后重试；app/settings.py 说明每项可取的值。以下各项按其默认值检查",
            "mend it: app/settings.py says what each may be. What follows is of its default",
        ),
    )


def setting_names(unknown: Sequence[Text]) -> Finding:
    if not unknown:
        return good("settings", "设置项名称无误", "no setting is misspelt")
    return warning(
        "settings",
        Text("；".join(text.zh for text in unknown), "; ".join(text.en for text in unknown)),
        Text(
            "改正名称；所有设置见 app/settings.py，没有前缀",
            "mend the name; app/settings.py lists all, and they have no prefix",
        ),
    )


def folder(path: Path) -> Iterator[Finding]:
    """Whether the service can keep its files, and whether others cannot read them."""
    place = _existing(path.absolute())
    try:
        with tempfile.NamedTemporaryFile(dir=place, prefix=".doctor-"):
            pass
    except OSError as error:
        yield bad(
            "folder",
            Text(f"无法写入 {place}：{error.strerror}", f"cannot write {place}: {error.strerror}"),
            Text("改正权限，或另设 VAR_FOLDER", "set its rights right, or another VAR_FOLDER"),
        )
        return
    if place == path.absolute() and place.stat().st_mode & stat.S_IWOTH:
        yield bad(
            "folder",
            Text(f"任何人都能写入 {place}", f"anybody can write {place}"),
            Text(f"chmod o-w {place}", f"chmod o-w {place}"),
        )
    else:
        yield good("folder", f"数据目录可用：{place}", f"the folder can be used: {place}")
    yield free_space(place, shutil.disk_usage(place).free)


def _existing(path: Path) -> Path:
    """The folder, or the one in which it will be made."""
    return next((p for p in (path, *path.parents) if os.path.lexists(p)), path)


def free_space(place: Path, free: int) -> Finding:
    amount = f"{free // MB:,} MB"
    if free >= FREE_WARNING:
        return good("space", f"磁盘剩余 {amount}", f"{amount} of disk left")
    what = Text(f"{place} 磁盘只剩 {amount}", f"only {amount} left at {place}")
    remedy = Text("腾出空间：旧备份、日志", "make room: old backups, logs")
    return (bad if free < FREE_BAD else warning)("space", what, remedy)


def secret_key(settings: Settings) -> Finding:
    """Whether it can be read, and only by its owner; a given one was looked at as a setting."""
    check, file = "secret_key", settings.secret_key_file
    if settings.secret_key:
        return good(check, "密钥来自 SECRET_KEY", "the key comes from SECRET_KEY")
    if not os.path.lexists(file):
        return good(check, "首次启动时生成密钥", "made at the first start")
    try:
        settings.with_secret_key()
        mode = stat.S_IMODE(file.stat().st_mode)
    except (UnusableKeyFile, OSError) as error:
        return bad(
            check,
            _unreadable(file, error),
            Text(f"改正 {file}，或从备份恢复", f"mend {file}, or restore it from a backup"),
        )
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return bad(
            check,
            Text(f"别人也能读取密钥文件（{mode:o}）", f"others can read the key's file ({mode:o})"),
            Text(f"chmod 600 {file}", f"chmod 600 {file}"),
        )
    return good(check, f"密钥来自 {file}", f"the key comes from {file}")


def _unreadable(file: Path, error: UnusableKeyFile | OSError) -> Text:
    if isinstance(error, UnusableKeyFile):
        return error.text
    reason = f"{file}: {type(error).__name__}"
    return Text(f"无法读取 {reason}", f"unreadable: {reason}")


def encryption_key_file(settings: Settings) -> Finding:
    """Whether what is kept are keys; whether they are the right ones, the database tells."""
    check, file = "encryption_key_file", settings.encryption_keys_file
    if settings.encryption_keys:
        source = "ENCRYPTION_KEYS"
        return good(check, f"加密密钥来自 {source}", f"encryption keys come from {source}")
    if not os.path.lexists(file):
        absent = file.absolute()  # whether that is as it should be, the database tells
        return good(check, f"没有密钥文件 {absent}", f"there is no file of keys: {absent}")
    try:
        count = len(settings.key_ring().keys)
    except (UnusableKeyFile, OSError) as error:
        return bad(
            check,
            _unreadable(file, error),
            Text(
                f"每行一个 base64 密钥（openssl rand -base64 32 的格式）；改正，或从备份的 .keys"
                f" 恢复 {file}；不要换成新密钥，否则已加密的内容无法读取",
                "one base64 key a line, as openssl rand -base64 32 makes them; mend the file or"
                " restore it from a backup's .keys; a new key would open nothing",
            ),
        )
    return good(check, f"加密密钥 {count} 个：{file}", f"{count} encryption keys: {file}")


def port(settings: Settings) -> Finding:
    """Free, or this service's already."""
    number = settings.port
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            settings.host, number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        if is_served(settings):
            return good("port", f"服务正在运行：{number}", f"the service runs: {number}")
        fault = listening_fault(settings, error)
        return bad("port", fault.what, fault.remedy)
    return good("port", f"端口 {number} 空闲", f"port {number} is free")


def is_served(settings: Settings) -> bool:
    """Whether the service of this folder and port runs, and answers."""
    if not runs(settings.var_folder, settings.port):
        return False
    try:
        url = f"{local_url(settings.host, settings.port)}/livez"
        answer = httpx.get(url, timeout=3, trust_env=False)
        return bool(answer.json() == {"status": "ok"})
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return False


def memory(available: int) -> Finding:
    amount = f"{available // MB:,} MB"
    if available >= MEMORY_WARNING:
        return good("memory", f"可用内存 {amount}", f"{amount} of memory available")
    what = Text(f"可用内存只有 {amount}", f"only {amount} of memory available")
    remedy = Text("停掉别的程序，或加内存", "stop other programs, or add memory")
    return (bad if available < MEMORY_BAD else warning)("memory", what, remedy)


def open_files(limit: int) -> Finding:
    if limit >= FILES_WARNING or limit == resource.RLIM_INFINITY:
        return good("open_files", f"可打开文件 {limit}", f"{limit} files may be open")
    what = Text(f"最多只能打开 {limit} 个文件", f"only {limit} files may be open")
    remedy = Text(
        f"ulimit -n {FILES_WARNING * 4}（systemd：LimitNOFILE）",
        f"ulimit -n {FILES_WARNING * 4} (systemd: LimitNOFILE)",
    )
    return (bad if limit < FILES_BAD else warning)("open_files", what, remedy)
